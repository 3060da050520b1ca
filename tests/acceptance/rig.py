"""Real processes for tests: a sandbox, daemons beside it, a database between them and the test.

Everything is started with short leases and timeouts, on free ports, with its log in a file; `wait_until` watches for
what must come true instead of sleeping.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
from sqlalchemy import exists, func, insert, select, text

from syncd.store.engine import Database
from syncd.store.tables import batches, dead_letters, outbox, reassertions

ACCOUNT = "urn:li:sponsoredAccount:123456"
TOKEN = "sandbox-token"


def digest(email: str) -> str:
    """The key under which the sandbox holds a plain, already normal address."""
    return "SHA256_EMAIL:" + hashlib.sha256(email.encode()).hexdigest()


@dataclass
class Process:
    """A child process with its output in a file."""

    child: asyncio.subprocess.Process
    log: Path
    url: str = ""

    @property
    def pid(self) -> int:
        return self.child.pid

    async def kill(self) -> None:
        """kill -9, and wait until the kernel has closed everything."""
        if self.child.returncode is None:
            self.child.kill()
        await self.child.wait()

    async def stop(self, seconds: float = 30.0) -> int:
        """SIGTERM; the exit code."""
        if self.child.returncode is None:
            self.child.terminate()
        async with asyncio.timeout(seconds):
            return await self.child.wait()

    def signal(self, number: signal.Signals) -> None:
        self.child.send_signal(number)

    def lines(self) -> list[dict[str, Any]]:
        """Its log records; what is not JSON under `raw`."""
        found = []
        for line in self.log.read_text().splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                found.append({"raw": line})
        return found

    def events(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.lines() if line.get("event") == name]


@dataclass
class Rig:
    """Give segments as (key, kind, member); members as key → token."""

    directory: Path
    database_url: str
    segments: Sequence[tuple[str, str, str]] = (("people", "user", "ads"),)
    members: Mapping[str, str] = field(default_factory=lambda: {"ads": TOKEN})
    sandbox_options: Sequence[str] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    processes: list[Process] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        self.database = Database(self.database_url)
        self.stack.push_async_callback(self.database.close)
        self.http = await self.stack.enter_async_context(aiohttp.ClientSession())
        for member, token in self.members.items():
            (self.directory / f"{member}.token").write_text(token)
        options = [*self.sandbox_options]
        for member, token in self.members.items():
            options += ["--member", f"{member}:{token}"]
        self.sandbox = await self.start("sandbox", ["-m", "syncd.sandbox", "--port", "0", *options], {})
        ready = await self.wait_until(lambda: _ready_line(self.sandbox), "the sandbox listens")
        self.sandbox.url = ready.split()[-1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self.processes:
            if process.child.returncode is None:
                process.signal(signal.SIGCONT)
                await process.kill()
        await self.stack.aclose()
        if error is not None:
            for process in self.processes:
                tail = "\n".join(process.log.read_text().splitlines()[-15:])
                sys.stderr.write(f"--- {process.log.name}\n{tail}\n")

    async def start(self, name: str, arguments: Sequence[str], env: Mapping[str, str]) -> Process:
        log = self.directory / f"{name}-{len(self.processes)}.log"
        with log.open("wb") as out:
            child = await asyncio.create_subprocess_exec(
                sys.executable, *arguments, stdout=out, stderr=out, env={**os.environ, **env}, cwd=self.directory
            )
        process = Process(child, log)
        self.processes.append(process)
        return process

    def environment(self, **more: str) -> dict[str, str]:
        url = more.pop("linkedin_url", self.sandbox.url)
        members = [{"key": key, "access_token_file": str(self.directory / f"{key}.token")} for key in self.members]
        segments = [
            {"key": key, "name": key.title(), "kind": kind, "account": ACCOUNT, "member": member}
            | ({"source": self.sources[key]} if key in self.sources else {})
            for key, kind, member in self.segments
        ]
        return {
            "SYNCD_DATABASE_URL": self.database_url,
            "SYNCD_LINKEDIN__BASE_URL": f"{url}/rest",
            "SYNCD_LINKEDIN__OAUTH_URL": f"{url}/oauth/v2",
            "SYNCD_LINKEDIN__SOURCE_PLATFORM": "FAKE",
            "SYNCD_LINKEDIN__REQUEST_TIMEOUT": "2",
            "SYNCD_LEASES__TTL": "2",
            "SYNCD_HTTP__PORT": "0",
            "SYNCD_METRICS__PORT": "0",
            "SYNCD_LOG__FORMAT": "json",
            "SYNCD_LOG__LEVEL": "debug",
            "SYNCD_TRACKER__INTERVAL": "2",
            "SYNCD_SHUTDOWN__DEADLINE": "10",
            "SYNCD_MEMBERS": json.dumps(members),
            "SYNCD_SEGMENTS": json.dumps(segments),
            **self.settings,
            **more,
        }

    async def daemon(self, prelude: str = "", **more: str) -> Process:
        """Starts `syncd run` and waits until it says that it is ready; `prelude` is Python run in it beforehand."""
        program = f"{prelude}\nfrom syncd.cli import main\nmain()"
        process = await self.start("daemon", ["-c", program, "run"], self.environment(**more))
        await self.wait_until(lambda: bool(process.events("ready")), "the daemon is ready", process)
        return process

    async def command(self, *arguments: str, code: int = 0) -> str:
        """What a command of `syncd` prints."""
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "syncd", *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **self.environment()},
            cwd=self.directory,
        )
        out, err = await child.communicate()
        assert child.returncode == code, err.decode()
        return out.decode()

    async def commit(self, segment: str, rows: Iterable[tuple[str, Mapping[str, object], str | None]]) -> int:
        """One CRM transaction of (action, payload, subject) rows."""
        values = [
            {"segment_key": segment, "action": action, "payload": self.payload(payload), "subject_id": subject}
            for action, payload, subject in rows
        ]
        async with self.database.begin() as connection:
            await connection.execute(insert(outbox), values)
        return len(values)

    def payload(self, payload: Mapping[str, object]) -> object:
        return dict(payload) if self.database.is_postgresql else json.dumps(payload)

    async def scalar(self, statement: Any) -> Any:
        async with self.database.read() as connection:
            return (await connection.execute(statement)).scalar()

    async def is_drained(self) -> bool:
        """No row waits and no batch is open."""
        if await self.scalar(select(outbox.c.id).limit(1)) is not None:
            return False
        return await self.scalar(select(batches.c.id).where(batches.c.open).limit(1)) is None

    async def is_quiet(self) -> bool:
        """Drained, and no re-assertion is owed: all in one snapshot, for one becomes the other."""
        waits, is_open, owed = outbox.c.id, batches.c.id, reassertions.c.id
        work = exists(select(waits)) | exists(select(is_open).where(batches.c.open)) | exists(select(owed))
        return not await self.scalar(select(work))

    async def totals(self) -> dict[str, int]:
        names = ("rows_taken", "rows_applied", "rows_superseded", "rows_dead")
        async with self.database.read() as connection:
            row = (await connection.execute(select(*(func.coalesce(func.sum(batches.c[n]), 0) for n in names)))).one()
        return {name: int(value) for name, value in zip(names, row, strict=True)}

    async def dead(self) -> int:
        return int(await self.scalar(select(func.count()).select_from(dead_letters)))

    async def look(self, path: str) -> Any:
        async with self.http.get(f"{self.sandbox.url}/_sandbox/{path}") as answer:
            return await answer.json()

    async def control(self, path: str, body: object, verb: str = "POST") -> Any:
        async with self.http.request(verb, f"{self.sandbox.url}/_sandbox/{path}", json=body) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json() if answer.status != 204 else None

    async def dmp_segments(self) -> dict[str, dict[str, Any]]:
        return {one["sourceSegmentId"].partition(":")[2]: one for one in await self.look("segments")}

    async def members_of(self, segment: str) -> set[str]:
        number = (await self.dmp_segments())[segment]["id"]
        async with self.http.get(f"{self.sandbox.url}/_sandbox/segments/{number}/members") as answer:
            return set((await answer.text()).splitlines())

    async def requests(self, since: int = 0) -> list[dict[str, Any]]:
        """What the sandbox was asked, without the first so many."""
        async with self.http.get(f"{self.sandbox.url}/_sandbox/requests?since={since}") as answer:
            return [json.loads(line) for line in (await answer.text()).splitlines()]

    async def limits(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await self.look("limits")
        return found

    async def wait_until(
        self, what: Callable[[], Any], name: str, *alive: Process, seconds: float = 60.0, pause: float = 0.05
    ) -> Any:
        """Looks until something comes true; fails when it does not, or when a process that must live has died."""
        deadline = time.monotonic() + seconds
        while True:
            found = what()
            if isinstance(found, Awaitable):
                found = await found
            if found:
                return found
            for process in alive:
                assert process.child.returncode is None, f"{process.log.name} died with {process.child.returncode}"
            assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {name}"
            await asyncio.sleep(pause)

    async def database_is_up(self) -> bool:
        try:
            await self.scalar(text("select 1"))
        except Exception:  # noqa: BLE001 - any failure means no
            return False
        return True


def _ready_line(process: Process) -> str:
    for line in process.log.read_text().splitlines():
        if line.startswith("sandbox listening on"):
            return line
    return ""
