"""Plays many scenarios, some at a time, and tells of them in tables."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from syncd.store.migrate import upgrade
from tests.faults import answers, backlogs, databases, lives, neighbours, people, processes, upgrades
from tests.faults.scenario import BOOK, Grounds, Outcome, Scenario, is_meant, run
from tests.postgres import PostgresServer

CHAPTERS = (processes, databases, answers, lives, neighbours, people, upgrades, backlogs)
"""The modules whose import fills the book."""

SOMETIMES = (
    "late-commit row", "late-commit row superseded", "superseded row", "rolled-back row", "needless row",
    "ambiguous request that was applied", "late apply", "re-assertion", "takeover", "lease lost to another",
    "stale-epoch write refused", "429 minute", "429 member day", "429 application day", "429 unknown", "element refused",
    "bisect", "fault length", "fault malformed", "token refreshed", "SIGTERM mid-batch", "kill -9 at a crash point",
    "crash point exhausted", "row quarantined", "segment parked", "member parked", "source parked", "tombstones pruned",
    "database failed", "request cut at a byte", "segment expired", "segment purged", "undocumented transition",
    "refresh race", "resync overlap", "purge with held horizon",
)  # fmt: skip


@asynccontextmanager
async def grounds(directory: Path | None = None) -> AsyncIterator[Grounds]:
    """A durable PostgreSQL with a migrated template, a migrated file, a folder that stays where something broke."""
    folder = directory or Path(tempfile.mkdtemp(prefix="syncd-faults-"))
    server = PostgresServer(durable=True)
    await asyncio.to_thread(server.start)
    try:
        template = await server.create_database()
        await upgrade(server.url(template))
        file = folder / "template.db"
        await upgrade(f"sqlite+aiosqlite:///{file}")
        yield Grounds(server, template, file, folder)
    finally:
        await asyncio.to_thread(server.close)


def chosen(*, quick: bool, only: str = "", book: Iterable[Scenario] = ()) -> list[Scenario]:
    found = [one for one in (book or BOOK) if is_meant(one.name, only)]
    return [one for one in found if one.quick or only or not quick]


async def play_all(
    scenarios: Sequence[Scenario],
    ground: Grounds,
    seeds: Sequence[int],
    tell: Callable[[Outcome], None],
    prelude: str = "",
) -> list[Outcome]:
    """Each once with every seed, as many at a time as the ground has places: the longest first, then as the book has them."""
    longest_first = sorted(scenarios, key=lambda one: -one.lasts)

    async def one(scenario: Scenario, seed: int) -> Outcome:
        async with ground.places:
            outcome = await run(scenario, ground, seed, prelude=prelude)
            tell(outcome)
            return outcome

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(scenario, seed)) for scenario in longest_first for seed in seeds]
    return [task.result() for task in tasks]


def told(outcome: Outcome) -> str:
    word = "skipped" if outcome.skipped else "held" if outcome.held else "BROKEN"
    lines = [f"{word:7} {outcome.seconds:6.1f} s  {outcome.scenario.name}"]
    lines += [f"        {broken}" for broken in outcome.broken]
    lines += [f"        {figure}" for figure in outcome.figures]
    lines += [f"        {words}" for words in (outcome.failed, outcome.skipped) if words]
    return "\n".join(lines)


def table(outcomes: Sequence[Outcome]) -> str:
    """Fault, rows of reliability.md, runs, how many of the invariants that were judged held in all of them, worst recovery."""
    by_name: dict[str, list[Outcome]] = defaultdict(list)
    for one in outcomes:
        by_name[one.scenario.name].append(one)
    lines = [f"{'fault':74} {'rows':10} {'runs':>4}  {'invariants held':16} {'worst recovery':>14}"]
    for name, ours in by_name.items():
        judged_by = {key.split(" ")[0] for one in ours for key, count in one.looked.items() if count}
        broken = {words.split(" ")[0] for one in ours for words in one.broken}
        held = f"{len(judged_by | broken) - len(broken)} of {len(judged_by | broken)}"
        if any(one.skipped for one in ours):
            held = "not played"
        elif any(one.failed for one in ours):
            held += " FAILED"
        worst = max(one.recovery for one in ours)
        lines.append(f"{name:74} {' '.join(ours[0].scenario.rows):10} {len(ours):4}  {held:16} {worst:12.1f} s")
    return "\n".join(lines)


def sometimes(outcomes: Sequence[Outcome]) -> tuple[str, list[str]]:
    """How often every interesting situation occurred, and those that never did."""
    seen: Counter[str] = Counter()
    for one in outcomes:
        seen.update(one.seen)
    never = [name for name in SOMETIMES if not seen[name]]
    return "\n".join(f"{name:40} {seen[name]:8}" for name in SOMETIMES), never


def judged(outcomes: Sequence[Outcome]) -> str:
    looked: Counter[str] = Counter()
    for one in outcomes:
        looked.update(one.looked)
    return "  ".join(f"{name}: {count:,}" for name, count in sorted(looked.items()))


class Watch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._begun = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._begun
