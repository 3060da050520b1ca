"""Every alert that says what somebody should do. `docs/runbook.md` has an entry for each, under its name."""

from __future__ import annotations

from typing import Final

from observability.ends import ENDS
from observability.objective import ALERTS as OBJECTIVE
from observability.objective import RECORDINGS
from observability.rules import Alert, Group, Severity, by, document, grew, on

_ROAD: Final = (
    Alert(
        name="SyncdAbsent",
        expr="absent(syncd_build_info)",
        hold="5m",
        severity=Severity.CRITICAL,
        summary="No syncd is scraped",
        todo="See whether its pods run and whether Prometheus finds them.",
    ),
    Alert(
        name="SyncdNothingApplied",
        expr=(
            f'max {by("segment")} (syncd_outbox_pending{{segment!="(unknown)"}}) > 0'
            f" unless {on('segment')} sum {by('segment')} (increase(syncd_changes_total[10m])) > 0"
            f" unless {on('segment')} max {by('segment')} (syncd_segment_parked) == 1"
            f" unless {on('segment')} max {by('segment')} (syncd_segment_paused) == 1"
        ),
        hold="10m",
        severity=Severity.CRITICAL,
        summary="Rows of segment {{ $labels.segment }} wait and none has ended for 10 minutes",
        todo="Is its member parked or its resource paused? The overview says so; else read the log's batch_delayed lines.",
    ),
    Alert(
        name="SyncdMemberParked",
        expr=f"max {by('member', 'reason')} (syncd_member_parked) == 1",
        hold="1m",
        severity=Severity.CRITICAL,
        summary="Member {{ $labels.member }} is parked: {{ $labels.reason }}; all of its segments wait",
        todo="token: sign in again, or replace its file. version: set linkedin.api_version to one that LinkedIn serves.",
    ),
    Alert(
        name="SyncdSegmentParked",
        expr=f"max {by('segment', 'reason')} (syncd_segment_parked) == 1",
        hold="10m",
        severity=Severity.WARNING,
        summary="Segment {{ $labels.segment }} is parked: {{ $labels.reason }}",
        todo="`syncd segments show KEY` has LinkedIn's words and the commands that help.",
    ),
    Alert(
        name="SyncdUnknownSegment",
        expr=f'max {by()} (syncd_outbox_pending{{segment="(unknown)"}}) > 0',
        hold="10m",
        severity=Severity.WARNING,
        summary="{{ $value }} rows wait for segments that do not exist",
        todo="Create the segment, or correct its key in the CRM; the log's unknown_segments lines name the keys.",
    ),
    Alert(
        name="SyncdDeadLettersGrow",
        expr=(
            f'sum {by("segment")} (increase(syncd_changes_total{{outcome="dead"}}[1h])) > 10'
            f' and {on("segment")} sum {by("segment")} (increase(syncd_changes_total{{outcome="dead"}}[1h]))'
            f" / sum {by('segment')} (increase(syncd_changes_total[1h])) > 0.01"
        ),
        hold="5m",
        severity=Severity.WARNING,
        summary="{{ $value | humanize }} changes of segment {{ $labels.segment }} could not be applied in the last hour",
        todo="`syncd dead-letters list` has the reasons; mend the CRM's data, then retry or drop them.",
    ),
    Alert(
        name="SyncdRowQuarantined",
        expr=grew("syncd_rows_quarantined_total", "segment"),
        hold="0m",
        severity=Severity.WARNING,
        summary="A row of segment {{ $labels.segment }} crashed the process again and again and was put aside",
        todo="Report the row's id from the log's row_quarantined line: this is a bug in syncd.",
    ),
    Alert(
        name="SyncdSourceParked",
        expr=grew("syncd_source_parkings_total"),
        hold="0m",
        severity=Severity.CRITICAL,
        summary="Intake of {{ $labels.job }} stopped: outbox ids fell back, or the database is another one",
        todo="Find out whether a backup was restored, then start a new source epoch.",
    ),
)
_LINKEDIN: Final = (
    Alert(
        name="SyncdThrottledByDay",
        expr=grew('syncd_throttled_total{scope=~"member_day|application_day"}', "member", "resource", "scope"),
        hold="0m",
        severity=Severity.WARNING,
        summary="LinkedIn's limit of a day is used up for {{ $labels.resource }} of {{ $labels.member }} ({{ $labels.scope }})",
        todo="It goes on at midnight UTC. Often: ask LinkedIn for more, or resync less.",
    ),
    Alert(
        name="SyncdMemberAtLimit",
        expr=(
            f"max {by('member', 'resource')} (syncd_requests_last_minute)"
            f" / max {by('member', 'resource')} (syncd_requests_limit) > 0.95"
        ),
        hold="1h",
        severity=Severity.INFO,
        summary="Member {{ $labels.member }} has been at its limit for {{ $labels.resource }} for an hour",
        todo="Nothing while a backfill runs; else give some of its segments to another member.",
    ),
    Alert(
        name="SyncdMemberMayNotWrite",
        expr=f"min {by('member', 'account')} (syncd_member_may_write) == 0",
        hold="10m",
        severity=Severity.WARNING,
        summary="Member {{ $labels.member }} may not change segments in {{ $labels.account }}",
        todo="Ask the account's owner for the role CAMPAIGN_MANAGER.",
    ),
    Alert(
        name="SyncdAccountCrowded",
        expr=f"max {by('account')} (syncd_account_segments) > 900",
        hold="15m",
        severity=Severity.INFO,
        summary="{{ $labels.account }} holds {{ $value }} segments; LinkedIn takes 1,000",
        todo="`syncd accounts audiences --could-go` lists what could be cleaned up.",
    ),
    Alert(
        name="SyncdSegmentBroken",
        expr=f'max {by("segment", "status")} (syncd_segment_status{{status=~"FAILED|EXPIRED|ERROR"}}) == 1',
        hold="5m",
        severity=Severity.WARNING,
        summary="LinkedIn says that segment {{ $labels.segment }} is {{ $labels.status }}",
        todo="`syncd segments show KEY` says what to do; after EXPIRED everybody in it must be sent again.",
    ),
    Alert(
        name="SyncdSegmentStuckBuilding",
        expr=(
            f"time() - max {by('segment')} (syncd_segment_status_since_timestamp_seconds) > 48 * 3600"
            f' and {on("segment")} max {by("segment")} (syncd_segment_status{{status="BUILDING"}}) == 1'
        ),
        hold="10m",
        severity=Severity.WARNING,
        summary="Segment {{ $labels.segment }} has been BUILDING for {{ $value | humanizeDuration }}",
        todo="Use it in a campaign if it was archived; else ask LinkedIn's support.",
    ),
    Alert(
        name="SyncdUndocumentedTransition",
        expr=grew("syncd_segment_undocumented_transitions_total", "segment"),
        hold="0m",
        severity=Severity.INFO,
        summary="Segment {{ $labels.segment }} changed its status in a way that LinkedIn does not document",
        todo="Compare with Campaign Manager; `syncd segments show KEY` has the transition.",
    ),
)
_MACHINE: Final = (
    Alert(
        name="SyncdNoLeaseHolder",
        expr=f"sum {by('member')} (syncd_lease_held) == 0",
        hold="2m",
        severity=Severity.CRITICAL,
        summary="No replica works for member {{ $labels.member }}",
        todo="Read the replicas' logs for database_failed lines: leases need the database.",
    ),
    Alert(
        name="SyncdOutboxBloat",
        expr=f"max {by()} (syncd_outbox_dead_tuples) > 1e6",
        hold="30m",
        severity=Severity.WARNING,
        summary="The outbox has {{ $value | humanize }} dead rows that vacuum does not remove",
        todo="Find what holds vacuum back: an open transaction, a replication slot, a prepared transaction.",
    ),
    Alert(
        name="SyncdTransactionHoldsOutbox",
        expr=f"max {by()} (syncd_oldest_transaction_age_seconds) > 900",
        hold="5m",
        severity=Severity.WARNING,
        summary="A transaction of the database has been open for {{ $value | humanizeDuration }}",
        todo="End the session that holds it: it stops vacuum and makes resyncs wait.",
    ),
    Alert(
        name="SyncdResyncStuck",
        expr=(
            f"max {by('segment')} (syncd_resync_progress_ratio) < 1"
            f" and {on('segment')} sum {by('segment')} (changes(syncd_resync_progress_ratio[30m])) == 0"
        ),
        hold="30m",
        severity=Severity.WARNING,
        summary="The resync of segment {{ $labels.segment }} stands still at {{ $value | humanizePercentage }}",
        todo="Is the segment or its member parked or paused, or does an old transaction hold its boundary back?",
    ),
    Alert(
        name="SyncdDatabaseFails",
        expr=f"sum {by('where')} (increase(syncd_database_failures_total[5m])) > 3",
        hold="10m",
        severity=Severity.WARNING,
        summary="Work on the database fails again and again: {{ $labels.where }}",
        todo="The log's database_failed lines have the database's words; the work is done again by itself.",
    ),
    Alert(
        name="SyncdStarved",
        expr=f"max {by('instance')} (syncd_event_loop_lag_seconds) > 0.5",
        hold="10m",
        severity=Severity.WARNING,
        summary="{{ $labels.instance }} is kept from its work for {{ $value | humanizeDuration }} at a time",
        todo="It lacks CPU: raise its request, or add a replica so that it has fewer members.",
    ),
    Alert(
        name="SyncdVersionsMixed",
        expr=f"count {by()} (count {by('version')} (syncd_build_info)) > 1",
        hold="1h",
        severity=Severity.INFO,
        summary="{{ $labels.job }} has run in {{ $value }} versions for an hour",
        todo="Finish the rollout, or roll it back.",
    ),
)
GROUPS: Final = (
    RECORDINGS,
    Group(name="syncd-road", rules=(*OBJECTIVE, *_ROAD)),
    Group(name="syncd-linkedin", rules=_LINKEDIN),
    Group(name="syncd-ends", rules=ENDS),
    Group(name="syncd-machine", rules=_MACHINE),
)
ALERTS: Final = tuple(rule for group in GROUPS for rule in group.rules if isinstance(rule, Alert))


def rules() -> dict[str, str]:
    """File name and content of the rule files."""
    return {"syncd.yaml": document(GROUPS)}
