from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import pytest
from prometheus_client.parser import text_string_to_metric_families

from syncd.domain import events
from syncd.domain.segment import Status
from syncd.domain.version import sunset
from syncd.observe import catalogue
from syncd.observe.metrics import Metrics, document, watch_loop
from syncd.observe.series import Gauge, Gauges, Histograms

ROOT = Path(__file__).parents[2]

# Retyped from design.md §5, so that neither side can change alone.
PINNED = {
    "syncd_build_info": "version,python",
    "syncd_outbox_pending": "segment",
    "syncd_outbox_oldest_age_seconds": "segment",
    "syncd_outbox_dead_tuples": "",
    "syncd_oldest_transaction_age_seconds": "",
    "syncd_open_batches": "segment",
    "syncd_changes_total": "segment,outcome",
    "syncd_late_superseded_total": "segment",
    "syncd_batches_total": "segment,outcome",
    "syncd_elements_total": "segment,action,outcome",
    "syncd_delivery_lag_seconds": "segment",
    "syncd_api_requests_total": "member,resource,status",
    "syncd_api_request_duration_seconds": "resource",
    "syncd_pacer_wait_seconds": "resource",
    "syncd_requests_last_minute": "member,resource",
    "syncd_requests_limit": "member,resource",
    "syncd_throttled_total": "member,resource,scope",
    "syncd_backoff_seconds": "member,resource",
    "syncd_reasserted_total": "segment",
    "syncd_member_parked": "member,reason",
    "syncd_segment_parked": "segment,reason",
    "syncd_token_expiry_timestamp_seconds": "member,kind",
    "syncd_api_version_sunset_timestamp_seconds": "",
    "syncd_segment_status": "segment,status",
    "syncd_segment_transitions_total": "segment,from,to",
    "syncd_segment_status_since_timestamp_seconds": "segment",
    "syncd_segment_input_count": "segment",
    "syncd_segment_matched_count": "segment",
    "syncd_segment_audience_size": "segment",
    "syncd_segment_ledger_size": "segment",
    "syncd_dead_letters": "segment,reason",
    "syncd_lease_held": "member",
    "syncd_resync_progress_ratio": "segment",
    "syncd_event_loop_lag_seconds": "",
}
EXTRAS = {
    "syncd_rows_quarantined_total": "segment",
    "syncd_source_parkings_total": "",
    "syncd_database_failures_total": "where",
    "syncd_segment_undocumented_transitions_total": "segment",
    "syncd_account_segments": "member,account",
    "syncd_member_may_write": "member,account",
    "syncd_segment_paused": "segment",
}


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def exported(metrics: Metrics) -> dict[str, float]:
    """Series as a scrape sees them: `name{label=value,…}` without the leading syncd_."""
    return {
        f"{sample.name.removeprefix('syncd_')}{{{','.join(f'{k}={v}' for k, v in sorted(sample.labels.items()))}}}": float(
            sample.value
        )
        for family in text_string_to_metric_families(metrics.exposition().decode())
        for sample in family.samples
    }


def after(*told: events.Event) -> dict[str, float]:
    metrics = Metrics()
    for event in told:
        metrics.handle(event)
    return exported(metrics)


def settled(lags: Sequence[float] = ()) -> events.StepSettled:
    return events.StepSettled(
        segment="s",
        batch=1,
        elements={("ADD", "accepted"): 3, ("REMOVE", "refused"): 1},
        rows={"applied": 4, "dead": 1},
        lags=lags,
    )


def seen(status: str, size: int | None = 300) -> events.StatusSeen:
    return events.StatusSeen(
        segment="s", status=status, since=1.5e9, input_count=10, matched_count=5, audience_size=size
    )


def measured(**changes: object) -> events.Measured:
    told: dict[str, object] = {
        "pending": {"s": (7, 1.5), "(unknown)": (2, 60.0)},
        "open_batches": {"s": 1},
        "ledger_sizes": {"s": 9},
        "dead_letters": {("s", "bad_email"): 3},
        "dead_tuples": 11,
        "oldest_transaction": 2.5,
    }
    return events.Measured(**told | changes)  # type: ignore[arg-type]  # a table of defaults


def test_the_registry_holds_exactly_the_pinned_names_and_the_documented_extras() -> None:
    held = {one.name: ",".join(one.labels) for one in Metrics().definitions()}
    assert held == PINNED | EXTRAS
    assert {one.name for one in catalogue.EXTRAS} == set(EXTRAS)


def test_a_scrape_names_every_metric_with_its_help_even_before_it_has_a_value() -> None:
    scrape = Metrics().exposition().decode()
    for name in PINNED | EXTRAS:
        assert f"# HELP {name} " in scrape
        assert f"# TYPE {name} " in scrape


def test_every_metric_says_its_unit_and_what_to_do() -> None:
    for one in Metrics().definitions():
        assert one.unit
        assert one.means.endswith(".")
        assert one.todo.endswith((".", "`"))
        assert "|" not in one.help


def test_the_documentation_is_up_to_date() -> None:
    assert (ROOT / "docs/metrics.md").read_text() == document()


def test_the_documentation_is_printed_by_the_module() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "syncd.observe.metrics"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert printed.stdout == document()
    assert printed.stderr == ""


@pytest.mark.parametrize(
    ("version", "end"),
    [("202511", "2026-11-16"), ("202601", "2027-01-15"), ("202604", "2027-04-15"), ("202607", "2027-07-15")],
)
def test_a_version_ends_when_linkedin_said(version: str, end: str) -> None:
    assert datetime.fromtimestamp(sunset(version), UTC).isoformat() == f"{end}T00:00:00+00:00"


def test_the_configured_version_and_the_build_are_exported_from_the_start() -> None:
    scrape = exported(Metrics("202601", ["ads-bot"]))
    assert scrape["api_version_sunset_timestamp_seconds{}"] == datetime(2027, 1, 15, tzinfo=UTC).timestamp()
    assert scrape["lease_held{member=ads-bot}"] == 0
    assert [value for name, value in scrape.items() if name.startswith("build_info{python=3.")] == [1.0]


def test_rows_that_need_no_call_are_applied_and_late_ones_superseded() -> None:
    scrape = after(
        events.RowsTaken(
            segment="s",
            batches=[1],
            rows=20,
            elements=9,
            needless=2,
            superseded=3,
            late=4,
            dead={"a": 1, "b": 1},
            seconds=0.1,
        )
    )
    assert scrape["changes_total{outcome=applied,segment=s}"] == 2
    assert scrape["changes_total{outcome=superseded,segment=s}"] == 7
    assert scrape["changes_total{outcome=dead,segment=s}"] == 2
    assert scrape["late_superseded_total{segment=s}"] == 4


def test_a_settled_step_counts_elements_rows_and_lags() -> None:
    scrape = after(settled([0.05, 0.06, 4000.0, -1.0]), settled())
    assert scrape["elements_total{action=ADD,outcome=accepted,segment=s}"] == 6
    assert scrape["elements_total{action=REMOVE,outcome=refused,segment=s}"] == 2
    assert scrape["changes_total{outcome=applied,segment=s}"] == 8
    assert scrape["delivery_lag_seconds_bucket{le=0.05,segment=s}"] == 2
    assert scrape["delivery_lag_seconds_bucket{le=0.1,segment=s}"] == 3
    assert scrape["delivery_lag_seconds_bucket{le=3600.0,segment=s}"] == 3
    assert scrape["delivery_lag_seconds_bucket{le=+Inf,segment=s}"] == 4
    assert scrape["delivery_lag_seconds_count{segment=s}"] == 4
    assert scrape["delivery_lag_seconds_sum{segment=s}"] == pytest.approx(4000.11)


def test_many_observations_at_once_are_counted_as_one_by_one() -> None:
    dice = random.Random(7)
    values = [dice.choice([dice.expovariate(0.1), *catalogue.LAGS, -0.5, 0.0]) for _ in range(2000)]
    at_once, one_by_one = Histograms(catalogue.DELIVERY_LAG), Histograms(catalogue.DELIVERY_LAG)
    at_once.observe_all(values[:1500], "s")
    at_once.observe_all(values[1500:], "s")
    for value in values:
        one_by_one.observe(value, "s")
    left, right = next(at_once.collect()).samples, next(one_by_one.collect()).samples
    assert [one.value for one in left[:-1]] == [one.value for one in right[:-1]]
    assert left[-1].value == pytest.approx(right[-1].value)


def test_the_lags_of_a_full_batch_cost_about_a_millisecond() -> None:
    histograms = Histograms(catalogue.DELIVERY_LAG)
    dice = random.Random(7)
    values = sorted(dice.expovariate(0.1) for _ in range(5000))
    lags = [value + dice.random() for value in values]
    spent = []
    for _ in range(20):
        before = perf_counter()
        histograms.observe_all(lags, "s")
        spent.append(perf_counter() - before)
    assert min(spent) < 0.001


def test_requests_are_counted_by_status_and_timed() -> None:
    scrape = after(
        events.RequestEnded(member="m", resource="users", status=200, seconds=0.4),
        events.RequestEnded(member="m", resource="users", status=0, seconds=30.0),
        events.PacerWaited(resource="users", seconds=0.2),
        events.BatchClosed(segment="s", batch=1, kind="live", outcome="accepted", attempts=1),
        events.Reasserted(segment="s", identities=12),
        events.LimitSeen(member="m", resource="users", last_minute=480, limit=500),
    )
    assert scrape["api_requests_total{member=m,resource=users,status=200}"] == 1
    assert scrape["api_requests_total{member=m,resource=users,status=0}"] == 1
    assert scrape["api_request_duration_seconds_count{resource=users}"] == 2
    assert scrape["pacer_wait_seconds_sum{resource=users}"] == 0.2
    assert scrape["batches_total{outcome=accepted,segment=s}"] == 1
    assert scrape["reasserted_total{segment=s}"] == 12
    assert scrape["requests_last_minute{member=m,resource=users}"] == 480
    assert scrape["requests_limit{member=m,resource=users}"] == 500


def test_a_pause_counts_down_and_ends_when_the_resource_goes_on() -> None:
    clock = Clock()
    metrics = Metrics(monotonic=clock)
    backoff = "backoff_seconds{member=m,resource=users}"
    metrics.handle(events.ResourceThrottled(member="m", resource="users", scope="minute", seconds=60, words=""))
    clock.now += 20
    metrics.handle(events.ResourceThrottled(member="m", resource="users", scope="minute", seconds=10, words=""))
    assert exported(metrics)[backoff] == 40
    assert exported(metrics)["throttled_total{member=m,resource=users,scope=minute}"] == 2
    clock.now += 50
    assert exported(metrics)[backoff] == 0
    metrics.handle(events.ResourceBackedOff(member="m", resource="users", seconds=300))
    assert exported(metrics)[backoff] == 300
    metrics.handle(events.ResourceBackedOff(member="m", resource="users", seconds=0))
    assert exported(metrics)[backoff] == 0


def test_what_is_parked_is_exported_until_it_resumes() -> None:
    parked: list[events.Event] = [
        events.SegmentParked(segment="s", reason="lost", words=""),
        events.MemberParked(member="m", reason="token", words=""),
    ]
    resumed: list[events.Event] = [
        events.SegmentResumed(segment="s", reason="lost"),
        events.MemberResumed(member="m", reason="token"),
    ]
    assert after(*parked)["segment_parked{reason=lost,segment=s}"] == 1
    assert after(*parked)["member_parked{member=m,reason=token}"] == 1
    assert not [name for name in after(*parked, *resumed) if "parked" in name]


def test_what_is_parked_for_another_reason_is_parked_for_that_one_only() -> None:
    scrape = after(
        events.SegmentParked(segment="s", reason="not_allowed", words=""),
        events.SegmentParked(segment="s", reason="expired", words=""),
        events.MemberParked(member="m", reason="token", words=""),
        events.MemberParked(member="m", reason="version", words=""),
    )
    assert {name for name in scrape if "parked" in name} >= {
        "segment_parked{reason=expired,segment=s}",
        "member_parked{member=m,reason=version}",
    }
    assert not [name for name in scrape if "reason=not_allowed" in name or "reason=token" in name]


def test_a_segment_has_one_status_out_of_all() -> None:
    scrape = after(seen("BUILDING", None), seen("READY"))
    assert {name: value for name, value in scrape.items() if name.startswith("segment_status{")} == {
        f"segment_status{{segment=s,status={status}}}": float(status is Status.READY) for status in Status
    }
    assert scrape["segment_status_since_timestamp_seconds{segment=s}"] == 1.5e9
    assert scrape["segment_audience_size{segment=s}"] == 300
    assert "segment_audience_size{segment=s}" not in after(seen("READY"), seen("READY", None))


def test_an_unknown_status_has_a_series_of_its_own_while_it_lasts() -> None:
    scrape = after(seen("SLEEPING"))
    assert scrape["segment_status{segment=s,status=SLEEPING}"] == 1
    assert scrape["segment_status{segment=s,status=READY}"] == 0
    assert "segment_status{segment=s,status=SLEEPING}" not in after(seen("SLEEPING"), seen("READY"))
    assert after(seen("<html>who knows</html>"))["segment_status{segment=s,status=(other)}"] == 1


def test_transitions_are_counted_and_undocumented_ones_apart() -> None:
    scrape = after(
        events.StatusChanged(segment="s", before="", after="BUILDING", documented=True),
        events.StatusChanged(segment="s", before="READY", after="EXPIRED", documented=False),
    )
    assert scrape["segment_transitions_total{from=(none),segment=s,to=BUILDING}"] == 1
    assert scrape["segment_transitions_total{from=READY,segment=s,to=EXPIRED}"] == 1
    assert scrape["segment_undocumented_transitions_total{segment=s}"] == 1


def test_ends_of_tokens_are_exported_where_they_are_known() -> None:
    scrape = after(events.TokenRefreshed(member="m", access_ends=2e9, refresh_ends=None))
    assert scrape["token_expiry_timestamp_seconds{kind=access,member=m}"] == 2e9
    assert "token_expiry_timestamp_seconds{kind=refresh,member=m}" not in scrape


def test_a_measurement_replaces_the_one_before() -> None:
    first = after(measured())
    assert first["outbox_pending{segment=(unknown)}"] == 2
    assert first["outbox_oldest_age_seconds{segment=s}"] == 1.5
    assert first["open_batches{segment=s}"] == 1
    assert first["segment_ledger_size{segment=s}"] == 9
    assert first["dead_letters{reason=bad_email,segment=s}"] == 3
    assert first["outbox_dead_tuples{}"] == 11
    assert first["oldest_transaction_age_seconds{}"] == 2.5
    second = after(measured(), measured(pending={"t": (1, 0.5)}, dead_letters={}, dead_tuples=None))
    assert [name for name in second if name.startswith("outbox_pending")] == ["outbox_pending{segment=t}"]
    assert not [name for name in second if name.startswith(("dead_letters", "outbox_dead_tuples"))]


def test_what_hardly_ever_happens_is_counted_from_zero_so_that_the_first_time_is_seen() -> None:
    assert after()["source_parkings_total{}"] == 0
    scrape = after(events.RowQuarantined(segment="s", row=5), measured())
    assert scrape["rows_quarantined_total{segment=s}"] == 1
    for name in ("late_superseded_total", "reasserted_total", "segment_undocumented_transitions_total"):
        assert scrape[f"{name}{{segment=s}}"] == 0
    assert scrape["changes_total{outcome=superseded,segment=s}"] == 0
    limited = after(events.LimitSeen(member="m", resource="users", last_minute=0, limit=500))
    assert limited["throttled_total{member=m,resource=users,scope=member_day}"] == 0


def test_what_a_person_paused_is_told_from_what_stands_still() -> None:
    scrape = after(measured(paused={"s": True, "t": False}))
    assert (scrape["segment_paused{segment=s}"], scrape["segment_paused{segment=t}"]) == (1, 0)


def test_the_process_tells_its_cpu_and_memory() -> None:
    scrape = Metrics().exposition().decode()
    for one in catalogue.PROCESS:
        assert f"\n{one.name} " in scrape


def test_a_deleted_segment_leaves_no_series() -> None:
    scrape = after(settled([1.0]), seen("READY"), measured(), events.SegmentDeleted(segment="s"))
    assert not [name for name in scrape if "segment=s" in name]
    assert "outbox_pending{segment=(unknown)}" in scrape


def test_what_a_lost_member_had_is_not_exported_any_more_but_its_counters_stay() -> None:
    metrics = Metrics()
    for member, segment in (("m", "s"), ("other", "t")):
        metrics.handle(events.LeaseTaken(member=member, token=1, clean=True))
        metrics.handle(events.MemberParked(member=member, reason="token", words=""))
        metrics.handle(events.SegmentParked(segment=segment, reason="lost", words=""))
        metrics.handle(events.LimitSeen(member=member, resource="users", last_minute=1, limit=500))
        metrics.handle(events.ResourceBackedOff(member=member, resource="users", seconds=30))
        metrics.handle(events.RequestEnded(member=member, resource="users", status=200, seconds=0.4))
    metrics.handle(seen("READY"))
    assert exported(metrics)["lease_held{member=m}"] == 1
    metrics.handle(events.LeaseEnded(member="m", token=1, how="lost"))
    assert [name for name in exported(metrics) if "member=m" in name and not name.startswith("throttled")] == [
        "api_requests_total{member=m,resource=users,status=200}",
        "lease_held{member=m}",
    ]
    metrics.forget_member("m", ["s"])
    scrape = exported(metrics)
    assert scrape["lease_held{member=m}"] == 0
    assert not [name for name in scrape if "segment=s" in name]
    for name in ("member_parked{member=other,reason=token}", "segment_parked{reason=lost,segment=t}"):
        assert scrape[name] == 1


def test_what_needs_a_person_is_counted_beyond_the_pinned_names() -> None:
    scrape = after(
        events.RowQuarantined(segment="s", row=5),
        events.SourceParked(words=""),
        events.DatabaseFailed(where="settle", words=""),
    )
    assert scrape["rows_quarantined_total{segment=s}"] == 1
    assert scrape["changes_total{outcome=dead,segment=s}"] == 1
    assert scrape["source_parkings_total{}"] == 1
    assert scrape["database_failures_total{where=settle}"] == 1


def test_some_events_are_for_the_log_only() -> None:
    quiet: list[events.Event] = [
        events.BatchDelayed(segment="s", batch=1, attempts=1, words=""),
        events.SegmentProvisioned(segment="s", dmp_id=1, how="created"),
        events.UnknownSegments(keys=["x"]),
        events.TombstonesPruned(count=3),
        events.LookFailed(member="m", words=""),
    ]
    told, before = (
        {name: value for name, value in scrape.items() if not name.startswith("process_")}  # CPU time passes meanwhile
        for scrape in (after(*quiet), after())
    )
    assert told == before


def test_label_values_cannot_break_the_exposition() -> None:
    hostile = 'a"b\\c\nd{e="f"}'
    assert f"open_batches{{segment={hostile}}}" in after(measured(open_batches={hostile: 1}))


def test_a_gauge_can_be_taken_back_that_was_never_set() -> None:
    gauge = Gauges(Gauge(name="x", labels=("a",), unit="u", means="m.", todo="t."))
    gauge.set(None, "never")
    assert next(gauge.collect()).samples == []


def test_the_worst_lag_of_the_last_minute_is_exported() -> None:
    clock = Clock()
    metrics = Metrics(monotonic=clock)
    for lag in (0.1, 3.0, 0.2):
        metrics.tick(lag)
    assert exported(metrics)["event_loop_lag_seconds{}"] == 3.0
    clock.now += 61
    metrics.tick(0.3)
    assert exported(metrics)["event_loop_lag_seconds{}"] == 0.3
    clock.now += 31
    assert metrics.seconds_since_tick() == 31


async def test_the_watch_sees_the_loop_turn() -> None:
    metrics = Metrics()
    watch = asyncio.create_task(watch_loop(metrics, 0.001))
    async with asyncio.timeout(5):
        while "event_loop_lag_seconds{}" not in exported(metrics):
            await asyncio.sleep(0.001)
    watch.cancel()
    with suppress(asyncio.CancelledError):
        await watch
