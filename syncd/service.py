"""The composition root: builds everything from settings, runs it in one task group, and drains it in order.

The first signal drains: nothing more is taken, what is in flight is settled, leases are given back, and the probes and
metrics close last. A second signal ends the process at once; leases and stored batches make that safe. An unexpected
end of any task ends the process with an error, and whoever watches it starts it again.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import secrets
import signal
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

import structlog

from syncd.admin.app import install
from syncd.admin.desk import Desk
from syncd.domain.events import Emit, Event, RequestEnded
from syncd.domain.quota import quota
from syncd.domain.segment import MemberKey
from syncd.errors import BadConfiguration, Fatal, Transient
from syncd.linkedin.auth import TokenSource
from syncd.linkedin.pacing import Pacer
from syncd.linkedin.transport import Observe, Transport
from syncd.observe.health import health_app, listening, metrics_app
from syncd.observe.logs import configure, log_events
from syncd.observe.metrics import Metrics, watch_loop
from syncd.observe.usage import Usage
from syncd.operations import optouts, people, voices
from syncd.operations.persons import key_if_any
from syncd.pipeline import watch
from syncd.pipeline.lanes import Road
from syncd.pipeline.member import Member, Tools
from syncd.pipeline.origin import Origin
from syncd.pipeline.own import Ownership
from syncd.pipeline.run import work
from syncd.pipeline.suppress import Suppression
from syncd.reconcile import watchdog, webhook
from syncd.rounds import Rounds
from syncd.settings import Member as Declared
from syncd.settings import Settings
from syncd.store import lockfile, migrate, notices, segments
from syncd.store.engine import Database
from syncd.store.leases import Grant
from syncd.store.retention import Kept

_log = structlog.get_logger("syncd")
_COLLECT: Final = 60.0
"""Seconds between two full collections."""


def collect_rarely() -> None:
    """Batches are thousands of small objects without cycles: collecting often only walks them; see `_collect`."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


async def run(settings: Settings) -> None:
    """Runs the daemon until a signal; returns after a clean drain.

    Raises BadConfiguration for what an operator must mend, Fatal when a promise is broken.
    """
    configure(settings.log.format, settings.log.level)
    collect_rarely()
    metrics = Metrics(settings.linkedin.api_version, [member.key for member in settings.members])
    usage = Usage()

    def emit(event: Event) -> None:
        metrics.handle(event)
        usage.handle(event)
        log_events(event)

    stop = _signals()
    daemon = Daemon(settings, metrics, emit, usage)
    with lockfile.held(settings.database_url.get_secret_value()):
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(
                listening(metrics_app(metrics), settings.metrics.host, settings.metrics.port)
            )
            health = health_app(metrics, daemon.reasons)
            desk = Desk(database=daemon.database, settings=settings, reasons=daemon.reasons, usage=usage)
            install(health, desk)
            await stack.enter_async_context(listening(health, settings.http.host, settings.http.port))
            stack.push_async_callback(daemon.database.close)
            async with asyncio.TaskGroup() as group:
                beside = [group.create_task(watch_loop(metrics)), group.create_task(_collect())]
                await daemon.live(stop)
                for loop in beside:
                    loop.cancel()


async def _collect() -> None:
    """Connections that broke leave cycles among what is old: once a minute they are looked for, some milliseconds long."""
    while True:
        await asyncio.sleep(_COLLECT)
        gc.collect()


def _say_listening() -> None:
    _log.info("listening", channel=notices.CHANNEL)


def _signals() -> asyncio.Event:
    """Set by the first SIGTERM or SIGINT; the second has its usual effect."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def first() -> None:
        stop.set()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, first)
    return stop


@dataclass(slots=True)
class _Enrolled:
    """What a member needs beside what the road holds of it."""

    declared: Declared
    transport: Transport
    tokens: TokenSource


class Daemon:
    """One replica."""

    def __init__(self, settings: Settings, metrics: Metrics, emit: Emit, usage: Usage) -> None:
        self._settings: Final = settings
        self._metrics: Final = metrics
        self._emit: Final = emit
        self._usage: Final = usage
        self._stopping = False
        self._why_not = ["starting: the database has not been reached yet"]
        self._enrolled: dict[str, _Enrolled] = {}
        timeout = settings.linkedin.request_timeout
        self.database: Final = Database(
            settings.database_url.get_secret_value(), idle_timeout=max(1.0, settings.leases.ttl * 2 / 3)
        )
        self._tools: Final = Tools(
            database=self.database,
            emit=emit,
            monotonic=time.monotonic,
            dice=random.random,
            request_timeout=timeout,
            allow_names_only=settings.users.allow_names_only,
            origin=Origin(self.database, emit),
            suppression=Suppression(key_if_any(settings)),
        )

    def reasons(self) -> list[str]:
        """Why this replica is not ready."""
        return ["stopping"] if self._stopping else self._why_not

    async def live(self, stop: asyncio.Event) -> None:
        """Waits for a schema that fits, works until `stop`, drains."""
        if not await self._usable(stop):
            return
        async with self._members():
            ownership = self._ownership()
            async with asyncio.TaskGroup() as group:
                hint = asyncio.Event()
                loops = [
                    group.create_task(webhook.tend(self._settings, self.database, self._emit, time.time)),
                    group.create_task(
                        watch.poll(
                            lambda: ownership.owned,
                            self._tools,
                            self._settings.outbox.poll_interval,
                            hint,
                            lambda trouble: self._reached(trouble or ownership.trouble),
                        )
                    ),
                    group.create_task(watch.follow(lambda: ownership.owned, self._tools)),
                    group.create_task(watch.measure(lambda: ownership.owned, self._tools)),
                    group.create_task(
                        watch.prune(lambda: ownership.owned, self._tools, Kept(**self._settings.retention.model_dump()))
                    ),
                    group.create_task(
                        watchdog.watch_version(self._settings.linkedin.api_version, self._emit, time.time)
                    ),
                ]
                if self._settings.outbox.notify and self.database.is_postgresql:
                    loops.append(group.create_task(watch.listen(self._tools, hint, _say_listening)))
                self._why_not = []
                _log.info("ready", replica=ownership.replica, members=len(ownership.members))
                waiting = group.create_task(self._say_stopping(stop))
                await ownership.run(stop)
                for loop in (*loops, waiting):
                    loop.cancel()
        _log.info("stopped")

    def _reached(self, trouble: str) -> None:
        self._why_not = [trouble] if trouble else []

    async def _say_stopping(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._stopping = True
        _log.info("stopping", deadline=self._settings.shutdown.deadline)

    async def _usable(self, stop: asyncio.Event) -> bool:
        """Waits, unready and with one clear line, for the database and a schema that fits; false when stopped before."""
        said = ""
        while not stop.is_set():
            try:
                await migrate.usable(self.database)
                await optouts.readable(self.database, self._settings)
                await self._declare()
                await self._reseal()
                if await people.first_admin(self.database, self._settings):
                    _log.info("first_admin_made", name=people.FIRST)
            except (Transient, Fatal) as error:
                self._why_not = [str(error)]
                if str(error) != said:
                    said = str(error)
                    _log.warning("waiting", why=said)
            else:
                return True
            try:
                async with asyncio.timeout(1.0):
                    await stop.wait()
            except TimeoutError:
                continue
        return False

    async def _declare(self) -> None:
        people = {member.key: member.application for member in self._settings.members}
        wanted = [
            segments.Declared(key=s.key, name=s.name, kind=s.kind, account=s.account, member=s.member)
            for s in self._settings.segments
        ]
        problems = await self.database.transact(lambda c: segments.declare(c, people, wanted, declared=True))
        for problem in problems:
            if "stays one" in problem:
                raise BadConfiguration(problem)
            _log.warning("declared", problem=problem)

    async def _reseal(self) -> None:
        """Keys change by a restart: from then on no tokens need an old one."""
        for member in self._settings.members:
            vault = voices.vault(self._settings, member.key, self.database)
            if vault is not None and await vault.reseal():
                _log.info("tokens_resealed", member=member.key)

    @asynccontextmanager
    async def _members(self) -> AsyncIterator[None]:
        """A transport and a token source for every member, open as long as the block."""
        async with AsyncExitStack() as stack:
            for member in self._settings.members:
                opened = voices.transport(self._settings, self._observer(member.key))
                transport = await stack.enter_async_context(opened)
                tokens = voices.tokens(self._settings, member, transport, self.database)
                self._enrolled[member.key] = _Enrolled(member, transport, tokens)
            yield

    def _observer(self, member: str) -> Observe:
        def observed(resource: str, status: int, seconds: float) -> None:
            self._emit(RequestEnded(member=member, resource=resource, status=status, seconds=seconds))

        return observed

    def _ownership(self) -> Ownership:
        replica = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        members = [MemberKey(member.key) for member in self._settings.members]
        return Ownership(replica, members, self._settings.leases.ttl, self._enrol, self._work, self._tools)

    def _enrol(self, grant: Grant) -> Member:
        enrolled = self._enrolled[grant.member]
        limits = self._settings.limits
        hold = self._tools.request_timeout
        return Member(
            key=grant.member,
            application=enrolled.declared.application,
            grant=grant,
            transport=enrolled.transport,
            tokens=enrolled.tokens,
            roads={name: Road(name, time.monotonic) for name in ("users", "companies")},
            pacers={
                "users": Pacer(quota(limits.users_per_minute), hold=hold),
                "companies": Pacer(quota(limits.companies_per_minute), hold=hold),
            },
            trusted_until=0.0,
        )

    async def _work(self, member: Member, stop: asyncio.Event) -> bool:
        caller = voices.caller(
            self._settings, member.transport, member.tokens, lambda: member.may_send(time.monotonic())
        )
        refreshes = self._enrolled[member.key].declared.refresh_token_file is not None
        beside = Rounds(self._settings, self._tools, member, caller, refreshes=refreshes).all()
        try:
            return await work(member, self._tools, beside, stop, lambda: self._settings.shutdown.deadline)
        finally:
            keys = [lane.segment.key for lane in member.lanes()]
            self._metrics.forget_member(member.key, keys)
            self._usage.forget(member.key)
