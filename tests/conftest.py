"""Databases for tests: a real PostgreSQL and SQLite files, empty or migrated, one of its own for each test."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.postgres import EXTERNAL, NoPostgres, PostgresServer

DATABASES = ["sqlite", "postgresql"]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A running PostgreSQL, one per worker. Where there is none, tests fail in CI and are skipped elsewhere."""
    server = PostgresServer(external=os.environ.get(EXTERNAL))
    try:
        server.start()
    except NoPostgres as reason:
        if os.environ.get("CI"):
            pytest.fail(str(reason))
        pytest.skip(str(reason))
    yield server
    server.close()


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path / "syncd.db")
        return
    with fresh_database(request.getfixturevalue("postgres_server")) as url:
        yield url


@pytest.fixture(params=DATABASES)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated database, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        file = tmp_path / "syncd.db"
        shutil.copyfile(request.getfixturevalue("migrated_file"), file)
        yield sqlite_url(file)
        return
    with fresh_database(
        request.getfixturevalue("postgres_server"), request.getfixturevalue("migrated_template")
    ) as url:
        yield url


@pytest.fixture(scope="session")
def migrated_template(postgres_server: PostgresServer) -> Iterator[str]:
    """The name of a migrated PostgreSQL database; its copies cost 0.1 s. Nobody may be connected to it."""
    from syncd.store.migrate import upgrade  # noqa: PLC0415  # only where it is needed, as it imports the store

    name = asyncio.run(postgres_server.create_database())
    asyncio.run(upgrade(postgres_server.url(name)))
    yield name
    asyncio.run(postgres_server.drop_database(name))


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file that is whole without its write-ahead log."""
    from syncd.store.migrate import upgrade  # noqa: PLC0415  # likewise

    file = tmp_path_factory.mktemp("template") / "syncd.db"
    asyncio.run(upgrade(sqlite_url(file)))
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return file


def sqlite_url(file: Path) -> str:
    return f"sqlite+aiosqlite:///{file}"


@contextmanager
def fresh_database(server: PostgresServer, template: str | None = None) -> Iterator[str]:
    """The URL of a PostgreSQL database that is gone afterwards. To be used where no event loop runs."""
    name = asyncio.run(server.create_database(template))
    try:
        yield server.url(name)
    finally:
        asyncio.run(server.drop_database(name))
