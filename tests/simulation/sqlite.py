"""SQLite inline on the virtual loop, in the place of aiosqlite's thread.

`Disk` is one database: its write lock (BEGIN IMMEDIATE waits in a queue instead of spinning), its clock, and its faults:
statements that fail, commits that fail before or after they took effect. The connections of a dead process roll back; an
open transaction of a frozen one is ended by the server, as PostgreSQL's idle timeout does.
"""

from __future__ import annotations

import asyncio
import random
import re
import sqlite3
from collections import deque
from collections.abc import Callable, Generator
from types import SimpleNamespace
from typing import Any, Final, Self

from tests.simulation.loop import ALIVE, DEAD, FROZEN, PROCESS, Process, VirtualLoop

WALL: Final = 1_790_000_000.0
"""Seconds since 1970 at virtual time 0."""
_BUSY: Final = 30.0
_OWNERS_WRITE: Final = re.compile(r"\s*(INSERT INTO (batches|ledger)|UPDATE batches|DELETE FROM outbox)", re.IGNORECASE)


class Disk:
    """`slow` is the chance that a statement takes time, `trouble` that one fails. `offset` shifts the clock."""

    def __init__(self, loop: VirtualLoop, dice: random.Random, told: Callable[[str, str], None]) -> None:
        self.loop = loop
        self.dice = dice
        self.told = told
        self.offset = 0.0
        self.slow = 0.0
        self.trouble = 0.0
        self.holder: Connection | None = None
        self._queue: deque[tuple[asyncio.Future[None], Connection]] = deque()
        self.statements = 0

    def now(self) -> float:
        return WALL + self.loop.time() + self.offset

    def julianday(self, *_: object) -> float:
        return self.now() / 86400.0 + 2440587.5

    async def lock(self, connection: Connection) -> None:
        if self.holder is None and not self._queue:
            self.holder = connection
            return
        waiter: asyncio.Future[None] = self.loop.create_future()
        self._queue.append((waiter, connection))
        late = self.loop.call_later(_BUSY, _refuse, waiter)
        try:
            await waiter
        except BaseException:
            if self.holder is connection:
                self.release(connection)
            raise
        finally:
            late.cancel()
        if self.holder is not connection:
            raise sqlite3.OperationalError("database is locked")

    @property
    def is_queued(self) -> bool:
        return bool(self._queue)

    def seize(self, connection: Connection) -> None:
        """The lock is free, or this connection's already."""
        if self.holder is not connection:
            assert self.holder is None
            self.holder = connection

    def release(self, connection: Connection) -> None:
        if self.holder is not connection:
            return
        self.holder = None
        while self._queue:
            waiter, following = self._queue.popleft()
            state = following.process.state if following.process is not None else ALIVE
            if state == DEAD or waiter.done():
                continue
            self.holder = following
            waiter.set_result(None)
            return

    def died(self, process: Process) -> None:
        for connection in process.connections:
            connection.abandon()

    def froze(self, process: Process, after: float) -> None:
        """The server ends what a frozen process left open."""

        def end() -> None:
            if process.state == FROZEN:
                for connection in process.connections:
                    connection.cut()
                self.loop.call_later(after, end)

        self.loop.call_later(after, end)

    def connect(self, *arguments: Any, **options: Any) -> Connection:
        """What `aiosqlite.connect` is replaced by."""
        return Connection(self, sqlite3.connect(*arguments, **{**options, "check_same_thread": False}))


def _refuse(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_exception(sqlite3.OperationalError("database is locked"))


class _Requests:
    """Where SQLAlchemy leaves what the thread of aiosqlite would run."""

    def put_nowait(self, item: tuple[asyncio.Future[Any], Callable[[], Any]]) -> None:
        future, function = item
        future.set_result(function())


class Connection:
    """An aiosqlite connection without a thread."""

    def __init__(self, disk: Disk, raw: sqlite3.Connection) -> None:
        self.disk = disk
        self.process = PROCESS.get()
        self._conn = self._connection = raw
        self._thread = SimpleNamespace(daemon=True)
        self._tx = _Requests()
        self._broken = False
        self._fenced = False
        self._open = True
        raw.create_function("julianday", -1, disk.julianday)
        if self.process is not None:
            self.process.connections.append(self)

    def __await__(self) -> Generator[Any, None, Self]:
        yield from ()
        return self

    @property
    def isolation_level(self) -> str | None:
        return self._conn.isolation_level

    async def create_function(self, *arguments: Any, **options: Any) -> None:
        self._conn.create_function(*arguments, **options)

    def must_wait(self, operation: str) -> bool:
        disk = self.disk
        if operation == "BEGIN IMMEDIATE" and (disk.holder is not None or disk.is_queued):
            return True
        return self._broken or (self.process is not None and bool(disk.slow or disk.trouble))

    async def wait(self, operation: str) -> None:
        """What may take time or fail before a statement runs."""
        if self.process is not None and not operation.startswith("PRAGMA"):
            await self._trouble()
        self._check_broken()
        if operation == "BEGIN IMMEDIATE":
            await self.disk.lock(self)

    def _check_broken(self) -> None:
        if self._broken:
            self._broken = False
            raise sqlite3.OperationalError("disk I/O error: the server ended the transaction")

    def run(self, cursor: sqlite3.Cursor, operation: str, parameters: Any, *, many: bool) -> None:
        disk = self.disk
        disk.statements += 1
        if operation == "BEGIN IMMEDIATE":
            disk.seize(self)
        elif self.process is not None and _OWNERS_WRITE.match(operation):
            self._fenced = True
        if many:
            cursor.executemany(operation, parameters)
        elif parameters is None:
            cursor.execute(operation)
        else:
            cursor.execute(operation, parameters)

    async def _trouble(self) -> None:
        disk = self.disk
        if disk.slow and disk.dice.random() < disk.slow:
            await asyncio.sleep(disk.dice.expovariate(10.0))
        if disk.trouble and disk.dice.random() < disk.trouble:
            raise sqlite3.OperationalError(disk.dice.choice(["disk I/O error", "database is locked"]))

    @property
    def commits_inline(self) -> bool:
        disk = self.disk
        return not self._broken and (self.process is None or not (disk.slow or disk.trouble))

    async def commit(self) -> None:
        disk, after = self.disk, False
        if self._conn.in_transaction and disk.slow and disk.dice.random() < 4 * disk.slow:
            await asyncio.sleep(disk.dice.expovariate(20.0))
        self._check_broken()
        if self._conn.in_transaction and disk.trouble and disk.dice.random() < 3 * disk.trouble:
            after = disk.dice.random() < 0.5
            if not after:
                self._undo()
                raise sqlite3.OperationalError("disk I/O error")
        self.finish()
        if after:
            disk.told("commit_in_doubt", self.process.name if self.process else "")
            raise sqlite3.OperationalError("disk I/O error")

    def finish(self) -> None:
        """Commits."""
        if self._fenced and self.process is not None:
            self._check_owner(self.process)
        self._fenced = False
        self._conn.commit()
        self.disk.release(self)

    def _check_owner(self, process: Process) -> None:
        held = self._conn.execute("select 1 from leases where owner = ?", (process.name,)).fetchone()
        if held is None:
            self.disk.told("S10", f"{process.name} wrote batches, ledger or outbox without a lease")

    def rollback(self) -> None:
        self._broken = False
        self._undo()

    def _undo(self) -> None:
        self._fenced = False
        if self._open:
            self._conn.rollback()
        self.disk.release(self)

    def abandon(self) -> None:
        """Its process died."""
        self._undo()
        self.stop()

    def cut(self) -> None:
        """The server ends its transaction."""
        if self._open and (self._conn.in_transaction or self.disk.holder is self):
            self._broken = self._conn.in_transaction
            self._undo()

    async def close(self) -> None:
        self.stop()

    def stop(self) -> None:
        if self._open:
            self._open = False
            self._conn.rollback()
            self.disk.release(self)
            self._conn.close()
