"""A furnished house, and commands that ask it by either way: over its database, or a server with a token."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from click.testing import CliRunner
from sqlalchemy import update

from syncd.cli.commands import syncd
from syncd.domain.access import COMMAND_LINE, Role
from syncd.operations import people
from syncd.operations.people import NewToken
from syncd.operations.voices import Clock
from syncd.settings import load
from syncd.store import tables
from syncd.store.engine import Database
from tests.component.admin.furnished import furnish
from tests.component.admin.house import opened
from tests.component.cli.conftest import configuration
from tests.conftest import sqlite_url

_TIMES = re.compile(r"\d{4}-\d\d-\d\d(T[\d:.]+(Z|\+00:00)| [\d:]+ UTC)|null\b|–")
_VARYING = (
    (re.compile(r"syncd_[\w-]+"), "A-TOKEN"),
    (re.compile(r'"?oldest_seconds"?: [\d.]+|oldest waits \(s\) +[\d.,]+'), "AGE"),
    (re.compile(r"\b(shell|token)\b"), "DOOR"),
    (re.compile(r" +"), " "),
)


@dataclass(frozen=True)
class Told:
    """What a command said. Times, tokens and by which door somebody came are the same for all."""

    code: int
    out: str
    err: str


Side = Callable[..., Told]


def plain(text: str) -> str:
    text = _TIMES.sub("WHEN", text).replace('"WHEN"', "WHEN")
    for pattern, instead in _VARYING:
        text = pattern.sub(instead, text)
    return text


def command(*arguments: str, stdin: str = "", **env: str | None) -> Told:
    settings = {"SYNCD_URL": None, "SYNCD_TOKEN": None, "SYNCD_TOKEN_FILE": None} | env
    told = CliRunner().invoke(syncd, arguments, input=stdin, env=settings)
    return Told(told.exit_code, told.stdout, told.stderr)


@dataclass(frozen=True)
class House:
    """A database with something in it, from which each side gets a copy, and tokens by role that are in it."""

    file: Path
    tokens: dict[str, str]

    def copied(self, folder: Path) -> str:
        folder.mkdir()
        shutil.copyfile(self.file, folder / "syncd.db")
        return sqlite_url(folder / "syncd.db")


async def _furnished(url: str) -> dict[str, str]:
    database = Database(url)
    await furnish(database)
    async with database.begin() as connection:
        row = tables.segments.c.key == "ours"
        await connection.execute(update(tables.segments).where(row).values(dmp_id=9_821_001))
    tokens = {}
    for name, role, accounts in (
        ("command line", Role.ADMIN, None),
        ("a viewer", Role.VIEWER, None),
        ("of others", Role.ADMIN, frozenset({"urn:li:sponsoredAccount:654321"})),
    ):
        wanted = NewToken(name=name, role=role, accounts=accounts)
        tokens[name] = (await people.add_token(database, wanted, COMMAND_LINE)).token
    await database.close()
    return tokens


def furnished(file: Path) -> House:
    """Fills a migrated SQLite file."""
    return House(file, asyncio.run(_furnished(sqlite_url(file))))


def over_database(config: Path) -> Side:
    return lambda *arguments, stdin="": command("--config", str(config), *arguments, stdin=stdin)


@contextmanager
def over_api(config: Path, token: str) -> Iterator[Side]:
    """Serves the API in a thread, for commands bring their own event loop."""
    with serving(config) as url:
        yield lambda *arguments, stdin="": command(*arguments, stdin=stdin, SYNCD_URL=url, SYNCD_TOKEN=token)


@contextmanager
def serving(config: Path) -> Iterator[str]:
    settings = load({}, config=config)
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    stack = AsyncExitStack()

    async def begin() -> str:
        database = Database(settings.database_url.get_secret_value())
        stack.push_async_callback(database.close)
        house = await stack.enter_async_context(opened(database, settings, clock=Clock(sleep=_at_once)))
        return house.base

    try:
        yield asyncio.run_coroutine_threadsafe(begin(), loop).result(20)
    finally:
        asyncio.run_coroutine_threadsafe(stack.aclose(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _at_once(_seconds: float) -> None:
    """Nobody waits between tries."""


@contextmanager
def both(house: House, folder: Path, *origins: str, **more: object) -> Iterator[tuple[Side, Side]]:
    """The two sides of equal houses, each with a LinkedIn of its own; `more` are settings."""
    places = []
    for name, origin in zip(("database", "api"), origins or ("http://127.0.0.1:9",) * 2, strict=True):
        place = configuration(folder / name, house.copied(folder / name), origin)
        place.write_text(json.dumps(json.loads(place.read_text()) | more))
        places.append(place)
    with over_api(places[1], house.tokens["command line"]) as remote:
        yield over_database(places[0]), remote
