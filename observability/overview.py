"""The dashboard that operators open first: is everything in time, and if not, why?"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from observability.objective import SHARE, WITHIN
from observability.panels import (
    ANY_IS_BAD,
    RATE,
    Dashboard,
    Kind,
    Panel,
    Query,
    Row,
    above,
    bars,
    below,
    equal,
    like,
    lines,
    number,
    of,
    quantiles,
)

_LAG: Final = "syncd_delivery_lag_seconds"
_IN_TIME: Final = (
    f"sum(increase({of(f'{_LAG}_bucket', equal('le', WITHIN))}[1h])) / sum(increase({of(f'{_LAG}_count')}[1h]))"
)
_PARKED_MEMBERS: Final = f"sum by (member, reason) ({of('syncd_member_parked')})"
_PARKED_SEGMENTS: Final = f"sum by (segment, reason) ({of('syncd_segment_parked')})"
_API: Final = "syncd_api_requests_total"


def _parked() -> Panel:
    return Panel(
        kind=Kind.STATES,
        title="What is parked, and why?",
        todo="A line for each member and segment that waits for a cause to go away. `syncd segments show KEY` and "
        "`syncd members list` have LinkedIn's words and the commands that help.",
        unit="short",
        queries=[
            Query(expr=_PARKED_MEMBERS, legend="member {{member}}: {{reason}}"),
            Query(expr=_PARKED_SEGMENTS, legend="segment {{segment}}: {{reason}}"),
            Query(expr=f"max by (segment) ({of('syncd_segment_paused')}) == 1", legend="segment {{segment}}: paused"),
        ],
        steps=ANY_IS_BAD,
        names={1: ("waits", "red")},
        width=16,
        nothing="nothing is parked",
    )


def _owners() -> Panel:
    return Panel(
        kind=Kind.STATES,
        title="Which replica works for which member?",
        todo="Each member has one owner at any moment. None for two minutes: see the replicas' logs for database_failed.",
        unit="short",
        queries=[Query(expr=f"sum by (member, instance) ({of('syncd_lease_held')})", legend="{{member}} {{instance}}")],
        steps=((None, "gray"), (1, "green")),
        names={0: ("another's", "gray"), 1: ("works", "green")},
        width=16,
    )


_WELL: Final = Row(
    title="Is everything well?",
    panels=[
        number(
            "Is everything in time?",
            "percentunit",
            f"Changes of the last hour that were at LinkedIn within five minutes; the objective is {SHARE:.0%}. Below it: "
            "look for what is parked, then for members at their limit.",
            _IN_TIME,
            below(SHARE - 0.04, SHARE),
        ),
        number(
            "Rows that wait",
            "short",
            "Rows in the outbox. Many are no harm while they get fewer; the panels below say which segment they are of.",
            f"sum(max by (segment) ({of('syncd_outbox_pending')}))",
            above(100_000, 5_000_000),
        ),
        number(
            "Age of the oldest row",
            "s",
            "Minutes while nothing is parked or paused: look at requests against the limit.",
            f"max({of('syncd_outbox_oldest_age_seconds')})",
            above(60, 300),
        ),
        number(
            "What is parked?",
            "short",
            "Members and segments that wait for a cause to go away. The panel of that name says which and why.",
            f"count({of('syncd_member_parked')} == 1 or {of('syncd_segment_parked')} == 1) or vector(0)",
            ANY_IS_BAD,
        ),
        number(
            "Dead letters",
            "short",
            "Changes that cannot be applied. `syncd dead-letters list` has the reasons; mend, then retry or drop them.",
            f"sum({of('syncd_dead_letters')}) or vector(0)",
            above(1, 1_000),
        ),
        number(
            "Members without an owner",
            "short",
            "For more than two minutes: nobody sends their changes. See the replicas' logs and the database.",
            f"count(sum by (member) ({of('syncd_lease_held')}) == 0) or vector(0)",
            ANY_IS_BAD,
        ),
    ],
)
_ROAD: Final = Row(
    title="The road",
    panels=[
        lines(
            "How long do changes take?",
            "s",
            "From a row written to LinkedIn's acceptance, live changes only. Above five minutes: compare the age of the "
            "oldest row (intake waits) with the waits for the limit (LinkedIn API dashboard).",
            quantiles(_LAG),
            above(60, 300),
        ),
        replace(
            lines(
                "How do changes end?",
                "cps",
                "Rows a second: applied, superseded by a newer row, or dead. dead grows: `syncd dead-letters list`.",
                {"{{outcome}}": f"sum by (outcome) (rate({of('syncd_changes_total')}[{RATE}]))"},
            ),
            stacked=True,
        ),
        lines(
            "Rows that wait, by segment",
            "short",
            "It grows: is the segment or its member parked? (unknown) are rows of segments that do not exist: create them.",
            {"{{segment}}": f"max by (segment) ({of('syncd_outbox_pending')})"},
            above(100_000),
        ),
        _parked(),
        lines(
            "Age of the oldest row, by segment",
            "s",
            "Minutes while nothing is parked or paused: the member may be at its limit.",
            {"{{segment}}": f"max by (segment) ({of('syncd_outbox_oldest_age_seconds')})"},
            above(60, 300),
        ),
    ],
)
_LINKEDIN: Final = Row(
    title="LinkedIn",
    panels=[
        replace(
            lines(
                "How near is each member to its limit?",
                "percentunit",
                "Requests of the last 60 seconds against what LinkedIn allows. At the top for hours, and no backfill "
                "runs: give some of its segments to another member.",
                {
                    "{{member}} {{resource}}": f"max by (member, resource) ({of('syncd_requests_last_minute')})"
                    f" / max by (member, resource) ({of('syncd_requests_limit')})"
                },
                above(0.95, 1),
            ),
            most=1,
        ),
        lines(
            "Throttles by scope",
            "short",
            "Answers 429. minute: another program uses the same token. A day's limit: it ends at midnight UTC, or ask "
            "LinkedIn for more.",
            {"{{scope}}": f"sum by (scope) (increase({of('syncd_throttled_total')}[{RATE}]))"},
            above(1),
        ),
        lines(
            "Errors by class",
            "reqps",
            "4xx: see what is parked. 5xx and no answer: LinkedIn or the network; syncd tries again by itself.",
            {
                "4xx": f"sum(rate({of(_API, like('status', '4..'))}[{RATE}]))",
                "5xx": f"sum(rate({of(_API, like('status', '5..'))}[{RATE}]))",
                "no answer": f"sum(rate({of(_API, equal('status', '0'))}[{RATE}]))",
            },
            above(0.1, 1),
        ),
    ],
)
_REPLICAS: Final = Row(
    title="Replicas",
    panels=[
        _owners(),
        lines(
            "Versions that run",
            "short",
            "More than one outside a rollout: finish it.",
            {"{{version}}": f"count by (version) ({of('syncd_build_info')})"},
        ),
        lines(
            "CPU",
            "percentunit",
            "Of one core; a process cannot use more. Near 1: add a replica.",
            {"{{instance}}": f"rate({of('process_cpu_seconds_total')}[{RATE}])"},
            above(0.7, 0.9),
        ),
        lines(
            "Memory",
            "bytes",
            "About 150 MiB at LinkedIn's limit. It grows without end: report it.",
            {"{{instance}}": of("process_resident_memory_bytes")},
            above(300 * 2**20, 450 * 2**20),
        ),
        lines(
            "How late is the event loop?",
            "s",
            "The worst of the last minute. Above half a second: the process lacks CPU.",
            {"{{instance}}": of("syncd_event_loop_lag_seconds")},
            above(0.25, 0.5),
        ),
    ],
)
_ENDS: Final = Row(
    title="What ends",
    panels=[
        replace(
            bars(
                "How long do tokens last?",
                "s",
                "refresh below 30 days: let the member sign in again. access matters only where syncd cannot renew it.",
                {
                    "{{member}} {{kind}}": "min by (member, kind) "
                    f"({of('syncd_token_expiry_timestamp_seconds')} - time())"
                },
                below(7 * 86_400, 30 * 86_400),
            ),
            width=16,
        ),
        replace(
            number(
                "How long does the API version last?",
                "s",
                "Below 60 days: read LinkedIn's notes, `syncd check --try-version YYYYMM`, then set linkedin.api_version.",
                f"min({of('syncd_api_version_sunset_timestamp_seconds')} - time())",
                below(14 * 86_400, 60 * 86_400),
            ),
            width=8,
            height=8,
        ),
    ],
)
_DATABASE: Final = Row(
    title="Database",
    panels=[
        lines(
            "How old is the oldest transaction?",
            "s",
            "Over some minutes: end the session that holds it. It stops vacuum and makes resyncs wait.",
            {"oldest": f"max({of('syncd_oldest_transaction_age_seconds')})"},
            above(300, 900),
        ),
        lines(
            "Dead rows of the outbox",
            "short",
            "It only grows: something holds vacuum back; see the oldest transaction.",
            {"dead rows": f"max({of('syncd_outbox_dead_tuples')})"},
            above(200_000, 1_000_000),
        ),
        lines(
            "Failed work on the database, by place",
            "short",
            "It is done again by itself. It goes on: the log's database_failed lines have the database's words.",
            {"{{where}}": f"sum by (where) (increase({of('syncd_database_failures_total')}[{RATE}]))"},
            above(1, 10),
        ),
        replace(
            bars(
                "Has anything odd happened today?",
                "short",
                "Late rows: the CRM's transactions are too long. Re-asserted: the network loses answers, or processes die. "
                "Quarantined: a bug in syncd. Source parked: was a backup restored? Undocumented: look at the segment.",
                {
                    "late rows": f"sum(increase({of('syncd_late_superseded_total')}[1d]))",
                    "re-asserted": f"sum(increase({of('syncd_reasserted_total')}[1d]))",
                    "rows quarantined": f"sum(increase({of('syncd_rows_quarantined_total')}[1d]))",
                    "source parked": f"sum(increase({of('syncd_source_parkings_total')}[1d]))",
                    "undocumented transitions": f"sum(increase({of('syncd_segment_undocumented_transitions_total')}[1d]))",
                },
                above(1),
            ),
            width=24,
            height=7,
        ),
    ],
)

OVERVIEW: Final = Dashboard(
    uid="syncd-overview",
    title="syncd overview",
    about="Is everything in time? What is parked? Who is at a limit, what ends soon, and do the replicas keep up?",
    rows=(_WELL, _ROAD, _LINKEDIN, _REPLICAS, _ENDS, _DATABASE),
)
