"""What the demo shows while it runs: a live table on a terminal, a line every two seconds elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from syncd.cli.demo.stage import PASSWORD, PERSON, Stage
from syncd.operations import segments
from syncd.operations.segments import SegmentReport
from syncd.store.engine import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """One look at both sides."""

    seconds: float
    committed: int
    segments: list[SegmentReport]
    linkedin: dict[str, dict[str, Any]] = field(default_factory=dict)
    limits: list[dict[str, Any]] = field(default_factory=list)

    @property
    def pending(self) -> int:
        return sum(one.pending for one in self.segments)

    @property
    def open_batches(self) -> int:
        return sum(one.open_batches for one in self.segments)

    @property
    def applied(self) -> int:
        return sum(one.applied for one in self.segments)

    @property
    def superseded(self) -> int:
        return sum(one.superseded for one in self.segments)

    @property
    def dead(self) -> int:
        return sum(one.dead for one in self.segments)

    @property
    def requests(self) -> int:
        return sum(one["arrivals"] for one in self.limits)

    @property
    def settled(self) -> bool:
        """Whether nothing waits and nothing is on its way."""
        return bool(self.segments) and not self.pending and not self.open_batches


async def look(stage: Stage, database: Database, seconds: float, committed: int) -> Sight:
    found = await segments.listed(database)
    return Sight(
        seconds=seconds,
        committed=committed,
        segments=found.segments,
        linkedin=await stage.sandbox.segments(),
        limits=await stage.sandbox.limits(),
    )


def line(sight: Sight) -> str:
    """A look in one line."""
    return (
        f"{sight.seconds:5.1f} s  committed {sight.committed:,}  pending {sight.pending:,}  "
        f"open batches {sight.open_batches}  applied {sight.applied:,}  superseded {sight.superseded:,}  "
        f"dead {sight.dead:,}  requests {sight.requests:,}"
    )


def picture(sight: Sight, stage: Stage) -> Group:
    """A look as a table, with the limits below it."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("segment", no_wrap=True)
    table.add_column("status", no_wrap=True)
    for head in ("pending", "lag (s)", "open", "applied", "dead", "ledger", "LinkedIn"):
        table.add_column(head, justify="right", no_wrap=True)
    for one in sight.segments:
        there = sight.linkedin.get(one.key, {}).get("size", 0)
        numbers = (one.pending, one.oldest_seconds, one.open_batches, one.applied, one.dead, one.ledger)
        cells = [f"{number:,.1f}" if isinstance(number, float) else f"{number:,}" for number in numbers]
        size = Text(f"{there:,}", style="green" if there == one.ledger else "yellow")
        table.add_row(one.key, one.status or "–", *cells, size)
    limits = [
        f"{one['resource']}: {one['last_minute']} of {one['limit']} requests in the last minute, {one['throttled']} throttled"
        for one in sight.limits
    ]
    return Group(
        Text(f"syncd demo, {sight.seconds:.0f} s: {sight.committed:,} rows committed by the CRM", style="bold"),
        table,
        *(Text(limit) for limit in limits),
        Text(f"console: {stage.console_url} (sign in as {PERSON}, password {PASSWORD})", style="bold"),
        Text(f"LinkedIn (the sandbox): {stage.sandbox.url}", style="dim"),
        Text(f"metrics: {stage.metrics_url}", style="dim"),
        Text(f"everything is in {stage.directory}; Ctrl-C stops it", style="dim"),
    )
