"""Events in, Prometheus out: one registry per process, fed by `handle`.

Counters and histograms tell what this process did and stay until it ends. Gauges tell what is: they are exported only
while this process owns the member (`design.md` §5), so a lost lease takes them away. `python -m syncd.observe.metrics`
prints `docs/metrics.md`.
"""

from __future__ import annotations

import asyncio
import platform
import re
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, assert_never

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

from syncd import __version__
from syncd.domain import events, resync_events
from syncd.domain.outcome import Scope
from syncd.domain.segment import SegmentParking, Status
from syncd.domain.version import sunset
from syncd.observe import catalogue
from syncd.observe.series import Counter, Counters, Definition, Family, Gauge, Gauges, Histogram, Histograms, family

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
NO_STATUS: Final = "(none)"
OTHER_STATUS: Final = "(other)"
LOOP_MEMORY: Final = 60.0
"""Seconds for which the worst lag of the event loop is remembered, so that no scrape misses it."""

_RARE: Final = (
    catalogue.LATE_SUPERSEDED,
    catalogue.REASSERTED,
    catalogue.ROWS_QUARANTINED,
    catalogue.UNDOCUMENTED_TRANSITIONS,
)
"""Counters by segment of what hardly ever happens: they begin at 0, so that the first time is seen."""

_STATUSES: Final = frozenset(one.value for one in Status)
_STATUS_NAME: Final = re.compile(r"[A-Z][A-Z_]{0,39}")


class Metrics:
    """Everything `/metrics` says. One thread only, the event loop's."""

    def __init__(
        self,
        api_version: str | None = None,
        members: Iterable[str] = (),
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`members` are those this process may come to own: their lease is 0 until it is taken."""
        self.registry = CollectorRegistry()
        self._monotonic = monotonic
        self._families: dict[str, Family] = {one.name: family(one) for one in catalogue.ALL}
        self._pauses: dict[tuple[str, str], float] = {}
        self._foreign: dict[str, str] = {}
        """Statuses by segment that are none of the documented ones: their series goes when another is seen."""
        self._lags: deque[tuple[float, float]] = deque()
        self._ticked = monotonic()
        for one in self._families.values():
            self.registry.register(one)
        ProcessCollector(registry=self.registry)
        self._counter(catalogue.SOURCE_PARKINGS).begin()
        self._gauge(catalogue.BUILD_INFO).set(1, __version__, platform.python_version())
        self._gauge(catalogue.SUNSET).set(sunset(api_version) if api_version is not None else None)
        for member in members:
            self._gauge(catalogue.LEASE_HELD).set(0, member)

    def exposition(self) -> bytes:
        """The registry in Prometheus' text format."""
        now = self._monotonic()
        backoff = self._gauge(catalogue.BACKOFF)
        for (member, resource), until in self._pauses.items():
            backoff.set(max(until - now, 0.0), member, resource)
        return generate_latest(self.registry)

    def definitions(self) -> list[Definition]:
        return [one.definition for one in self._families.values()]

    def forget_member(self, member: str, segments: Iterable[str]) -> None:
        """Drops every gauge that only the member's owner may export. That the lease is not held stays said."""
        held = self._gauge(catalogue.LEASE_HELD)
        self._forget(member=member)
        held.set(0, member)
        gone = frozenset(segments)
        for one in self._families.values():
            if isinstance(one, Gauges):
                one.drop_any("segment", gone)

    def tick(self, lag: float) -> None:
        """The event loop is alive; it was `lag` seconds late."""
        now = self._ticked = self._monotonic()
        self._lags.append((now, lag))
        while self._lags[0][0] < now - LOOP_MEMORY:
            self._lags.popleft()
        self._gauge(catalogue.EVENT_LOOP_LAG).set(max(late for _, late in self._lags))

    def seconds_since_tick(self) -> float:
        return self._monotonic() - self._ticked

    def handle(self, event: events.Event) -> None:  # noqa: C901, PLR0912, PLR0915  # a table: one case per event
        """Counts one event."""
        match event:
            case events.RowsTaken():
                self._rows_taken(event)
            case events.StepSettled():
                self._step_settled(event)
            case events.BatchClosed(segment=segment, outcome=outcome):
                self._counter(catalogue.BATCHES).add(1, segment, outcome)
            case events.RequestEnded(member=member, resource=resource, status=status, seconds=seconds):
                self._counter(catalogue.API_REQUESTS).add(1, member, resource, str(status))
                self._histogram(catalogue.API_REQUEST_DURATION).observe(seconds, resource)
            case events.PacerWaited(resource=resource, seconds=seconds):
                self._histogram(catalogue.PACER_WAIT).observe(seconds, resource)
            case events.ResourceThrottled(member=member, resource=resource, scope=scope, seconds=seconds):
                self._counter(catalogue.THROTTLED).add(1, member, resource, scope)
                already = self._pauses.get((member, resource), 0.0)
                self._pauses[member, resource] = max(already, self._monotonic() + seconds)
            case events.ResourceBackedOff(member=member, resource=resource, seconds=seconds):
                self._pauses[member, resource] = self._monotonic() + seconds
            case events.SegmentParked(segment=segment, reason=reason):
                self._gauge(catalogue.SEGMENT_PARKED).drop(segment=segment)
                self._gauge(catalogue.SEGMENT_PARKED).set(1, segment, reason)
                if reason == SegmentParking.LOST:
                    self._forget_status(segment)
            case events.SegmentResumed(segment=segment, reason=reason):
                self._gauge(catalogue.SEGMENT_PARKED).set(None, segment, reason)
            case events.SegmentDeleted(segment=segment):
                for one in self._families.values():
                    one.drop(segment=segment)
            case events.StatusChanged():
                self._status_changed(event)
            case events.StatusSeen():
                self._status_seen(event)
            case events.AccountSeen(member=member, account=account, segments=count):
                self._gauge(catalogue.ACCOUNT_SEGMENTS).set(count, member, account)
            case events.RoleSeen(member=member, account=account, may_write=may_write):
                self._gauge(catalogue.MAY_WRITE).set(int(may_write), member, account)
            case events.MemberParked(member=member, reason=reason):
                self._gauge(catalogue.MEMBER_PARKED).drop(member=member)
                self._gauge(catalogue.MEMBER_PARKED).set(1, member, reason)
            case events.MemberResumed(member=member, reason=reason):
                self._gauge(catalogue.MEMBER_PARKED).set(None, member, reason)
            case events.TokenRefreshed(member=member):
                self._gauge(catalogue.TOKEN_EXPIRY).set(event.access_ends, member, "access")
                self._gauge(catalogue.TOKEN_EXPIRY).set(event.refresh_ends, member, "refresh")
            case events.LeaseTaken(member=member):
                self._gauge(catalogue.LEASE_HELD).set(1, member)
            case events.LeaseEnded(member=member):
                self.forget_member(member, ())
            case events.Reasserted(segment=segment, identities=identities):
                self._counter(catalogue.REASSERTED).add(identities, segment)
            case resync_events.ResyncMoved(segment=segment, ratio=ratio):
                self._gauge(catalogue.RESYNC_PROGRESS).set(ratio, segment)
            case resync_events.ResyncEnded(segment=segment):
                self._gauge(catalogue.RESYNC_PROGRESS).set(None, segment)
            case events.RowQuarantined(segment=segment):
                self._counter(catalogue.ROWS_QUARANTINED).add(1, segment)
                self._counter(catalogue.CHANGES).add(1, segment, "dead")
            case events.SourceParked():
                self._counter(catalogue.SOURCE_PARKINGS).add(1)
            case events.DatabaseFailed(where=where):
                self._counter(catalogue.DATABASE_FAILURES).add(1, where)
            case events.Measured():
                self._measured(event)
            case events.LimitSeen(member=member, resource=resource):
                self._gauge(catalogue.REQUESTS_LAST_MINUTE).set(event.last_minute, member, resource)
                self._gauge(catalogue.REQUESTS_LIMIT).set(event.limit, member, resource)
                for scope in Scope:
                    self._counter(catalogue.THROTTLED).begin(member, resource, scope)
            case (
                events.BatchDelayed()
                | events.SegmentProvisioned()
                | events.UnknownSegments()
                | events.TombstonesPruned()
                | events.LookFailed()
                | resync_events.ResyncPlanned()
                | resync_events.ResyncStarted()
                | events.AccountCrowded()
                | events.TokenEnds()
                | events.VersionEnds()
                | events.RowsExpired()
                | events.ErasureEnded()
                | events.AlertRaised()
                | events.AlertHealed()
                | events.WebhookFailed()
            ):
                pass  # for the log only
            case _:
                assert_never(event)

    def _rows_taken(self, event: events.RowsTaken) -> None:
        changes = self._counter(catalogue.CHANGES)
        changes.add(event.needless, event.segment, "applied")
        changes.add(event.superseded + event.late, event.segment, "superseded")
        changes.add(sum(event.dead.values()), event.segment, "dead")
        self._counter(catalogue.LATE_SUPERSEDED).add(event.late, event.segment)

    def _step_settled(self, event: events.StepSettled) -> None:
        for (action, outcome), count in event.elements.items():
            self._counter(catalogue.ELEMENTS).add(count, event.segment, action, outcome)
        for outcome, count in event.rows.items():
            self._counter(catalogue.CHANGES).add(count, event.segment, outcome)
        self._histogram(catalogue.DELIVERY_LAG).observe_all(event.lags, event.segment)

    def _status_changed(self, event: events.StatusChanged) -> None:
        before, after = _status_label(event.before), _status_label(event.after)
        self._counter(catalogue.SEGMENT_TRANSITIONS).add(1, event.segment, before, after)
        if not event.documented:
            self._counter(catalogue.UNDOCUMENTED_TRANSITIONS).add(1, event.segment)

    def _status_seen(self, event: events.StatusSeen) -> None:
        status, label = self._gauge(catalogue.SEGMENT_STATUS), _status_label(event.status)
        status.set(None, event.segment, self._foreign.pop(event.segment, label))
        for known in Status:
            status.set(0, event.segment, known.value)
        status.set(1, event.segment, label)
        if label not in _STATUSES:
            self._foreign[event.segment] = label
        self._gauge(catalogue.SEGMENT_STATUS_SINCE).set(event.since, event.segment)
        self._gauge(catalogue.SEGMENT_INPUT_COUNT).set(event.input_count, event.segment)
        self._gauge(catalogue.SEGMENT_MATCHED_COUNT).set(event.matched_count, event.segment)
        self._gauge(catalogue.SEGMENT_AUDIENCE_SIZE).set(event.audience_size, event.segment)

    def _forget_status(self, segment: str) -> None:
        """LinkedIn does not know it any more: what was last seen of it is not so."""
        for one in (
            catalogue.SEGMENT_STATUS,
            catalogue.SEGMENT_STATUS_SINCE,
            catalogue.SEGMENT_INPUT_COUNT,
            catalogue.SEGMENT_MATCHED_COUNT,
            catalogue.SEGMENT_AUDIENCE_SIZE,
        ):
            self._gauge(one).drop(segment=segment)

    def _measured(self, event: events.Measured) -> None:
        """A measurement speaks of all that this process owns: what it leaves out is not exported any more."""
        self._gauge(catalogue.OUTBOX_PENDING).replace({(key,): rows for key, (rows, _) in event.pending.items()})
        self._gauge(catalogue.OUTBOX_OLDEST_AGE).replace({(key,): age for key, (_, age) in event.pending.items()})
        self._gauge(catalogue.OPEN_BATCHES).replace({(key,): count for key, count in event.open_batches.items()})
        self._gauge(catalogue.SEGMENT_LEDGER_SIZE).replace({(key,): size for key, size in event.ledger_sizes.items()})
        self._gauge(catalogue.DEAD_LETTERS).replace(
            {(key, reason): count for (key, reason), count in event.dead_letters.items()}
        )
        self._gauge(catalogue.SEGMENT_PAUSED).replace({(key,): float(paused) for key, paused in event.paused.items()})
        for key in event.ledger_sizes:
            for outcome in ("applied", "superseded", "dead"):
                self._counter(catalogue.CHANGES).begin(key, outcome)
            for rare in _RARE:
                self._counter(rare).begin(key)
        self._gauge(catalogue.OUTBOX_DEAD_TUPLES).set(event.dead_tuples)
        self._gauge(catalogue.OLDEST_TRANSACTION_AGE).set(event.oldest_transaction)

    def _forget(self, **wanted: str) -> None:
        for one in self._families.values():
            if isinstance(one, Gauges):
                one.drop(**wanted)
        if "member" in wanted:
            self._pauses = {key: until for key, until in self._pauses.items() if key[0] != wanted["member"]}

    def _gauge(self, definition: Gauge) -> Gauges:
        found = self._families[definition.name]
        assert isinstance(found, Gauges)
        return found

    def _counter(self, definition: Counter) -> Counters:
        found = self._families[definition.name]
        assert isinstance(found, Counters)
        return found

    def _histogram(self, definition: Histogram) -> Histograms:
        found = self._families[definition.name]
        assert isinstance(found, Histograms)
        return found


def _status_label(status: str) -> str:
    """A status as LinkedIn names it, known or not; what is no name at all cannot make a label each."""
    if not status:
        return NO_STATUS
    return status if _STATUS_NAME.fullmatch(status) else OTHER_STATUS


async def watch_loop(metrics: Metrics, interval: float = 1.0) -> None:
    """Measures how late the event loop comes back from a sleep, until it is cancelled."""
    while True:
        before = time.monotonic()
        await asyncio.sleep(interval)
        metrics.tick(max(time.monotonic() - before - interval, 0.0))


def document() -> str:
    """`docs/metrics.md`: what the registry holds, as a reader needs it."""
    lines = [
        "# Metrics",
        "",
        "`GET /metrics` on `SYNCD_METRICS__PORT`. Written by `python -m syncd.observe.metrics`; do not edit.",
        "",
        "Counters and histograms tell what one process did: add them up over all processes. Gauges with `member` or",
        "`segment` come only from the process that works for the member.",
        "",
        "| name | type | labels | unit | meaning | what to do |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for one in Metrics().definitions():
        labels = ", ".join(f"`{label}`" for label in one.labels) or "–"
        extra = " *(extra)*" if one in catalogue.EXTRAS else ""
        lines.append(
            f"| `{one.name}`{extra} | {type(one).__name__.lower()} | {labels} | {one.unit} | {one.means} | {one.todo} |"
        )
    lines += [
        "",
        "*(extra)*: beyond the names that other programs rely on; it may change in a minor version.",
        "",
        "## Of the process",
        "",
        "On Linux, under the names that every exporter uses.",
        "",
        "| name | type | unit | meaning | what to do |",
        "| --- | --- | --- | --- | --- |",
        *(f"| `{o.name}` | {type(o).__name__.lower()} | {o.unit} | {o.means} | {o.todo} |" for o in catalogue.PROCESS),
        "",
        "## Where they are drawn",
        "",
        "`helm/dashboards/` holds three dashboards for Grafana and `helm/rules/` the alerts, which [the runbook](runbook.md)",
        "explains one by one. Every metric stands in a dashboard, except:",
        "",
        *(f"- `{name}`: {why}." for name, why in catalogue.UNDRAWN.items()),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(document())
