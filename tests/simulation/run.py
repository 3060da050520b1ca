"""One seed: faults first, then healing, then everything must become quiet, and the checker reads what is left."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import logging
import random
import shutil
import sqlite3
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from syncd.store.migrate import upgrade
from tests.simulation import checker, harvest
from tests.simulation.crm import Audience, Crm
from tests.simulation.linkedin import World
from tests.simulation.loop import Deadlock, VirtualLoop, bury
from tests.simulation.nemesis import Nemesis
from tests.simulation.records import Evidence
from tests.simulation.replica import Replica, in_place, settings_of
from tests.simulation.sqlite import Disk
from tests.simulation.weather import Weather

_KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
_QUIET_WITHIN = 6_000.0


@dataclass(slots=True)
class Outcome:
    """What became of a seed. `seen` counts what happened, so that runs that prove nothing are noticed."""

    seed: int
    problems: list[str]
    digest: str
    steps: int
    virtual: float
    rows: int
    requests: int
    seen: Counter[str] = field(default_factory=Counter)
    trace: list[str] = field(default_factory=list)


@cache
def _template() -> Path:
    """A migrated database, made once a process."""
    directory = Path(tempfile.mkdtemp(prefix="syncd-simulation-"))
    asyncio.run(upgrade(f"sqlite+aiosqlite:///{directory / 'template.db'}"))
    with sqlite3.connect(directory / "template.db") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return directory / "template.db"


@contextmanager
def _scratch() -> Iterator[Path]:
    place = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(prefix="syncd-seed-", dir=place) as directory:
        shutil.copyfile(_template(), Path(directory) / "syncd.db")
        yield Path(directory)


class Run:
    """Everything of one seed."""

    def __init__(self, seed: int, directory: Path, steps: int, *, trace: bool) -> None:
        self.seed = seed
        self.dice = random.Random(seed)
        self.loop = VirtualLoop()
        self.file = directory / "syncd.db"
        self.most_steps = steps
        self.seen: Counter[str] = Counter()
        self.problems: list[str] = []
        self.digest = hashlib.sha256()
        self.trace: list[str] = []
        self.keep_trace = trace
        dice = self.dice
        self.timeout, self.ttl = dice.choice([(4.0, 3.0)] * 12 + [(30.0, 15.0)])
        self.limits = {"users": dice.choice([40, 60, 110, 250]), "companies": dice.choice([40, 60, 200])}
        self.disk = Disk(self.loop, self._random(), self.told)
        self.weather = Weather(self._random(), self.timeout)
        self.world = World(self.loop, self.weather, self._random(), self.disk.now)
        self.world.note = lambda text: self.told("linkedin", text)
        self.crm = Crm(self.loop, self.disk, self.file, self._random())
        self.members = {f"member{n}": dice.random() < 0.3 for n in range(dice.choice([1, 1, 2]))}
        self.audiences = self._audiences()
        for member in self.members:
            self.world.tokens |= {f"access-{member}": member, f"refresh-{member}": member}
        settings = settings_of(
            directory,
            self.file,
            members=self.members,
            segments=[(one.key, one.kind, one.member) for one in self.audiences],
            timeout=self.timeout,
            ttl=self.ttl,
            limits=self.limits,
            secret_key=_KEY,
        )
        count = dice.choice([1, 2, 2, 3])
        self.replicas = [Replica(n, self.loop, self.disk, settings, self.told) for n in range(count)]
        self.nemesis = Nemesis(self.loop, self._random(), self.replicas, self.disk, self.weather, self.told)

    def _random(self) -> random.Random:
        return random.Random(self.dice.getrandbits(64))

    def _audiences(self) -> list[Audience]:
        dice = self.dice
        found = []
        for number in range(dice.choice([1, 2, 3, 4])):
            kind, subjects, late = dice.choice(
                [("user", 0.0, 0.3), ("user", 0.0, 0.3), ("user", 1.0, 0.2), ("user", 0.6, 0.0), ("company", 0.0, 0.2)]
            )
            people = dice.choice([2, 6, 30, 200])
            member = dice.choice(sorted(self.members))
            found.append(Audience(f"segment{number}", kind, member, people, subjects, late))
        return found

    def told(self, who: str, what: object) -> None:
        """The trace: every event of every process, with its time."""
        name = what if isinstance(what, str) else type(what).__name__
        self.seen[name] += 1
        if who == "S10":
            self.problems.append(f"S10 {name}")
        line = f"{self.loop.time():.6f} {who} {what}"
        self.digest.update(line.encode())
        if self.keep_trace:
            self.trace.append(line)

    async def live(self) -> None:
        faults = self.dice.choice([30.0, 60.0, 120.0])
        for replica in self.replicas:
            replica.start()
        until = self.loop.time() + faults
        pace = self.dice.choice([0.5, 1.0, 3.0])
        writing = asyncio.create_task(self.crm.write([*self.audiences, *self._ghosts()], until, pace))
        await self.nemesis.rage(until, self.most_steps)
        await writing
        await self.nemesis.heal()
        await self.crm.finish()
        await self._quiet()
        for replica in self.replicas:
            await replica.stop(self.timeout * 3 + 60.0)

    def _ghosts(self) -> list[Audience]:
        return [Audience("ghost", "user", "", 3, 0.0, 0.0)] if self.dice.random() < 0.2 else []

    async def _quiet(self) -> None:
        """Liveness: with nothing in the way, everything is settled within a bound."""
        deadline = self.loop.time() + _QUIET_WITHIN
        calm = 0
        while calm < 3:
            await asyncio.sleep(2 * self.timeout)
            calm = calm + 1 if harvest.is_quiet(self.crm._connection._conn) else 0
            if self.loop.time() > deadline:
                self.problems.append(f"V1 not quiet: {harvest.why_not_quiet(self.crm._connection._conn)}")
                return

    def evidence(self) -> Evidence:
        found = Evidence(
            kinds={one.key: one.kind for one in self.audiences},
            limits=self.limits,
            request_timeout=self.timeout,
            history=self.crm.history,
            sent=self.world.sent,
            created=self.world.created,
            problems=self.problems,
            late=self.world.late or any(one.kind in {"late", "late_arrival"} for one in self.world.sent),
            database_faults=self.nemesis.database_faults,
        )
        harvest.fill(found, self.crm._connection._conn)
        return found


def run(seed: int, *, steps: int = 200_000, trace: bool = False) -> Outcome:
    """Runs one seed; its problems are empty when every invariant held."""
    gc.collect()
    gc.disable()
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)
    try:
        with _scratch() as directory, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the dead give no connection back
            return _run(seed, directory, steps, trace=trace)
    finally:
        gc.enable()


def job(given: tuple[int, int]) -> Outcome:
    """A seed and its steps, for a pool of processes."""
    return run(given[0], steps=given[1])


def _run(seed: int, directory: Path, steps: int, *, trace: bool) -> Outcome:
    here = Run(seed, directory, steps, trace=trace)
    loop, cut = here.loop, here.dice.choice([3, 8, 20, 5_000])

    def swallowed(_loop: object, context: dict[str, object]) -> None:
        here.problems.append(f"swallowed: {context.get('message')} {context.get('exception')!r}")

    loop.set_exception_handler(swallowed)
    with in_place(loop, here.disk, here.world, here._random(), cut):
        try:
            loop.run_until_complete(here.live())
        except Deadlock:
            here.problems.append("deadlock: nothing is ready and no timer is set")
    here.problems += [problem for replica in here.replicas for problem in replica.problems]
    evidence = here.evidence()
    problems = [*dict.fromkeys(here.problems), *checker.check(evidence)]
    for one in evidence.sent:
        here.digest.update(f"{one}".encode())
    here.seen.update(one.kind for one in evidence.sent)
    processes = [process for replica in here.replicas for process in replica.processes]
    loop.set_exception_handler(lambda *_: None)
    bury(processes)
    here.crm.close()
    for process in processes:
        for connection in process.connections:
            connection.stop()
    outcome = Outcome(
        seed=seed,
        problems=problems,
        digest=here.digest.hexdigest(),
        steps=loop.steps,
        virtual=loop.time() - 1_000.0,
        rows=len(evidence.history),
        requests=len(evidence.sent),
        seen=here.seen,
        trace=here.trace,
    )
    loop.close()
    return outcome
