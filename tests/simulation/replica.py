"""Daemons of a run: the composition root of syncd with virtual time, scripted LinkedIn and inline SQLite in their places,
started, stopped, killed, frozen and started again.
"""

from __future__ import annotations

import asyncio
import random
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

import aiosqlite
from sqlalchemy.dialects.sqlite.aiosqlite import AsyncAdapt_aiosqlite_connection
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from syncd import rounds, service
from syncd.domain import collapse
from syncd.domain.events import Event
from syncd.linkedin.auth import TokenSource
from syncd.linkedin.pacing import Pacer
from syncd.observe.metrics import Metrics
from syncd.observe.usage import Usage
from syncd.operations import voices
from syncd.pipeline import intake, watch
from syncd.pipeline.own import Ownership
from syncd.service import Daemon
from syncd.settings import Settings
from tests.simulation import adapter
from tests.simulation.linkedin import ScriptedTransport, World
from tests.simulation.loop import ALIVE, DEAD, PROCESS, Process, VirtualLoop, inside
from tests.simulation.sqlite import Disk

Told = Callable[[str, object], None]
"""Hears of everything that happens: the name of the process, and an event or a sentence."""


class _Silence:
    """In the place of a log."""

    def info(self, *_: object, **__: object) -> None:
        return

    warning = info


class _NoMetrics:
    def forget_member(self, *_: object) -> None:
        return


class _Named(Daemon):
    """A daemon whose replica has the name of its process."""

    def __init__(self, settings: Settings, emit: Callable[[Event], None], name: str) -> None:
        super().__init__(settings, cast(Metrics, _NoMetrics()), emit, Usage())
        self._name = name

    def _ownership(self) -> Ownership:
        made = super()._ownership()
        return Ownership(self._name, made.members, made._ttl, made._enrol, made._work, made._tools)


@contextmanager
def in_place(loop: VirtualLoop, disk: Disk, world: World, dice: random.Random, cut: int) -> Iterator[None]:
    """Everything that measures time, throws dice or leaves the process is replaced; `cut` is the size of a batch."""

    def wall() -> float:
        process = PROCESS.get()
        return disk.now() + (process.skew if process is not None else 0.0)

    def tokens(**given: Any) -> TokenSource:
        return TokenSource(**{**given, "wall": wall, "dice": dice.random})

    clock = SimpleNamespace(monotonic=loop.time, time=wall)
    ScriptedTransport.world = world

    others = {
        "time": clock,
        "random": dice,
        "Transport": ScriptedTransport,
        "Pacer": partial(Pacer, monotonic=loop.time),
        "TokenSource": tokens,
    }
    with ExitStack() as stack:
        put = stack.enter_context
        put(patch.object(aiosqlite, "connect", disk.connect))
        put(patch.object(AsyncAdapt_aiosqlite_connection, "_cursor_cls", adapter.Cursor))
        put(patch.object(AsyncAdapt_aiosqlite_connection, "commit", adapter.commit))
        put(patch.object(AsyncAdapt_aiosqlite_connection, "rollback", adapter.rollback))
        put(patch.object(SQLiteDialect_pysqlite, "set_isolation_level", adapter.set_isolation_level))
        put(patch.object(service, "_log", _Silence()))
        for module, name in product((service, rounds, voices), others):
            if hasattr(module, name):
                put(patch.object(module, name, others[name]))
        put(patch.object(watch, "_FOLLOW", 4.0))
        put(patch.object(intake, "MOST_ELEMENTS", cut))
        put(patch.object(collapse, "MOST_ELEMENTS", cut))
        yield


class Replica:
    """One place for a daemon, and the processes that were there in turn."""

    def __init__(self, number: int, loop: VirtualLoop, disk: Disk, settings: Settings, told: Told) -> None:
        self.number = number
        self.loop = loop
        self.disk = disk
        self.settings = settings
        self.told = told
        self.processes: list[Process] = []
        self.problems: list[str] = []
        self._stop = asyncio.Event()
        self._life: asyncio.Task[Any] | None = None

    @property
    def process(self) -> Process:
        return self.processes[-1]

    @property
    def is_running(self) -> bool:
        return self._life is not None and not self._life.done() and self.process.state != DEAD

    def start(self) -> None:
        name = f"replica{self.number}.{len(self.processes)}"
        process = Process(name, self._died)
        self.processes.append(process)
        self._stop = asyncio.Event()

        def emit(event: Event) -> None:
            self.told(name, event)

        async def live(stop: asyncio.Event) -> None:
            daemon = _Named(self.settings, emit, name)
            try:
                await daemon.live(stop)
            except BaseException as error:
                self.problems.append(f"{name} ended: {''.join(traceback.format_exception(error)[-4:])[-900:]}")
                raise
            finally:
                await daemon.database.close()

        self._life = self.loop.create_task(live(self._stop), context=inside(process))
        self._life.add_done_callback(_seen)

    def _died(self, process: Process) -> None:
        self.disk.died(process)
        self.told(process.name, "killed")

    async def stop(self, patience: float) -> None:
        """SIGTERM; a process that does not end in time is killed, and that is a problem."""
        life, process = self._life, self.process
        assert life is not None
        self._stop.set()
        self.told(process.name, "stopping")
        deadline = self.loop.time() + patience
        while not life.done() and process.state != DEAD and self.loop.time() < deadline:
            await asyncio.wait([life], timeout=1.0)
        if life.done():
            if left := process.left():
                self.problems.append(f"{process.name} left tasks: {sorted(map(repr, left))[:3]}")
            self.told(process.name, "stopped")
        elif process.state == ALIVE:
            self.problems.append(f"{process.name} did not stop within {patience} s")
            process.kill()


def _seen(life: asyncio.Task[Any]) -> None:
    if not life.cancelled():
        life.exception()


def settings_of(
    directory: Path,
    database: Path,
    *,
    members: dict[str, bool],
    segments: list[tuple[str, str, str]],
    timeout: float,
    ttl: float,
    limits: dict[str, int],
    secret_key: str,
) -> Settings:
    """Settings of a run; `members` says who has a refresh token, `segments` are (key, kind, member)."""
    (directory / "secret").write_text("client-secret")
    listed: list[dict[str, object]] = []
    for member, refreshes in members.items():
        (directory / f"{member}.access").write_text(f"access-{member}")
        one: dict[str, object] = {"key": member, "access_token_file": directory / f"{member}.access"}
        if refreshes:
            (directory / f"{member}.refresh").write_text(f"refresh-{member}")
            one |= {
                "refresh_token_file": directory / f"{member}.refresh",
                "client_id": "client",
                "client_secret_file": directory / "secret",
            }
        listed.append(one)
    given: dict[str, Any] = {
        "database_url": f"sqlite+aiosqlite:///{database}",
        "secret_keys": (secret_key,),
        "linkedin": {"source_platform": "FAKE", "request_timeout": timeout},
        "limits": {f"{name}_per_minute": limit for name, limit in limits.items()},
        "leases": {"ttl": ttl},
        "tracker": {"interval": 120.0},
        "shutdown": {"deadline": timeout},
        "outbox": {"poll_interval": 1.5},
        "members": listed,
        "segments": [
            {"key": key, "name": key, "kind": kind, "account": "urn:li:sponsoredAccount:1", "member": member}
            for key, kind, member in segments
        ],
    }
    return Settings(**given)
