"""The schema: bringing it up to date, and whether this code can work with the one that is there.

Migrations expand first and contract later, so that pods of two versions overlap in an upgrade: a schema newer than the
code is fine as long as it says that it still works for it.
"""

from __future__ import annotations

import asyncio
from importlib import resources
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.errors import Fatal
from syncd.store.engine import Database, sqlstate, unbroken
from syncd.store.tables import schema_state

NEEDED: Final = 7
"""The schema version this code needs; the newest migration leaves at least this one behind."""
_LOCK: Final = 0x73796E6364
"""Advisory lock of the one migrator ("syncd")."""
_TRIES: Final = 120
_PAUSE: Final = 0.5
_LOCKED: Final = "55P03"
"""SQLSTATE of a lock that did not come in time."""
_NOT_ALLOWED: Final = "42501"
_NOT_THERE: Final = frozenset({"42P01", "3F000"})
"""SQLSTATEs of a table and a schema that do not exist."""


def scripts() -> Path:
    """Where the migrations are: inside an installed package, beside the package in a checkout."""
    packaged = Path(str(resources.files("syncd"))) / "migrations"
    return packaged if packaged.is_dir() else packaged.parent.parent / "migrations"


async def upgrade(url: str) -> None:
    """Runs every migration that is missing. One migrator at a time; safe to repeat."""
    database = Database(url, pool_size=2, statement_timeout=3600.0, idle_timeout=3600.0)
    try:
        async with database.engine.connect() as connection:
            if database.is_postgresql:
                await connection.execute(text("select pg_advisory_lock(:key)"), {"key": _LOCK})
                await connection.execute(text("create schema if not exists syncd"))
                await connection.execute(text("set lock_timeout = '1s'"))
                await connection.commit()
            await unbroken(_patiently(connection))
            await connection.commit()
            if database.is_postgresql:
                await connection.execute(text("select pg_advisory_unlock(:key)"), {"key": _LOCK})
    finally:
        await database.close()


async def _patiently(connection: AsyncConnection) -> None:
    """Runs what is missing. Whoever writes waits behind a lock that a migration waits for, so it gives up after a second
    and tries again a little later.
    """
    for left in reversed(range(_TRIES)):
        try:
            await connection.run_sync(_run)
        except DBAPIError as error:
            if sqlstate(error) != _LOCKED or not left:
                raise
            await connection.rollback()
            await asyncio.sleep(_PAUSE)
        else:
            return


def _run(connection: object) -> None:
    config = Config()
    config.set_main_option("script_location", str(scripts()))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def problem(connection: AsyncConnection) -> str | None:
    """Why this code cannot work with the schema, as a sentence that says what to do; None if it can."""
    try:
        row = (await connection.execute(select(schema_state).where(schema_state.c.id == 1))).one_or_none()
    except DBAPIError as error:
        state = sqlstate(error)
        if state == _NOT_ALLOWED:
            return "the database's role may not read schema syncd: grant syncd_daemon to it (migrations/sql/roles.sql)"
        if state in _NOT_THERE or "no such table" in str(error.orig):
            return "the database has no schema of syncd's yet: run `syncd migrate`"
        raise
    if row is None or row.version < NEEDED:
        return f"the schema is version {row.version if row else 0} and this syncd needs {NEEDED}: run `syncd migrate`"
    if row.works_for > NEEDED:
        return f"the schema works for syncd of schema {row.works_for} and later, this one is {NEEDED}: deploy the newer syncd"
    return None


async def usable(database: Database) -> None:
    """Raises Fatal with a sentence if the schema does not fit."""
    async with database.read() as connection:
        words = await problem(connection)
    if words:
        raise Fatal(words)
