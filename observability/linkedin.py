"""The dashboard of LinkedIn's API as syncd meets it: how fast, with which answers, and what holds requests back."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from observability.panels import (
    RATE,
    Choice,
    Dashboard,
    Kind,
    Panel,
    Query,
    Row,
    above,
    bars,
    below,
    like,
    lines,
    number,
    of,
    quantiles,
)

_MEMBER: Final = 'member=~"$member"'
_RESOURCE: Final = 'resource=~"$resource"'
_DURATION: Final = "syncd_api_request_duration_seconds"
_API: Final = "syncd_api_requests_total"


def _both(metric: str, *matchers: str) -> str:
    return of(metric, _MEMBER, _RESOURCE, *matchers)


_ANSWERS: Final = Row(
    title="Answers",
    panels=[
        number(
            "Requests that succeed",
            "percentunit",
            "Of the last hour, answers of 2xx. Below 99 %: statuses say whether it is throttling, a refusal or LinkedIn.",
            f"sum(increase({_both(_API, like('status', '2..'))}[1h])) / sum(increase({_both(_API)}[1h]))",
            below(0.95, 0.99),
        ),
        replace(
            lines(
                "Statuses",
                "reqps",
                "0 is no answer. 401, 403, 426: see what is parked. 429: see throttles. 0 or 5xx: LinkedIn or the network.",
                {"{{status}}": f"sum by (status) (rate({_both(_API)}[{RATE}]))"},
            ),
            stacked=True,
            width=12,
            height=10,
        ),
        replace(
            lines(
                "Requests by resource",
                "reqps",
                "Which part of the API is used, and how much.",
                {"{{resource}}": f"sum by (resource) (rate({_both(_API)}[{RATE}]))"},
            ),
            height=10,
        ),
        Panel(
            kind=Kind.HEAT,
            title="How long do requests take?",
            todo="Requests by duration. A second band far above the first: LinkedIn or the proxy is slow at times; syncd waits "
            "and needs nothing. Near linkedin.request_timeout: batches are sent twice.",
            unit="s",
            queries=[
                Query(expr=f"sum by (le) (increase({of(f'{_DURATION}_bucket', _RESOURCE)}[{RATE}]))", legend="{{le}}")
            ],
            width=16,
            height=10,
        ),
        replace(
            lines(
                "Latency by resource",
                "s",
                "Near linkedin.request_timeout: raise it, or find out what the proxy does.",
                quantiles(_DURATION, _RESOURCE, apart="resource"),
                above(5, 20),
            ),
            height=10,
        ),
    ],
)
_LIMITS: Final = Row(
    title="Limits",
    panels=[
        lines(
            "Requests of the last minute, and the limit",
            "short",
            "At the limit for hours, and no backfill runs: give some of the member's segments to another one. The limit "
            "differs from your agreement: set limits.users_per_minute, limits.companies_per_minute.",
            {
                "{{member}} {{resource}}": f"max by (member, resource) ({_both('syncd_requests_last_minute')})",
                "limit of {{member}} {{resource}}": f"max by (member, resource) ({_both('syncd_requests_limit')})",
            },
            above(480),
        ),
        lines(
            "What do requests wait for their turn?",
            "s",
            "Seconds all day: the member is at its limit.",
            quantiles("syncd_pacer_wait_seconds", _RESOURCE, apart="resource"),
            above(5, 30),
        ),
        lines(
            "Throttles by scope",
            "short",
            "Answers 429. minute: another program uses the same token. A day's limit ends at midnight UTC. segment_limit: "
            "delete segments that nobody uses.",
            {
                "{{member}} {{resource}} {{scope}}": f"sum by (member, resource, scope) (increase({_both('syncd_throttled_total')}[{RATE}]))"
            },
            above(1),
        ),
        lines(
            "How long is a resource paused?",
            "s",
            "Seconds until it goes on. It does not come down: the throttles and statuses have the cause.",
            {"{{member}} {{resource}}": f"max by (member, resource) ({_both('syncd_backoff_seconds')})"},
            above(60, 3_600),
        ),
        bars(
            "Segments of an ad account",
            "short",
            "Everybody's; LinkedIn takes 1,000. Above 900: `syncd accounts audiences --could-go` lists what could go.",
            {"{{account}}": f"max by (account) ({of('syncd_account_segments', _MEMBER)})"},
            above(900, 990),
        ),
        bars(
            "May the member write?",
            "short",
            "0: ask the account's owner for the role CAMPAIGN_MANAGER.",
            {"{{member}} {{account}}": f"min by (member, account) ({of('syncd_member_may_write', _MEMBER)})"},
            below(0.5, 1),
        ),
    ],
)
_PARKED: Final = Row(
    title="Members and tokens",
    panels=[
        lines(
            "Which members are parked?",
            "short",
            "token: sign in again, or replace its file. version: set linkedin.api_version.",
            {"{{member}}: {{reason}}": f"max by (member, reason) ({of('syncd_member_parked', _MEMBER)})"},
            above(1),
        ),
        bars(
            "How long do tokens last?",
            "s",
            "refresh below 30 days: let the member sign in again. access matters only where syncd cannot renew it.",
            {
                "{{member}} {{kind}}": "min by (member, kind) "
                f"({of('syncd_token_expiry_timestamp_seconds', _MEMBER)} - time())"
            },
            below(7 * 86_400, 30 * 86_400),
        ),
        replace(
            number(
                "How long does the API version last?",
                "s",
                "Below 60 days: `syncd check --try-version YYYYMM`, then set linkedin.api_version.",
                f"min({of('syncd_api_version_sunset_timestamp_seconds')} - time())",
                below(14 * 86_400, 60 * 86_400),
            ),
            width=8,
            height=8,
        ),
    ],
)

LINKEDIN: Final = Dashboard(
    uid="syncd-linkedin-api",
    title="LinkedIn API",
    about="LinkedIn's API as syncd meets it: latency, statuses, throttles, pauses, limits, tokens.",
    rows=(_ANSWERS, _LIMITS, _PARKED),
    choices=[
        Choice(name="member", label="Member", metric="syncd_lease_held", many=True),
        Choice(name="resource", label="Resource", metric="syncd_api_requests_total", many=True),
    ],
)
