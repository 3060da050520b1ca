"""The dashboard of one segment: what LinkedIn says of it, how many get through, and what does not."""

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
    equal,
    lines,
    number,
    of,
    quantiles,
)

STATUSES: Final = {
    1: ("BUILDING", "blue"),
    2: ("READY", "green"),
    3: ("UPDATING", "semi-dark-green"),
    4: ("ARCHIVED", "orange"),
    5: ("EXPIRED", "red"),
    6: ("FAILED", "dark-red"),
    7: ("ERROR", "purple"),
}
"""A status as a number, for a panel that draws numbers; 0 is one that syncd does not know."""
_CHOSEN: Final = 'segment="$segment"'


def _its(metric: str, *matchers: str) -> str:
    return of(metric, _CHOSEN, *matchers)


def _status() -> str:
    each = (
        f"max({_its('syncd_segment_status', equal('status', name))}) * {code}" for code, (name, _) in STATUSES.items()
    )
    return " + ".join(each)


_LINKEDIN: Final = Row(
    title="What does LinkedIn say?",
    panels=[
        Panel(
            kind=Kind.STATES,
            title="Status",
            todo="ARCHIVED, EXPIRED, FAILED or ERROR: `syncd segments show KEY` says what to do. BUILDING for more than two "
            "days: use it in a campaign if it was archived, else ask LinkedIn's support.",
            unit="short",
            queries=[Query(expr=_status(), legend="$segment")],
            names={0: ("not known", "gray"), **STATUSES},
            width=20,
            height=5,
        ),
        number(
            "In this status since",
            "s",
            "48 hours of BUILDING are too long, 30 days of READY without a campaign end in ARCHIVED.",
            f"time() - max({_its('syncd_segment_status_since_timestamp_seconds')})",
            above(48 * 3_600),
        ),
        bars(
            "How many get through?",
            "short",
            "From the ledger to people that campaigns reach. Received and matched count the last 7 days only. Far fewer "
            "matched than received: send more identifiers of each person. Audience below 300: send more people.",
            {
                "in the ledger": f"max({_its('syncd_segment_ledger_size')})",
                "received in 7 days": f"max({_its('syncd_segment_input_count')})",
                "matched in 7 days": f"max({_its('syncd_segment_matched_count')})",
                "audience": f"max({_its('syncd_segment_audience_size')})",
            },
        ),
        lines(
            "Counts",
            "short",
            "The ledger falls much in a short time: ask the CRM's people whether they meant it. The audience falls while "
            "the ledger stays: was it purged? `syncd segments show KEY`.",
            {
                "ledger": f"max({_its('syncd_segment_ledger_size')})",
                "audience": f"max({_its('syncd_segment_audience_size')})",
                "received in 7 days": f"max({_its('syncd_segment_input_count')})",
                "matched in 7 days": f"max({_its('syncd_segment_matched_count')})",
            },
        ),
        lines(
            "Match rate",
            "percentunit",
            "Matched of received, of the last 7 days. It falls: look at what the CRM sends of late.",
            {
                "match rate": f"max({_its('syncd_segment_matched_count')})"
                f" / (max({_its('syncd_segment_input_count')}) > 0)"
            },
        ),
        bars(
            "Transitions of the last 7 days",
            "short",
            "To EXPIRED or ARCHIVED: use the segment in a campaign, or replay it. (none) is the first sight of it.",
            {"{{from}} to {{to}}": f"sum by (from, to) (increase({_its('syncd_segment_transitions_total')}[7d]))"},
        ),
        lines(
            "Transitions that LinkedIn does not document",
            "short",
            "Any: compare with Campaign Manager and tell LinkedIn's support.",
            {"undocumented": f"sum(increase({_its('syncd_segment_undocumented_transitions_total')}[1h]))"},
            above(1),
        ),
        replace(
            lines(
                "Resync",
                "percentunit",
                "How far a running one has come. It stands still: is the segment or its member parked or paused, or does "
                "an old transaction hold it back?",
                {"done": f"max({_its('syncd_resync_progress_ratio')})"},
            ),
            most=1,
            nothing="no resync runs",
        ),
    ],
)
_ROAD: Final = Row(
    title="The road",
    panels=[
        lines(
            "How long do changes take?",
            "s",
            "From a row written to LinkedIn's acceptance, live changes only. Above five minutes: see the overview.",
            quantiles("syncd_delivery_lag_seconds", _CHOSEN),
            above(60, 300),
        ),
        lines(
            "Rows that wait",
            "short",
            "It grows: is the segment or its member parked, paused or at its limit?",
            {"rows": f"max({_its('syncd_outbox_pending')})"},
            above(100_000),
        ),
        lines(
            "Age of the oldest row",
            "s",
            "Minutes while nothing is parked or paused: the member may be at its limit.",
            {"age": f"max({_its('syncd_outbox_oldest_age_seconds')})"},
            above(60, 300),
        ),
        replace(
            lines(
                "How do changes end?",
                "cps",
                "Rows a second. dead grows: see the dead letters below.",
                {"{{outcome}}": f"sum by (outcome) (rate({_its('syncd_changes_total')}[{RATE}]))"},
            ),
            stacked=True,
        ),
        lines(
            "What does LinkedIn answer, person by person?",
            "cps",
            "Elements a second by action and outcome. Other outcomes than accepted grow: see the dead letters.",
            {
                "{{action}} {{outcome}}": f"sum by (action, outcome) (rate({_its('syncd_elements_total')}[{RATE}]))",
            },
        ),
        lines(
            "Open batches",
            "short",
            "Stored and not wholly settled. Above zero without traffic: the log's batch_delayed lines have LinkedIn's words.",
            {"open": f"max({_its('syncd_open_batches')})"},
            above(20),
        ),
        lines(
            "How do batches end?",
            "cps",
            "refused grows: see the dead letters.",
            {"{{outcome}}": f"sum by (outcome) (rate({_its('syncd_batches_total')}[{RATE}]))"},
        ),
        lines(
            "Is it parked or paused?",
            "short",
            "`syncd segments show KEY` has LinkedIn's words and the commands that help; `syncd segments resume KEY` ends a "
            "pause.",
            {
                "parked: {{reason}}": f"max by (reason) ({_its('syncd_segment_parked')})",
                "paused": f"max({_its('syncd_segment_paused')})",
            },
            above(1),
        ),
        lines(
            "What was done twice, or came late?",
            "short",
            "Re-asserted: the network loses answers, or processes die. Late: the CRM's transactions are too long. "
            "Quarantined: a bug in syncd, report the row's id from the log.",
            {
                "re-asserted": f"sum(increase({_its('syncd_reasserted_total')}[{RATE}]))",
                "late": f"sum(increase({_its('syncd_late_superseded_total')}[{RATE}]))",
                "quarantined": f"sum(increase({_its('syncd_rows_quarantined_total')}[{RATE}]))",
            },
            above(1),
        ),
    ],
)
_DEAD: Final = Row(
    title="What cannot be applied",
    panels=[
        replace(
            bars(
                "Dead letters by reason",
                "short",
                "`syncd dead-letters list --segment KEY`; mend the CRM's data, then retry or drop them.",
                {"{{reason}}": f"max by (reason) ({_its('syncd_dead_letters')})"},
                above(1, 1_000),
            ),
            width=12,
            nothing="none",
        ),
        replace(
            lines(
                "Dead letters over time",
                "short",
                "A jump: something changed in the CRM. Its reason says what.",
                {"{{reason}}": f"max by (reason) ({_its('syncd_dead_letters')})"},
                above(1, 1_000),
            ),
            width=12,
            stacked=True,
            nothing="none",
        ),
    ],
)

SEGMENT: Final = Dashboard(
    uid="syncd-segment",
    title="syncd segment",
    about="One segment: its status at LinkedIn, how many of its people get through, its lag, and what could not be applied.",
    rows=(_LINKEDIN, _ROAD, _DEAD),
    choices=[Choice(name="segment", label="Segment", metric="syncd_segment_ledger_size", many=False)],
    since="now-24h",
)
