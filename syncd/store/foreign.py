"""A database that is not ours, read once: a query in a read-only transaction, by a cursor that stays at the server.

Whatever goes wrong is told without the query, its values or the URL, which can hold a person's data or a password.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from syncd.errors import Rejected

AT_ONCE: Final = 2_000
"""Rows handed over together."""
_MYSQL: Final = frozenset({"mysql", "mariadb"})


@dataclass(frozen=True, slots=True)
class Result:
    """The columns of a query, and its rows some thousands at a time."""

    columns: tuple[str, ...]
    rows: AsyncIterator[Sequence[Any]]


@asynccontextmanager
async def query(url: str, statement: str, patience: float) -> AsyncIterator[Result]:
    """Runs one statement, which the server gives up after `patience` seconds. Raises Rejected for whatever keeps it from
    being read, also on the way.
    """
    kind = make_url(url).get_backend_name()
    engine = create_async_engine(url, poolclass=NullPool, hide_parameters=True, **_options(kind, patience))
    if kind == "sqlite":
        event.listen(engine.sync_engine, "connect", _only_reads)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(engine.dispose)
        try:
            connection = await stack.enter_async_context(engine.connect())
            await _prepare(connection, kind, patience)
            found = await connection.stream(text(statement.replace(":", r"\:")))
        except Exception as error:  # noqa: BLE001 - drivers have errors of their own, which SQLAlchemy does not know
            raise _refusal(error) from None
        yield Result(tuple(found.keys()), _told(found.partitions(AT_ONCE)))


async def _told(rows: AsyncIterator[Sequence[Any]]) -> AsyncIterator[Sequence[Any]]:
    """The rows; an error among them is told before anybody takes it for one of our own database."""
    try:
        async for some in rows:
            yield some
    except Exception as error:  # noqa: BLE001 - likewise
        raise _refusal(error) from None


def _refusal(error: Exception) -> Rejected:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    return Rejected(f"the source refused: {f'SQLSTATE {state}' if state else type(cause).__name__}")


def _options(kind: str, patience: float) -> dict[str, Any]:
    if kind == "postgresql":
        settings = {"application_name": "syncd reconcile", "statement_timeout": f"{patience * 1000:.0f}"}
        return {
            "connect_args": {"timeout": 10, "server_settings": settings},
            "execution_options": {"postgresql_readonly": True, "isolation_level": "REPEATABLE READ"},
        }
    return {"connect_args": {"connect_timeout": 10}} if kind in _MYSQL else {}


async def _prepare(connection: AsyncConnection, kind: str, patience: float) -> None:
    if kind not in _MYSQL:
        return
    server = str((await connection.execute(text("select version()"))).scalar_one())
    limit = (
        f"max_statement_time = {patience:f}" if "MariaDB" in server else f"max_execution_time = {patience * 1000:.0f}"
    )
    await connection.execute(text(f"set session {limit}"))
    await connection.execute(text("set session transaction read only"))
    await connection.rollback()  # what comes next begins a transaction, and that one only reads


def _only_reads(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA query_only = ON")
