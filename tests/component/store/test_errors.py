"""What a database says of the values it stumbled over stays with it: our errors name the SQLSTATE and nothing else."""

from __future__ import annotations

import io
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.errors import Fatal, SyncdError, Transient
from syncd.observe import logs
from syncd.observe.traces import traces
from syncd.store.engine import Database
from syncd.store.tables import outbox
from tests.postgres import PostgresServer

CANARY = "cnry.jane@cnry.example"
ROW = {"segment_key": CANARY, "action": None, "payload": {"email": CANARY}}


@pytest.fixture
async def database(store_url: str) -> AsyncIterator[Database]:
    database = Database(store_url)
    yield database
    await database.close()


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that is logged, SQLAlchemy's and the drivers' at debug, as the daemon's handler writes it."""
    root, stream = logging.getLogger(), io.StringIO()
    kept = root.handlers[:], root.level
    others = [logging.getLogger(name) for name in ("sqlalchemy", "sqlalchemy.engine", "sqlalchemy.pool", "asyncpg")]
    logs.configure("json", "debug", stream)
    for one in others:
        one.setLevel(logging.DEBUG)
    yield stream
    for one in others:
        one.setLevel(logging.NOTSET)
    root.handlers[:], root.level = kept
    logging.captureWarnings(capture=False)


async def refused(database: Database, way: str) -> SyncdError:
    with pytest.raises(Fatal) as found:
        await _write(database, way)
    return found.value


async def _write(database: Database, way: str) -> None:
    statement = insert(outbox).values(ROW if database.is_postgresql else ROW | {"payload": CANARY})
    if way == "transact":
        await database.transact(lambda connection: connection.execute(statement))
        return
    async with database.begin() if way == "begin" else database.read() as connection:
        await connection.execute(statement)


@pytest.mark.parametrize("way", ["begin", "read", "transact"])
async def test_an_error_tells_the_sqlstate_and_no_value(database: Database, log: io.StringIO, way: str) -> None:
    error = await refused(database, way)
    said = "SQLSTATE 23502" if database.is_postgresql else "IntegrityError"
    assert str(error) == f"the database refused a statement: {said}"
    assert error.__cause__ is None
    assert error.__suppress_context__
    logging.getLogger("syncd").error("failed", exc_info=error)
    assert len(traces(error)) == 1
    assert "failed" in log.getvalue()
    assert "cnry" not in log.getvalue()


async def test_even_the_error_beneath_is_logged_without_its_values(database: Database, log: io.StringIO) -> None:
    """Somebody else's handler may log it: SQLAlchemy hides the parameters, the redactor what PostgreSQL quotes."""
    beneath = (await refused(database, "begin")).__context__
    assert isinstance(beneath, IntegrityError)
    assert "parameters hidden" in str(beneath)
    logging.getLogger("elsewhere").error("failed with %s", beneath, exc_info=beneath)
    logging.getLogger("elsewhere").error("failed with %r", beneath.orig)
    assert "cnry" not in log.getvalue()


async def test_statements_are_logged_without_their_parameters_at_any_level(
    database: Database, log: io.StringIO
) -> None:
    async with database.read() as connection:
        await connection.execute(text("select :who"), {"who": CANARY})
    assert "select" in log.getvalue()
    assert "cnry" not in log.getvalue()


async def test_a_transaction_whose_connection_went_away_is_done_again(postgres_server: PostgresServer) -> None:
    database, other = Database(postgres_server.url()), Database(postgres_server.url())

    async def work(connection: AsyncConnection) -> None:
        pid = (await connection.execute(text("select pg_backend_pid()"))).scalar_one()
        async with other.begin() as ending:
            await ending.execute(text("select pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        with suppress(DBAPIError):
            await connection.execute(text("select 1"))
        await connection.execute(text("select 1"))

    with pytest.raises(Transient):
        await database.transact(work)
    await database.close()
    await other.close()
