"""For each alert a case that fires it and one that looks like it and must not. Series are as promtool writes them.

A silent case is the nearest harmless thing: just below the threshold, just too short, or explained by something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

HOME = 'namespace="n", job="syncd"'
DAY = 86_400


@dataclass(frozen=True, kw_only=True)
class Case:
    alert: str
    why: str
    kind: Literal["fires", "silent"]
    series: Mapping[str, str]
    after: str
    labels: Mapping[str, str] = field(default_factory=dict)
    summary: str = ""
    interval: str = "1m"


def of(metric: str, **labels: str) -> str:
    """A series of the one installation that there is."""
    inside = ", ".join((HOME, *(f'{name.rstrip("_")}="{value}"' for name, value in labels.items())))
    return f"{metric}{{{inside}}}"


def fires(alert: str, why: str, series: Mapping[str, str], after: str, summary: str, **labels: str) -> Case:
    home = {} if alert == "SyncdAbsent" else {"namespace": "n", "job": "syncd"}
    return Case(
        alert=alert, why=why, kind="fires", series=series, after=after, labels={**home, **labels}, summary=summary
    )


def silent(alert: str, why: str, series: Mapping[str, str], after: str, **more: Any) -> Case:
    return Case(alert=alert, why=why, kind="silent", series=series, after=after, **more)


def lags(in_time: int, late: int, minutes: int, then_in_time: int = 0) -> dict[str, str]:
    """Changes a minute that were in time and late, and afterwards 10 minutes of some that were all in time."""
    total = in_time + late
    tail = f" {in_time * minutes}+{then_in_time}x10" if then_in_time else ""
    whole = f" {total * minutes}+{then_in_time}x10" if then_in_time else ""
    return {
        of("syncd_delivery_lag_seconds_bucket", segment="s", le="300.0"): f"0+{in_time}x{minutes}{tail}",
        of("syncd_delivery_lag_seconds_count", segment="s"): f"0+{total}x{minutes}{whole}",
    }


def waiting(rows: str, ended: str, **more: str) -> dict[str, str]:
    """A segment with rows, and how many of its rows have ended."""
    return {
        of("syncd_outbox_pending", segment="s"): rows,
        of("syncd_changes_total", segment="s", outcome="applied"): ended,
        **{of(name, segment="s", **({"reason": "lost"} if "parked" in name else {})): on for name, on in more.items()},
    }


def since(status: str, hours_ago: int) -> dict[str, str]:
    """A status that has lasted for so long at the start; promtool's clock begins at 0."""
    return {
        of("syncd_segment_status", segment="s", status=status): "1x600",
        of("syncd_segment_status", segment="s", status="BUILDING" if status != "BUILDING" else "READY"): "0x600",
        of("syncd_segment_status_since_timestamp_seconds", segment="s"): f"{-3600 * hours_ago}x600",
    }


def token(kind: str, days: float) -> dict[str, str]:
    return {of("syncd_token_expiry_timestamp_seconds", member="m", kind=kind): f"{int(days * DAY)}x60"}


def version(days: float) -> dict[str, str]:
    return {of("syncd_api_version_sunset_timestamp_seconds"): f"{int(days * DAY)}x60"}


ROAD = (
    fires("SyncdAbsent", "no series at all", {}, "6m", "No syncd is scraped"),
    silent("SyncdAbsent", "one process", {of("syncd_build_info", version="1"): "1x60"}, "10m"),
    fires(
        "SyncdNothingApplied",
        "rows and no end",
        waiting("5x60", "100x60"),
        "30m",
        "Rows of segment s wait and none has ended for 10 minutes",
        segment="s",
    ),
    silent("SyncdNothingApplied", "rows end", waiting("5x60", "0+1x60"), "30m"),
    silent("SyncdNothingApplied", "no rows", waiting("0x60", "100x60"), "30m"),
    silent(
        "SyncdNothingApplied",
        "parked, which says so itself",
        waiting("5x60", "1x60", syncd_segment_parked="1x60"),
        "30m",
    ),
    silent("SyncdNothingApplied", "a person paused it", waiting("5x60", "1x60", syncd_segment_paused="1x60"), "30m"),
    fires(
        "SyncdMemberParked",
        "parked",
        {of("syncd_member_parked", member="m", reason="token"): "1x60"},
        "5m",
        "Member m is parked: token; all of its segments wait",
        member="m",
        reason="token",
    ),
    silent(
        "SyncdMemberParked", "it went on", {of("syncd_member_parked", member="m", reason="token"): "1 1 stale"}, "5m"
    ),
    fires(
        "SyncdSegmentParked",
        "parked",
        {of("syncd_segment_parked", segment="s", reason="lost"): "1x60"},
        "15m",
        "Segment s is parked: lost",
        segment="s",
        reason="lost",
    ),
    silent(
        "SyncdSegmentParked",
        "for five minutes",
        {of("syncd_segment_parked", segment="s", reason="lost"): "1x5 stale"},
        "15m",
    ),
    fires(
        "SyncdUnknownSegment",
        "rows of nobody's",
        {of("syncd_outbox_pending", segment="(unknown)"): "7x60"},
        "15m",
        "7 rows wait for segments that do not exist",
    ),
    silent("SyncdUnknownSegment", "rows of a segment", {of("syncd_outbox_pending", segment="s"): "7x60"}, "15m"),
    fires(
        "SyncdDeadLettersGrow",
        "a tenth is dead",
        {
            of("syncd_changes_total", segment="s", outcome="dead"): "0+1x120",
            of("syncd_changes_total", segment="s", outcome="applied"): "0+9x120",
        },
        "90m",
        "60 changes of segment s could not be applied in the last hour",
        segment="s",
    ),
    silent(
        "SyncdDeadLettersGrow",
        "one of a thousand",
        {
            of("syncd_changes_total", segment="s", outcome="dead"): "0+1x120",
            of("syncd_changes_total", segment="s", outcome="applied"): "0+999x120",
        },
        "90m",
    ),
    fires(
        "SyncdRowQuarantined",
        "the first thing a process counts",
        {of("syncd_rows_quarantined_total", segment="s"): "_x70 1x30"},
        "75m",
        "A row of segment s crashed the process again and again and was put aside",
        segment="s",
    ),
    silent(
        "SyncdRowQuarantined", "two hours ago", {of("syncd_rows_quarantined_total", segment="s"): "0 1x200"}, "130m"
    ),
    fires(
        "SyncdSourceParked",
        "once",
        {of("syncd_source_parkings_total"): "0x70 1x30"},
        "75m",
        "Intake of syncd stopped: outbox ids fell back, or the database is another one",
    ),
    silent("SyncdSourceParked", "never", {of("syncd_source_parkings_total"): "0x100"}, "75m"),
    fires(
        "SyncdDeliveryLateFast",
        "a fifth is late",
        lags(80, 20, 120),
        "90m",
        "20% of changes of syncd took longer than 5 minutes in the last hour",
    ),
    silent("SyncdDeliveryLateFast", "one in a hundred is", lags(99, 1, 120), "90m"),
    silent("SyncdDeliveryLateFast", "it is over", lags(80, 20, 60, 100), "70m"),
    fires(
        "SyncdDeliveryLateSlow",
        "a tenth is late for hours",
        lags(90, 10, 400),
        "390m",
        "10% of changes of syncd took longer than 5 minutes in 6 hours",
    ),
    silent("SyncdDeliveryLateSlow", "one in a hundred is", lags(99, 1, 400), "390m"),
)
LINKEDIN = (
    fires(
        "SyncdThrottledByDay",
        "the first time",
        {of("syncd_throttled_total", member="m", resource="users", scope="member_day"): "0x70 1x30"},
        "75m",
        "LinkedIn's limit of a day is used up for users of m (member_day)",
        member="m",
        resource="users",
        scope="member_day",
    ),
    silent(
        "SyncdThrottledByDay",
        "by the minute",
        {of("syncd_throttled_total", member="m", resource="users", scope="minute"): "0+1x100"},
        "75m",
    ),
    fires(
        "SyncdMemberAtLimit",
        "488 of 500 for an hour",
        {
            of("syncd_requests_last_minute", member="m", resource="users"): "488x90",
            of("syncd_requests_limit", member="m", resource="users"): "500x90",
        },
        "70m",
        "Member m has been at its limit for users for an hour",
        member="m",
        resource="users",
    ),
    silent(
        "SyncdMemberAtLimit",
        "for half an hour",
        {
            of("syncd_requests_last_minute", member="m", resource="users"): "488x30 10x60",
            of("syncd_requests_limit", member="m", resource="users"): "500x90",
        },
        "70m",
    ),
    fires(
        "SyncdMemberMayNotWrite",
        "a viewer",
        {of("syncd_member_may_write", member="m", account="a"): "0x30"},
        "15m",
        "Member m may not change segments in a",
        member="m",
        account="a",
    ),
    silent(
        "SyncdMemberMayNotWrite", "a manager", {of("syncd_member_may_write", member="m", account="a"): "1x30"}, "15m"
    ),
    fires(
        "SyncdAccountCrowded",
        "950",
        {of("syncd_account_segments", member="m", account="a"): "950x30"},
        "20m",
        "a holds 950 segments; LinkedIn takes 1,000",
        account="a",
    ),
    silent("SyncdAccountCrowded", "900", {of("syncd_account_segments", member="m", account="a"): "900x30"}, "20m"),
    fires(
        "SyncdSegmentBroken",
        "expired",
        since("EXPIRED", 1),
        "10m",
        "LinkedIn says that segment s is EXPIRED",
        segment="s",
        status="EXPIRED",
    ),
    silent("SyncdSegmentBroken", "ready", since("READY", 1), "10m"),
    fires(
        "SyncdSegmentStuckBuilding",
        "for 50 hours",
        since("BUILDING", 50),
        "30m",
        "Segment s has been BUILDING for 2d 2h 30m 0s",
        segment="s",
    ),
    silent("SyncdSegmentStuckBuilding", "for two", since("BUILDING", 2), "30m"),
    silent("SyncdSegmentStuckBuilding", "ready for 50 hours", since("READY", 50), "30m"),
    fires(
        "SyncdUndocumentedTransition",
        "one",
        {of("syncd_segment_undocumented_transitions_total", segment="s"): "0x70 1x30"},
        "75m",
        "Segment s changed its status in a way that LinkedIn does not document",
        segment="s",
    ),
    silent(
        "SyncdUndocumentedTransition",
        "none",
        {of("syncd_segment_undocumented_transitions_total", segment="s"): "0x100"},
        "75m",
    ),
)
ENDS = (
    fires(
        "SyncdTokenEndsIn30Days",
        "20 days of the refresh token",
        token("refresh", 20) | token("access", 40),
        "10m",
        "The refresh token of m ends in 19d 23h 50m 0s",
        member="m",
        kind="refresh",
    ),
    silent(
        "SyncdTokenEndsIn30Days",
        "the access token is renewed by syncd",
        token("refresh", 300) | token("access", 3),
        "10m",
    ),
    silent("SyncdTokenEndsIn30Days", "the alert of 7 days speaks", token("refresh", 5), "10m"),
    fires(
        "SyncdTokenEndsIn7Days",
        "nothing to renew it with",
        token("access", 5),
        "10m",
        "The access token of m ends in 4d 23h 50m 0s",
        member="m",
        kind="access",
    ),
    silent("SyncdTokenEndsIn7Days", "ten days", token("access", 10), "10m"),
    fires(
        "SyncdTokenEndsIn1Day",
        "half a day",
        token("refresh", 0.5),
        "10m",
        "The refresh token of m ends in 11h 50m 0s",
        member="m",
        kind="refresh",
    ),
    silent("SyncdTokenEndsIn1Day", "two days", token("refresh", 2), "10m"),
    fires(
        "SyncdVersionEndsIn60Days",
        "30 days",
        version(30),
        "10m",
        "LinkedIn ends linkedin.api_version in 29d 23h 50m 0s",
    ),
    silent("SyncdVersionEndsIn60Days", "90 days", version(90), "10m"),
    fires(
        "SyncdVersionEndsIn14Days", "3 days", version(3), "10m", "LinkedIn ends linkedin.api_version in 2d 23h 50m 0s"
    ),
    silent("SyncdVersionEndsIn14Days", "30 days", version(30), "10m"),
)
MACHINE = (
    fires(
        "SyncdNoLeaseHolder",
        "two replicas, none works",
        {
            of("syncd_lease_held", member="m", instance="a"): "0x30",
            of("syncd_lease_held", member="m", instance="b"): "0x30",
        },
        "5m",
        "No replica works for member m",
        member="m",
    ),
    silent(
        "SyncdNoLeaseHolder",
        "the other one works",
        {
            of("syncd_lease_held", member="m", instance="a"): "0x30",
            of("syncd_lease_held", member="m", instance="b"): "1x30",
        },
        "5m",
    ),
    fires(
        "SyncdOutboxBloat",
        "two million",
        {of("syncd_outbox_dead_tuples"): "2000000x60"},
        "40m",
        "The outbox has 2M dead rows that vacuum does not remove",
    ),
    silent("SyncdOutboxBloat", "vacuum comes", {of("syncd_outbox_dead_tuples"): "2000000x10 100x50"}, "40m"),
    fires(
        "SyncdTransactionHoldsOutbox",
        "half an hour",
        {of("syncd_oldest_transaction_age_seconds"): "1800x20"},
        "10m",
        "A transaction of the database has been open for 30m 0s",
    ),
    silent("SyncdTransactionHoldsOutbox", "a minute", {of("syncd_oldest_transaction_age_seconds"): "60x20"}, "10m"),
    fires(
        "SyncdResyncStuck",
        "at two fifths",
        {of("syncd_resync_progress_ratio", segment="s"): "0.4x90"},
        "70m",
        "The resync of segment s stands still at 40%",
        segment="s",
    ),
    silent("SyncdResyncStuck", "it goes on", {of("syncd_resync_progress_ratio", segment="s"): "0.1+0.005x90"}, "70m"),
    fires(
        "SyncdDatabaseFails",
        "five times a minute",
        {of("syncd_database_failures_total", where="leases"): "0+5x40"},
        "30m",
        "Work on the database fails again and again: leases",
        where="leases",
    ),
    silent(
        "SyncdDatabaseFails", "twice, then well", {of("syncd_database_failures_total", where="leases"): "0 2x40"}, "30m"
    ),
    fires(
        "SyncdStarved",
        "0.8 s",
        {of("syncd_event_loop_lag_seconds", instance="a"): "0.8x30"},
        "15m",
        "a is kept from its work for 800ms at a time",
        instance="a",
    ),
    silent("SyncdStarved", "0.1 s", {of("syncd_event_loop_lag_seconds", instance="a"): "0.1x30"}, "15m"),
    fires(
        "SyncdVersionsMixed",
        "two for an hour",
        {of("syncd_build_info", version="1"): "1x90", of("syncd_build_info", version="2"): "1x90"},
        "70m",
        "syncd has run in 2 versions for an hour",
    ),
    silent(
        "SyncdVersionsMixed",
        "a rollout",
        {of("syncd_build_info", version="1"): "1x10 stale", of("syncd_build_info", version="2"): "_x8 1x90"},
        "70m",
    ),
)
CASES = (*ROAD, *LINKEDIN, *ENDS, *MACHINE)
