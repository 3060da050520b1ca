"""What a scenario is, the book they stand in, and how one is run from an empty database to a verdict."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.stage import Stage
from tests.postgres import NoRoom, PostgresServer

AT_ONCE = 4
"""Scenarios at a time: they mostly wait, four of them keep a core and a half busy."""
Play = Callable[[Stage], Awaitable[None]]


@dataclass(frozen=True)
class Scenario:
    """`rows` of reliability.md it covers; `expects` what must have been seen, or it proved nothing; `world` goes to the
    stage. `server` are settings of a PostgreSQL of its own, None for the shared one, `room` the MiB of its disk; `sqlite`
    uses a file instead. `lasts` are seconds, where it takes more than a minute by nature.
    """

    name: str
    rows: tuple[str, ...]
    play: Play
    quick: bool = False
    sqlite: bool = False
    server: tuple[str, ...] | None = None
    room: int | None = None
    lasts: float = 0.0
    expects: tuple[str, ...] = ()
    world: Mapping[str, Any] = field(default_factory=dict)


def is_meant(name: str, only: str) -> bool:
    """Whether a name holds `only`, or one of several texts with `|` between them."""
    return any(text in name.lower() for text in only.lower().split("|"))


@dataclass
class Outcome:
    """What came of one run."""

    scenario: Scenario
    seconds: float = 0.0
    recovery: float = 0.0
    broken: list[str] = field(default_factory=list)
    failed: str = ""
    skipped: str = ""
    figures: list[str] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    looked: Counter[str] = field(default_factory=Counter)

    @property
    def held(self) -> bool:
        """A scenario that cannot be played here holds, except under CI, where everything must be played."""
        return not self.broken and not self.failed and not (self.skipped and os.environ.get("CI"))


BOOK: list[Scenario] = []


def scenario(
    name: str,
    *rows: str,
    quick: bool = False,
    sqlite: bool = False,
    server: Sequence[str] | None = None,
    room: int | None = None,
    lasts: float = 0.0,
    expects: Sequence[str] = (),
    **world: Any,
) -> Callable[[Play], Play]:
    """Writes a play into the book."""

    def enter(play: Play) -> Play:
        own = None if server is None else tuple(server)
        BOOK.append(Scenario(name, rows, play, quick, sqlite, own, room, lasts, tuple(expects), world))
        return play

    return enter


@dataclass
class Grounds:
    """Where scenarios find their databases: a shared server with a migrated template, and a migrated file."""

    server: PostgresServer
    template: str
    file: Path
    directory: Path
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    made: int = 0
    migrating: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Alembic keeps what it works on in its modules: one migration at a time in a process."""

    async def migrated(self, server: PostgresServer) -> str:
        """The URL of a new, migrated database of another server."""
        from syncd.store.migrate import upgrade  # noqa: PLC0415 - the only use of syncd here

        url = server.url(await server.create_database())
        async with self.migrating:
            await upgrade(url)
        return url

    def folder(self, name: str) -> Path:
        self.made += 1
        readable = "".join(sign if sign.isalnum() else "-" for sign in name)[:60]
        return self.directory / f"{self.made:03d}-{readable}"


async def run(one: Scenario, grounds: Grounds, seed: int, *, patience: float = 150.0, prelude: str = "") -> Outcome:
    """Plays one scenario. `prelude` is what a mutant changes in every daemon."""
    outcome = Outcome(one)
    begun = time.monotonic()
    folder = grounds.folder(one.name)
    folder.mkdir(parents=True)
    stage: Stage | None = None
    server: PostgresServer | None = None
    name = ""
    try:
        async with asyncio.timeout(patience):
            if one.sqlite:
                target = folder / "syncd.db"
                target.write_bytes(grounds.file.read_bytes())
                url = f"sqlite+aiosqlite:///{target}"
            elif one.server is not None:
                server = PostgresServer(durable=True, settings=one.server, room=one.room)
                await asyncio.to_thread(server.start)
                url = await grounds.migrated(server)
            else:
                name = await grounds.server.create_database(grounds.template)
                url = grounds.server.url(name)
            world = dict(one.world)
            changed = world.pop("prelude", "") + prelude
            stage = Stage(folder, url, seed, server=server or grounds.server, prelude=changed, **world)
            async with stage:
                await one.play(stage)
    except NoRoom as error:
        outcome.skipped = str(error)
    except TimeoutError:
        outcome.failed = f"not over after {patience:.0f} s"
    except ExceptionGroup as group:
        outcome.failed = "; ".join(f"{type(error).__name__}: {error}" for error in group.exceptions)
    except Exception as error:  # noqa: BLE001 - a scenario that breaks is a result like any other
        outcome.failed = f"{type(error).__name__}: {error}"
    finally:
        if server is not None:
            await asyncio.to_thread(server.close)
        if name:
            await grounds.server.drop_database(name)
    if stage is not None:
        outcome.broken, outcome.seen, outcome.looked = stage.broken, stage.seen, stage.looked
        outcome.figures = stage.figures
        outcome.recovery = max(stage.recoveries, default=0.0)
        missed = [sight for sight in one.expects if not stage.seen[sight]]
        if missed and not outcome.failed:
            outcome.failed = f"never seen: {', '.join(missed)}"
    outcome.seconds = time.monotonic() - begun
    return outcome
