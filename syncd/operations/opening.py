"""A database that this syncd can work with, for one operation or many."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from sqlalchemy.engine import make_url

from syncd.errors import Rejected
from syncd.store import migrate, reports
from syncd.store.engine import Database

_POOL: Final = 2


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """The database, if it has a schema this code works with. Never makes a SQLite file: `migrate` does."""
    file = sqlite_file(url)
    if file is not None and not file.exists():
        raise Rejected(f"there is no database {file} yet: run `syncd migrate`")
    database = Database(url, pool_size=_POOL)
    try:
        await migrate.usable(database)
        yield database
    finally:
        await database.close()


async def upgrade(url: str) -> tuple[int, int]:
    """Brings the schema up to date; its version before (0: there was none) and after."""
    before = await _version(url)
    await migrate.upgrade(url)
    return before, await _version(url)


async def _version(url: str) -> int:
    file = sqlite_file(url)
    if file is not None and not file.exists():
        return 0
    database = Database(url, pool_size=_POOL)
    try:
        async with database.read() as connection:
            return await reports.schema_version(connection)
    finally:
        await database.close()


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite database, or None for another kind."""
    parsed = make_url(url)
    return Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None
