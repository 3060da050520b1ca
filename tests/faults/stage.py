"""Where a fault happens: a rig of real processes with a history, proxies on both roads, and a verdict at the end."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import asyncpg  # type: ignore[import-untyped]  # it ships no types
from sqlalchemy import text

from tests.acceptance.rig import Process, Rig
from tests.faults import preludes
from tests.faults.checker import Verdict, check
from tests.faults.evidence import Evidence, Tables, Taking, parkings, read_record, read_tables
from tests.faults.history import Change, Crm, History, Writer
from tests.faults.probes import Probes
from tests.faults.proxy import Proxy
from tests.faults.surfaces import surfaces
from tests.postgres import PostgresServer

LEASE = 1.2
TIMEOUT = 1.0
_TOLD = 0.4
"""Seconds until metrics follow the database, in the end."""


@dataclass
class Stage:
    """One scenario's world. `url` is the database as SQLAlchemy takes it; `server` where the scenario may hurt it."""

    directory: Path
    url: str
    seed: int = 1
    kinds: Mapping[str, str] = field(default_factory=lambda: {"red": "user", "blue": "user"})
    server: PostgresServer | None = None
    options: Sequence[str] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    members: Mapping[str, str] = field(default_factory=lambda: {"ads": "canary-token-ads"})
    limits: Mapping[str, int] = field(default_factory=lambda: {"users": 500, "companies": 200})
    settle_in: float = 0.0
    minute: float = 60.0
    prelude: str = ""
    faults: dict[int, str] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    killers: set[int] = field(default_factory=set)
    secrets: set[str] = field(default_factory=set)
    zombies: bool = False
    patience: float = 60.0
    seen: Counter[str] = field(default_factory=Counter)
    recoveries: list[float] = field(default_factory=list)
    looked: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    figures: list[str] = field(default_factory=list)
    beside: list[asyncio.Task[None]] = field(default_factory=list)
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    tags: dict[str, Process] = field(default_factory=dict)
    starting: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __aenter__(self) -> Self:
        self.directory.mkdir(parents=True, exist_ok=True)
        self.dice = random.Random(self.seed)
        self.record = self.directory / "record.jsonl"
        self.granted = self.directory / "granted.txt"
        self.secrets.update(self.members.values())
        segments = [(key, kind, self.members_of[key]) for key, kind in self.kinds.items()]
        settings = {
            "SYNCD_LEASES__TTL": str(LEASE),
            "SYNCD_LINKEDIN__REQUEST_TIMEOUT": str(TIMEOUT),
            "SYNCD_TRACKER__INTERVAL": "1",
            "SYNCD_LIMITS__USERS_PER_MINUTE": str(self.limits["users"]),
            "SYNCD_LIMITS__COMPANIES_PER_MINUTE": str(self.limits["companies"]),
            **self.settings,
        }
        options = [
            *("--record", str(self.record), "--seed", str(self.seed)),
            *("--users-per-minute", str(self.limits["users"]), "--companies-per-minute", str(self.limits["companies"])),
            *self.options,
        ]
        rig = Rig(self.directory, self.url, segments, self.members, options, settings)
        self.rig = await self.stack.enter_async_context(rig)
        if self.is_postgresql:
            await self.execute(preludes.AUDIT)
        self.crm = Crm(self.plain)
        sandbox = urlsplit(self.rig.sandbox.url)
        self.to_sandbox = await self.stack.enter_async_context(Proxy("127.0.0.1", sandbox.port or 0))
        if self.is_postgresql:
            database = urlsplit(self.plain)
            self.to_database = await self.stack.enter_async_context(Proxy("127.0.0.1", database.port or 0))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.stack.__aexit__(kind, error, at)

    @property
    def is_postgresql(self) -> bool:
        return self.url.startswith("postgresql")

    @property
    def members_of(self) -> dict[str, str]:
        """Whose each segment is: they take turns."""
        where = list(self.members)
        return {key: where[place % len(where)] for place, key in enumerate(self.kinds)}

    @property
    def plain(self) -> str:
        """The database as asyncpg or sqlite3 take it."""
        if self.is_postgresql:
            return self.url.replace("+asyncpg", "", 1)
        return self.url.partition(":///")[2]

    async def execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.plain, timeout=10)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def daemon(
        self, prelude: str = "", *, proxied: str = "", ready: bool = True, env: Mapping[str, str] | None = None
    ) -> Process:
        """Starts a replica; `proxied` names the roads that lead through a proxy: `sandbox`, `database`."""
        more = dict(env or {})
        if "sandbox" in proxied:
            more["linkedin_url"] = f"http://127.0.0.1:{self.to_sandbox.port}"
        if "database" in proxied:
            there = urlsplit(self.plain).port
            more["SYNCD_DATABASE_URL"] = self.url.replace(f":{there}/", f":{self.to_database.port}/")
        program = f"{preludes.HASTE}\n{preludes.TAG}\n{self.prelude}\n{prelude}\nfrom syncd.cli import main\nmain()"
        async with self.starting:  # the rig names logs by how many processes there are
            tag = more["FAULT_TAG"] = str(len(self.tags) + 1)
            more["FAULT_TOKENS"] = str(self.granted)
            process = await self.rig.start("daemon", ["-c", program, "run"], self.rig.environment(**more))
            self.tags[tag] = process
        if ready:
            await self.until(lambda: process.events("ready"), "the daemon is ready", process)
        return process

    async def fault(self, name: str, match: Mapping[str, Any], effect: Mapping[str, Any], **more: Any) -> list[int]:
        """Arms one fault of the sandbox, known to the checker as `name` (or its kind)."""
        made: dict[str, Any] = await self.rig.control("faults", {"match": match, "effect": effect, **more})
        ids: list[int] = made["ids"]
        self.faults.update(dict.fromkeys(ids, name or str(effect["kind"])))
        return ids

    async def issue(self, member: str, token: str) -> None:
        """Gives a member another access token, in its file."""
        new = await self.rig.control("tokens", {"do": "issue", "member": member, "token": token})
        self.secrets.add(new["access_token"])
        (self.directory / f"{member}.token").write_text(new["access_token"])

    async def clear_faults(self) -> None:
        await self.rig.control("faults", {}, "DELETE")

    async def commit(self, segment: str, changes: Sequence[Change], **more: Any) -> None:
        await self.crm.commit(segment, changes, **more)

    def writer(self, **more: Any) -> Writer:
        given: dict[str, Any] = {"segments": list(self.kinds), "people": 60, "dice": self.dice, **more}
        return Writer(self.crm, **given)

    async def until(self, what: Any, name: str, *alive: Process, seconds: float = 60.0) -> Any:
        return await self.rig.wait_until(what, name, *alive, seconds=seconds)

    async def quiet(self, *alive: Process, seconds: float = 0.0) -> float:
        """Waits until nothing is left to do; the seconds it took count as a recovery."""
        begun = time.monotonic()
        await self.until(self.is_quiet, "all is quiet", *alive, seconds=seconds or self.patience)
        took = time.monotonic() - begun
        self.recoveries.append(took)
        return took

    async def is_quiet(self) -> bool:
        """Whether nothing is left to do, all segments being bound."""
        schema = "syncd." if self.is_postgresql else ""
        try:
            return not await self.rig.scalar(text(_WORK.format(s=schema)))
        except Exception:  # noqa: BLE001 - the database may be away: that is not quiet
            return False

    async def is_followed(self) -> bool:
        """Whether the tracker knows what LinkedIn says of every segment."""
        known = {move.segment: move.after for move in (await self.tables()).transitions}
        served = {key: one["status"] for key, one in (await self.rig.dmp_segments()).items()}
        return all(served.get(key, status) == status for key, status in known.items())

    async def settled(self, count: int = 1) -> bool:
        tables = await self.tables()
        return sum(1 for batch in tables.batches if not batch.open and batch.applied) >= count

    async def tables(self) -> Tables:
        return await read_tables(self.plain)

    async def evidence(self) -> Evidence:
        """The history first, tables next, LinkedIn then: what was acknowledged must be there, what the ledger says must
        have been answered. And the history again: what LinkedIn was asked for must have been committed by then.
        """
        rows = [replace(row) for row in self.crm.history.rows]
        tables = await self.tables()
        requests = await self.rig.requests()
        dmp = await self.rig.look("segments")
        numbers = {str(one["sourceSegmentId"]).partition(":")[2]: one["id"] for one in dmp}
        members = {key: await self._members(numbers[key]) for key in self.kinds if key in numbers}
        rows = self.crm.history.after(rows)
        logs = {
            process.log.name: process.log.read_text(errors="replace")
            for process in self.rig.processes
            if process is not self.rig.sandbox
        }
        shown = await surfaces(self.rig.processes, self.rig.sandbox, requests)
        parked = parkings(tables)
        if parked:
            parked &= parkings(await self.tables())
        return Evidence(
            history=History(rows).once(),
            tables=tables,
            elements=read_record(self.record, requests),
            requests=requests,
            faults=self.faults,
            dmp=dmp,
            members=members,
            violations=await self.rig.look("violations"),
            logs=logs,
            surfaces=shown,
            kinds=self.kinds,
            tokens=[*self.secrets, *(self.granted.read_text().split() if self.granted.exists() else ())],
            limits=self.limits,
            timeout=TIMEOUT,
            settle_in=self.settle_in,
            minute=self.minute,
            members_of=self.members_of,
            parked=parked,
            refused=self.refused,
            killers=self.killers,
            zombies=self.zombies,
            owners=self._owners(),
        )

    def _owners(self) -> list[Taking]:
        found = []
        for tag, process in self.tags.items():
            for line in process.events("lease_taken"):
                at = datetime.fromisoformat(line["timestamp"]).timestamp()
                found.append(Taking(at, line["member"], tag))
        return sorted(found, key=lambda one: one.at)

    async def _members(self, number: int) -> set[str]:
        async with self.rig.http.get(f"{self.rig.sandbox.url}/_sandbox/segments/{number}/members") as answer:
            return set((await answer.text()).splitlines())

    async def judge(self, *, healed: bool = False) -> Verdict:
        """Checks now; what is broken is kept, and what was interesting is counted at the end."""
        evidence = await self.evidence()
        verdict = check(evidence, healed=healed)
        self.looked.update(verdict.looked)
        self.broken += [str(one) for one in verdict.broken if str(one) not in self.broken]
        if healed:
            self.seen.update(_sights(evidence))
            if verdict.broken:
                self.keep(evidence)
        return verdict

    def keep(self, evidence: Evidence) -> None:
        """History and logs of a run that went wrong stay beside the record."""
        rows = [vars(row) for row in evidence.history.rows]
        (self.directory / "history.json").write_text(json.dumps(rows, default=str))
        (self.directory / "requests.json").write_text(json.dumps(evidence.requests))

    async def end(self, *daemons: Process, seconds: float = 0.0) -> Verdict:
        """Heals, waits for quiet, judges everything, and stops what still runs."""
        self.to_sandbox.heal()
        if self.is_postgresql:
            self.to_database.heal()
        await self.clear_faults()
        await self.rig.control("release", {})
        try:
            await self.quiet(*daemons, seconds=seconds)
            await self.until(self.is_followed, "the tracker has seen every status", *daemons)
            if parkings_told(daemons):
                await asyncio.sleep(_TOLD)
        except AssertionError:
            await self.judge(healed=True)
            raise
        verdict = await self.judge(healed=True)
        await asyncio.gather(*(daemon.stop() for daemon in daemons))
        return verdict

    async def command(self, *arguments: str) -> str:
        """Runs `syncd …` as an operator would; what it printed."""
        process = await self.rig.start("command", ["-m", "syncd", *arguments], self.rig.environment())
        async with asyncio.timeout(30):
            code = await process.child.wait()
        printed = process.log.read_text(errors="replace")
        assert code == 0, f"syncd {' '.join(arguments)} ended with {code}: {printed[-300:]}"
        return printed

    async def metrics(self, daemon: Process) -> str:
        """What a replica tells Prometheus."""
        first = next(line for line in daemon.events("listening") if "port" in line)  # the probes listen after it
        async with self.rig.http.get(f"http://127.0.0.1:{first['port']}/metrics") as answer:
            return await answer.text()

    @asynccontextmanager
    async def probing(self, daemon: Process) -> AsyncIterator[Probes]:
        """Asks whether a replica lives and is ready, all the time while the block runs."""
        _, port = (line["port"] for line in daemon.events("listening") if "port" in line)
        probes = Probes(self.rig.http, f"http://127.0.0.1:{port}")
        asking = asyncio.create_task(probes.ask())
        try:
            yield probes
        finally:
            asking.cancel()

    def freeze(self, process: Process) -> None:
        process.signal(signal.SIGSTOP)

    def thaw(self, process: Process) -> None:
        process.signal(signal.SIGCONT)

    def key(self, number: int | str) -> str:
        """The key under which `history.person(number)` is held."""
        return f"SHA256_EMAIL:{self.hash(number)}"

    def hash(self, number: int | str) -> str:
        return hashlib.sha256(f"person{number}@canary.example".encode()).hexdigest()


def parkings_told(daemons: Sequence[Process]) -> bool:
    return any(daemon.events("segment_parked") or daemon.events("member_parked") for daemon in daemons)


_WORK = """
    select (select count(*) from {s}outbox where segment_key in (select key from {s}segments))
         + (select count(*) from {s}batches where open) + (select count(*) from {s}reassertions)
         + (select count(*) from {s}resyncs where ended_at is null)
         + (select count(*) from {s}segments where dmp_id is null or order_given is not null)
         + (select case when count(*) = 0 then 1 else 0 end from {s}segments)
"""
"""All that is left to do, in one snapshot."""
_WORDS = {
    "takeover": ('"event": "lease_taken"', '"clean": false'),
    "lease lost to another": ('"event": "lease_ended"', '"how": "lost"'),
    "429 minute": ('"event": "resource_throttled"', '"scope": "minute"'),
    "429 member day": ('"event": "resource_throttled"', '"scope": "member_day"'),
    "429 application day": ('"event": "resource_throttled"', '"scope": "application_day"'),
    "429 unknown": ('"event": "resource_throttled"', '"scope": "unknown"'),
    "re-assertion": ('"event": "reasserted"',),
    "resync": ('"event": "resync_ended"',),
    "row quarantined": ('"event": "row_quarantined"',),
    "segment parked": ('"event": "segment_parked"',),
    "member parked": ('"event": "member_parked"',),
    "source parked": ('"event": "source_parked"',),
    "tombstones pruned": ('"event": "tombstones_pruned"',),
    "stale-epoch write refused": ('"event": "stale_write_refused"',),
    "database failed": ('"event": "database_failed"',),
    "segment expired": ('"event": "segment_parked"', '"reason": "expired"'),
    "segment purged": ('"event": "segment_parked"', '"reason": "purged"'),
    "undocumented transition": ('"event": "status_changed"', '"documented": false'),
}


def _sights(evidence: Evidence) -> Counter[str]:
    """What a run saw of the situations without which its success would mean nothing."""
    seen: Counter[str] = Counter()
    for log in evidence.logs.values():
        for line in log.splitlines():
            for name, words in _WORDS.items():
                if all(word in line or word.replace(": ", ":") in line for word in words):
                    seen[name] += 1
    fates = Counter(fate for batch in evidence.tables.batches for fate in batch.fates.values())
    seen["superseded row"] += fates[1]
    seen["late-commit row superseded"] += fates[2]
    seen["needless row"] += fates[4]
    seen["rolled-back row"] += sum(1 for row in evidence.history.rows if row.commit == "aborted")
    seen["commit of unknown end"] += sum(1 for row in evidence.history.rows if row.commit == "unknown")
    seen["element refused"] += sum(1 for _, reason in evidence.tables.letters if reason == "refused")
    seen["late apply"] += len({one.n for one in evidence.elements if one.late})
    taken: dict[int, int] = {}
    for place, batch in enumerate(evidence.tables.batches):
        for row in batch.fates:
            taken[row] = place
    highest: Counter[str] = Counter()
    for batch in evidence.tables.batches:
        if batch.fates:
            seen["late-commit row"] += sum(1 for row in batch.fates if row < highest[batch.segment])
            highest[batch.segment] = max(highest[batch.segment], *batch.fates)
    for one in evidence.requests:
        for number in one.get("faults", ()):
            seen[f"fault {evidence.faults.get(number, '?')}"] += 1
        if one["resource"] in {"users", "companies"} and one["applied"] and not evidence.honest(one):
            seen["ambiguous request that was applied"] += 1
    seen["resync overlap"] += _overlaps(evidence)
    seen["bisect"] += sum(1 for one in evidence.requests if one["status"] in {400, 413, 422} and one["elements"] == 1)
    return seen


def _overlaps(evidence: Evidence) -> int:
    """Batches of live changes that were written between two batches of one segment's resync."""
    found = 0
    for segment in evidence.tables.segments.values():
        ours = [batch.kind for batch in evidence.tables.batches if batch.segment == segment]
        replayed = [place for place, kind in enumerate(ours) if kind == "resync"]
        found += ours[replayed[0] : replayed[-1]].count("live") if replayed else 0
    return found
