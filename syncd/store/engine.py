"""The dialect seam: how a transaction begins, how a lost connection is told from a broken promise.

Everything that differs between PostgreSQL and SQLite beyond what SQLAlchemy compiles stands here or beside the
statement that needs it. A transaction never stays open across a request to LinkedIn, and is never cancelled midway:
`transact` runs it to its end even when its caller is cancelled.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InvalidatePoolError, PendingRollbackError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from syncd.errors import Fatal, Transient
from syncd.store.tables import SCHEMA

T = TypeVar("T")

APPLICATION: Final = "syncd"
"""What its sessions are called in the server's views."""
_PASSING_CLASSES: Final = frozenset({"08", "25", "40", "53", "55", "57", "58"})
"""SQLSTATE classes that pass: connection, read-only, serialization, resources, locks, operator, system."""
_AWAKE: Final = 1.0
"""Seconds after which a connection that rested is asked whether it still lives."""
_CONNECTION_LOST: Final = "8s2b"
"""What SQLAlchemy calls a transaction whose connection went away under it; its other PendingRollbackError is a mistake."""
_PASSING_SQLITE: Final = ("locked", "busy", "disk", "readonly", "unable to open", "I/O")


class Database:
    """One engine and the rules of its dialect."""

    def __init__(
        self, url: str, *, pool_size: int = 8, statement_timeout: float = 60.0, idle_timeout: float = 10.0
    ) -> None:
        parsed = make_url(url)
        self.dialect: Final = parsed.get_backend_name()
        self.engine: Final = _engine(url, self.dialect, pool_size, statement_timeout, idle_timeout)
        self.connects = 0
        """Connections made so far: behind each new one may stand another server than before."""
        event.listen(self.engine.sync_engine, "connect", self._connected)

    def _connected(self, _connection: Any, _record: Any) -> None:
        self.connects += 1

    @property
    def is_postgresql(self) -> bool:
        return self.dialect == "postgresql"

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """One write transaction: commits at the end of the block, rolls back on an error."""
        try:
            async with self.engine.begin() as connection:
                yield connection
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            raise _told(error) from None

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Statements outside any transaction: each sees what is committed when it runs. On SQLite they stand in one that holds
        the write lock, as every transaction does there: keep them few, and wait for nothing between them.
        """
        try:
            async with self.engine.connect() as connection:
                await connection.execution_options(isolation_level="AUTOCOMMIT")
                yield connection
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            raise _told(error) from None

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[AsyncConnection]:
        """One session for several transactions, which begin by themselves; its errors are told as those of the others."""
        try:
            async with self.engine.connect() as connection:
                yield connection
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            raise _told(error) from None

    async def transact(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Runs `work` in one write transaction which a cancellation of the caller does not interrupt."""

        async def whole() -> T:
            async with self.begin() as connection:
                return await work(connection)

        return await unbroken(whole())

    async def at_once(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Runs `work`, one statement that is a transaction by itself, which a cancellation does not interrupt either."""

        async def whole() -> T:
            async with self.read() as connection:
                return await work(connection)

        return await unbroken(whole())

    async def close(self) -> None:
        await self.engine.dispose()


async def unbroken(work: Awaitable[T]) -> T:
    """Waits for `work` to its end; a cancellation meanwhile is delivered afterwards."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()
        raise


def _engine(url: str, dialect: str, pool_size: int, statement_timeout: float, idle_timeout: float) -> AsyncEngine:
    if dialect == "postgresql":
        engine = create_async_engine(
            url,
            hide_parameters=True,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=10,
            connect_args={
                "timeout": 10,
                "command_timeout": statement_timeout + 5,
                "server_settings": {
                    "application_name": APPLICATION,
                    "statement_timeout": f"{statement_timeout * 1000:.0f}",
                    "idle_in_transaction_session_timeout": f"{idle_timeout * 1000:.0f}",
                    "lock_timeout": "10000",
                    "tcp_user_timeout": f"{idle_timeout * 1000:.0f}",
                    "jit": "off",
                },
            },
        )
        event.listen(engine.sync_engine, "checkin", _note_time)
        event.listen(engine.sync_engine, "checkout", _ping_if_rested)
        return engine
    engine = create_async_engine(
        url,
        hide_parameters=True,
        connect_args={"timeout": 30.0},
        execution_options={"schema_translate_map": {SCHEMA: None}},
    )
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_immediate)
    return engine


def _note_time(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info["rested_since"] = time.monotonic()


def _ping_if_rested(connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
    """A connection that was not used for a while may have died in its sleep; one that works all the time is not asked."""
    rested = time.monotonic() - record.info.get("rested_since", math.inf)
    if rested < _AWAKE:
        return
    try:
        connection.ping()
    except Exception:  # noqa: BLE001 - whatever it says, it is of no use any more
        raise InvalidatePoolError from None


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-65536"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _told(error: Exception) -> Transient | Fatal:
    """The error without its statement, parameters or details: those can hold a person's data."""
    if not isinstance(error, DBAPIError):
        return (
            Transient(f"the database cannot be reached: {type(error).__name__}")
            if _is_passing(error)
            else _fatal(error)
        )
    state = sqlstate(error)
    if not state and "root certificate file" in str(error.orig):  # the driver's own words, before it connects
        return Fatal(
            "the database's certificate cannot be checked without its authority's: name the file in PGSSLROOTCERT "
            "(the chart's databaseCa)"
        )
    kind = f"SQLSTATE {state}" if state else type(error.orig).__name__
    passing = (
        error.connection_invalidated
        or state[:2] in _PASSING_CLASSES
        or (not state and any(word in str(error.orig) for word in _PASSING_SQLITE))
        or (not state and isinstance(error.orig, OSError))
    )
    return (
        Transient(f"the database failed for now: {kind}")
        if passing
        else Fatal(f"the database refused a statement: {kind}")
    )


def _is_passing(error: Exception) -> bool:
    if isinstance(error, PendingRollbackError):
        return error.code == _CONNECTION_LOST
    return isinstance(error, PoolTimeout | OSError | TimeoutError)


def _fatal(error: Exception) -> Fatal:
    return Fatal(f"a statement could not be built: {type(error).__name__}")


def sqlstate(error: DBAPIError) -> str:
    """The five characters PostgreSQL gives an error, or nothing."""
    return str(getattr(error.orig, "sqlstate", "") or getattr(error.orig, "pgcode", "") or "")
