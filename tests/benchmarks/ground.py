"""The ground of one benchmark: a durable database of its own, the sandbox and the daemon as processes, and what they cost.

Rows are filled in before anything is measured; how far the daemon is, is read from its batches twice a second.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # it ships no types
from sqlalchemy import func, select

from syncd.store.migrate import upgrade
from syncd.store.tables import batches, segments
from tests.acceptance.rig import Process, Rig
from tests.faults.history import History, Row
from tests.postgres import PostgresServer

SERVER = ("max_wal_size=8GB", "min_wal_size=8GB", "shared_buffers=512MB")
OFF = 1_000_000
"""Requests a minute that nothing here reaches: the limiter is there and never waits."""
REQUEST_TIMEOUT = 30.0
JUDGED = 200_000
"""Rows up to which the sandbox records every element, so that the checker of the faults can judge the run."""
_SETTLING_IN = 5.5
"""A new segment takes no data for five seconds."""
_USERS = """
    with filled as (insert into syncd.outbox (segment_key, action, payload)
    select $1, 'ADD', jsonb_build_object(
        'email', 'person' || n || '@example.com', 'first_name', 'Ann' || (n % 100), 'last_name', 'Lee',
        'title', 'Engineer', 'company', 'Acme ' || (n % 5000), 'country', 'US')
    from generate_series(1::bigint, $2::bigint) as n order by n returning id)
    select min(id) from filled
"""
_COMPANIES = """
    with filled as (insert into syncd.outbox (segment_key, action, payload)
    select $1, 'ADD', jsonb_build_object(
        'name', 'Acme ' || n, 'website_domain', 'acme' || n || '.example', 'country', 'US')
    from generate_series(1::bigint, $2::bigint) as n order by n returning id)
    select min(id) from filled
"""
_LEDGER = """
    insert into syncd.ledger (segment_id, identity, rank, batch_id, at, present, anonymous)
    select $1, decode('01', 'hex') || sha256(convert_to($2 || n || '@example.com', 'utf8')), 0, 0, now(), true, 1
    from generate_series(1::bigint, $3::bigint) as n
"""


_RUN_IN = """
    select pg_switch_wal() from generate_series(1, $1::bigint) as n
    where pg_logical_emit_message(false, 'syncd', '') is not null
"""
_WAL = 2_000
"""Bytes of WAL for each row that is written, taken and entered, with the pages that go in full after a checkpoint."""
_WAL_FILE = 16 * 1024 * 1024


async def run_in(url: str, rows: int) -> None:
    """Makes of a new PostgreSQL one that has been running: the files that so many rows' WAL needs are there, to be used
    again. To make one costs as much as to fill it, and only new servers have to.
    """
    connection = await asyncpg.connect(url)
    try:
        await connection.fetch(_RUN_IN, rows * _WAL // _WAL_FILE + 1, timeout=600)
        await connection.execute("checkpoint", timeout=600)
    finally:
        await connection.close()


@dataclass(kw_only=True)
class World:
    """What a benchmark asks for. `latency` in seconds, limits in requests a minute."""

    segments: Sequence[tuple[str, str, str]] = (("people", "user", "ads"),)
    members: Sequence[str] = ("ads",)
    users: int = OFF
    companies: int = OFF
    latency: float = 0.0
    sqlite: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    """Queries of reconciles on the same server, by segment."""


@dataclass(kw_only=True)
class Ground:
    world: World
    rig: Rig
    daemon: Process
    server: PostgresServer | None
    url: str
    record: Path | None = None
    """Where the sandbox writes down every element; None where that is more than can be judged."""
    history: History = field(default_factory=History)

    async def execute(self, statement: str, *given: object) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(statement, *given, timeout=600)
        finally:
            await connection.close()

    async def fill(self, segment: str, rows: int, kind: str = "user") -> None:
        """One CRM transaction with so many new people or companies."""
        asked = time.monotonic()
        if self.world.sqlite:
            first = await asyncio.to_thread(_fill_sqlite, self.url, segment, rows)
        else:
            connection = await asyncpg.connect(self.url)
            try:
                statement = _USERS if kind == "user" else _COMPANIES
                first = await connection.fetchval(statement, segment, rows, timeout=600)
            finally:
                await connection.close()
        if self.record is not None:
            payload = _person if kind == "user" else _company
            self.note(segment, first, [payload(n) for n in range(1, rows + 1)], asked)

    def note(self, segment: str, first: int, payloads: Sequence[Mapping[str, str]], asked: float) -> None:
        """Rows of one commit, for the checker: ids from `first` on, `asked` in monotonic seconds."""
        now = time.monotonic()
        self.history.rows += [
            Row(first + place, segment, "ADD", payload, asked=asked, acked=now, commit="acked")
            for place, payload in enumerate(payloads)
        ]

    async def seed_ledger(self, segment: str, rows: int, name: str) -> None:
        """People who are in a segment already, by SQL: the index is built afterwards, as one would restore it."""
        number = await self.rig.scalar(select(segments.c.id).where(segments.c.key == segment))
        await self.execute("alter table syncd.ledger drop constraint ledger_pkey")
        await self.execute(_LEDGER, number, name, rows)
        await self.execute("alter table syncd.ledger add primary key (segment_id, identity)")
        await self.execute("vacuum analyze syncd.ledger")

    async def accepted(self) -> int:
        return int(await self.rig.scalar(select(func.coalesce(func.sum(batches.c.accepted), 0))))

    async def drain(self, rows: int, before: int = 0) -> Drained:
        """Waits until so many elements are accepted and nothing is left; `before` were accepted earlier."""
        cpu = self.cpu()
        begun = time.monotonic()
        series = [(0.0, 0)]
        deadline = begun + 900.0
        while series[-1][1] < rows:
            assert self.daemon.child.returncode is None, "the daemon died"
            assert time.monotonic() < deadline, f"only {series[-1][1]} of {rows} were accepted"
            await asyncio.sleep(0.05 if self.world.latency else 0.25)  # looks cost what is measured without a limit
            series.append((time.monotonic() - begun, await self.accepted() - before))
        spent = {name: seconds - cpu[name] for name, seconds in self.cpu().items()}
        await self.rig.wait_until(self.rig.is_drained, "nothing is left", self.daemon)
        return Drained(rows=rows, series=series, cpu=spent, peak_mib=peak_mib(self.daemon.pid))

    def cpu(self) -> dict[str, float]:
        """Seconds of user and system time so far, by process; PostgreSQL with all its children, dead ones too."""
        found = {"daemon": _cpu(self.daemon.pid), "sandbox": _cpu(self.rig.sandbox.pid)}
        if self.server is not None and self.server.pid is not None:
            pid = self.server.pid
            found["PostgreSQL"] = _cpu(pid, buried=True) + sum(_cpu(child) for child in _children(pid))
        return found


@dataclass(frozen=True, kw_only=True)
class Drained:
    """`series` holds seconds and users accepted by then; CPU in seconds."""

    rows: int
    series: list[tuple[float, int]]
    cpu: dict[str, float]
    peak_mib: float

    @property
    def per_second(self) -> float:
        return self.rows / self.series[-1][0]

    @property
    def cpu_per_million(self) -> dict[str, float]:
        return {name: seconds / self.rows * 1e6 for name, seconds in self.cpu.items()}


@asynccontextmanager
async def ground(directory: Path, world: World, rows: int | None = None) -> AsyncIterator[Ground]:
    """Everything started, every segment bound and old enough to take data; `rows` is how many will be written, where they
    are all that is written.
    """
    directory.mkdir(exist_ok=True)
    record = directory / "record.jsonl" if rows is not None and rows <= JUDGED else None
    if world.sqlite:
        path = directory / "bench.db"
        url = f"sqlite+aiosqlite:///{path}"
        await upgrade(url)
        async with _started(directory, world, url, str(path), None, record) as made:
            yield made
        return
    with PostgresServer(durable=True, settings=SERVER) as server:
        name = await server.create_database()
        await upgrade(server.url(name))
        async with _started(directory, world, server.url(name), server.plain_url(name), server, record) as made:
            yield made


@asynccontextmanager
async def _started(
    directory: Path, world: World, url: str, plain: str, server: PostgresServer | None, record: Path | None
) -> AsyncIterator[Ground]:
    options = [] if record is None else ["--record", str(record)]
    options += ["--users-per-minute", str(world.users), "--companies-per-minute", str(world.companies)]
    settings = {
        "SYNCD_LIMITS__USERS_PER_MINUTE": str(world.users),
        "SYNCD_LIMITS__COMPANIES_PER_MINUTE": str(world.companies),
        "SYNCD_LOG__LEVEL": "info",
        "SYNCD_LEASES__TTL": "15",
        "SYNCD_LINKEDIN__REQUEST_TIMEOUT": str(REQUEST_TIMEOUT),
        "SYNCD_TRACKER__INTERVAL": "60",
        **world.settings,
    }
    rig = Rig(
        directory,
        url,
        segments=world.segments,
        members={member: f"token-of-{member}" for member in world.members},
        sandbox_options=[*options, "--latency", str(world.latency)],
        settings=settings,
        sources={key: {"database_url": url, "query": query} for key, query in world.sources.items()},
    )
    async with rig:
        daemon = await rig.daemon()

        async def bound() -> bool:
            return len(await rig.dmp_segments()) == len(world.segments)

        await rig.wait_until(bound, "segments are bound", daemon, seconds=300)
        await asyncio.sleep(_SETTLING_IN)
        made = Ground(world=world, rig=rig, daemon=daemon, server=server, url=plain, record=record)
        yield made
        assert await made.daemon.stop() == 0


def _fill_sqlite(path: str, segment: str, rows: int) -> int:
    people = ((segment, json.dumps(_person(n))) for n in range(1, rows + 1))
    with closing(sqlite3.connect(path, timeout=60)) as connection, connection:
        (before,) = connection.execute("select coalesce(max(id), 0) from outbox").fetchone()
        connection.executemany("insert into outbox (segment_key, action, payload) values (?, 'ADD', ?)", people)
    return int(before) + 1


def _person(n: int) -> dict[str, str]:
    """As `_USERS` writes them."""
    return {
        "email": f"person{n}@example.com",
        "first_name": f"Ann{n % 100}",
        "last_name": "Lee",
        "title": "Engineer",
        "company": f"Acme {n % 5000}",
        "country": "US",
    }


def _company(n: int) -> dict[str, str]:
    """As `_COMPANIES` writes them."""
    return {"name": f"Acme {n}", "website_domain": f"acme{n}.example", "country": "US"}


def _cpu(pid: int, *, buried: bool = False) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11 : 15 if buried else 13])) / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def peak_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0
