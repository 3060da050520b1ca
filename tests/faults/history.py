"""What the CRM did, by its own account: every row with what its writer knows of the commit.

A writer notes the moment before it asks for the commit and the moment it hears that it happened. When the connection
breaks in between, nobody knows: such a row may be there or not. Writers overlap, commit late, roll back, and go on
after the database was away.
"""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import asyncpg  # type: ignore[import-untyped]  # it ships no types

Commit = Literal["open", "acked", "unknown", "aborted", "late"]
"""`late`: the commit was asked for while the evidence was gathered, so that not every place need know of it."""
CANARY = "canary.example"


@dataclass
class Row:
    """One outbox row. `asked` and `acked` are monotonic seconds."""

    id: int
    segment: str
    action: str
    payload: object
    subject: str | None = None
    asked: float = 0.0
    acked: float = 0.0
    commit: Commit = "open"


@dataclass
class History:
    rows: list[Row] = field(default_factory=list)

    def after(self, before: Sequence[Row]) -> list[Row]:
        """An earlier copy of the rows, with what was asked for since."""
        known = [*before, *(replace(row, commit="open") for row in self.rows[len(before) :])]
        return [
            replace(row, asked=now.asked, commit="late") if row.commit == "open" and now.asked else row
            for row, now in zip(known, self.rows, strict=True)
        ]

    def once(self) -> History:
        """The rows without those whose id was given out again. A crash forgets what a sequence had drawn for transactions
        that never committed; two rows of one id are never there, so it is the later one that may be.
        """
        latest = {row.id: place for place, row in enumerate(self.rows)}
        return History([row for place, row in enumerate(self.rows) if latest[row.id] == place or row.commit == "acked"])

    @property
    def acked(self) -> int:
        return sum(1 for row in self.rows if row.commit == "acked")


Change = tuple[str, object, str | None]
"""Action, payload, subject."""


def person(number: int | str) -> dict[str, str]:
    return {"email": f"Person{number}@{CANARY}", "first_name": "Ann", "last_name": "Lee", "country": "us"}


_INSERT = """
    insert into syncd.outbox (segment_key, action, payload, subject_id)
    select s, a, p::jsonb, n from unnest($1::text[], $2::text[], $3::text[], $4::text[])
    with ordinality as given (s, a, p, n, place) order by place returning id
"""
_ENQUEUE = """
    select syncd.enqueue(s, a, p::jsonb, n) as id from (
        select s, a, p, n from unnest($1::text[], $2::text[], $3::text[], $4::text[])
        with ordinality as given (s, a, p, n, place) order by place) as rows
"""
"""The road that locks the person before the id is drawn (`migrations/sql`)."""


@dataclass
class Crm:
    """Commits rows and remembers. `url` as asyncpg takes it, or the path of an SQLite file."""

    url: str
    history: History = field(default_factory=History)

    @property
    def is_postgresql(self) -> bool:
        return self.url.startswith("postgresql")

    async def commit(
        self,
        segment: str,
        changes: Sequence[Change],
        *,
        hold: float = 0.0,
        rollback: bool = False,
        locked: bool = False,
    ) -> list[Row]:
        """One transaction; `hold` seconds pass between its rows and its commit; `locked` goes through `enqueue`."""
        rows = [Row(0, segment, action, payload, subject) for action, payload, subject in changes]
        if self.is_postgresql:
            await self._postgresql(rows, hold, _ENQUEUE if locked else _INSERT, rollback=rollback)
        else:
            await asyncio.to_thread(self._sqlite, rows, rollback)
        return rows

    async def braid(self, segment: str, changes: Sequence[Change]) -> None:
        """Two transactions take turns, a row each; the one that began first commits last."""
        rows = [Row(0, segment, action, payload, subject) for action, payload, subject in changes]
        connections = [await asyncpg.connect(self.url, timeout=5) for _ in range(2)]
        try:
            for connection in connections:
                await connection.execute("begin")
            for place, row in enumerate(rows):
                columns = [[row.segment], [row.action], [json.dumps(row.payload)], [row.subject]]
                row.id = await connections[place % 2].fetchval(_INSERT, *columns)
            self.history.rows += rows
            for turn in (1, 0):
                for row in rows[turn::2]:
                    row.asked = time.monotonic()
                await connections[turn].execute("commit")
                self._mark(rows[turn::2], "acked")
        finally:
            for connection in connections:
                connection.terminate()

    async def _postgresql(self, rows: list[Row], hold: float, statement: str, *, rollback: bool) -> None:
        columns: list[list[Any]] = [
            [row.segment for row in rows],
            [row.action for row in rows],
            [json.dumps(row.payload) for row in rows],
            [row.subject for row in rows],
        ]
        connection = await asyncpg.connect(self.url, timeout=5)
        try:
            transaction = connection.transaction()
            await transaction.start()
            for row, record in zip(rows, await connection.fetch(statement, *columns), strict=True):
                row.id = record["id"]
            self.history.rows += rows
            if hold:
                await asyncio.sleep(hold)
            if rollback:
                await transaction.rollback()
                self._mark(rows, "aborted")
                return
            for row in rows:
                row.asked = time.monotonic()
            try:
                await transaction.commit()
            except BaseException:
                self._mark(rows, "unknown")
                raise
            self._mark(rows, "acked")
        except BaseException:
            self._mark([row for row in rows if row.commit == "open"], "aborted")
            raise
        finally:
            connection.terminate()

    def _sqlite(self, rows: list[Row], rollback: bool) -> None:
        with closing(sqlite3.connect(self.url, timeout=30, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            for row in rows:
                values = (row.segment, row.action, json.dumps(row.payload), row.subject)
                made = connection.execute(
                    "insert into outbox (segment_key, action, payload, subject_id) values (?,?,?,?)", values
                )
                row.id = made.lastrowid or 0
            if rollback:
                connection.execute("ROLLBACK")  # SQLite gives the ids out again: nothing can be said of these rows
                return
            self.history.rows += rows
            for row in rows:
                row.asked = time.monotonic()
            connection.execute("COMMIT")
            self._mark(rows, "acked")

    def _mark(self, rows: Sequence[Row], commit: Commit) -> None:
        for row in rows:
            row.commit = commit
            row.acked = time.monotonic()


@dataclass
class Writer:
    """Transactions of random size over a bounded crowd, until it has committed enough or is told to stop."""

    crm: Crm
    segments: Sequence[str]
    people: int
    dice: random.Random
    removes: float = 0.35
    late: float = 0.2
    rollback: float = 0.05
    pause: float = 0.0
    payload: Callable[[int], Mapping[str, object]] = person

    async def run(self, rows: int, largest: int = 40, stop: asyncio.Event | None = None) -> None:
        async with asyncio.TaskGroup() as group:
            while rows > 0 and not (stop and stop.is_set()):
                size = min(rows, self.dice.randint(1, largest))
                rows -= size
                hold = self.dice.uniform(0.02, 0.3) if self.dice.random() < self.late else 0.0
                one = self._transaction(size, hold, rollback=self.dice.random() < self.rollback)
                if hold:
                    group.create_task(one)
                else:
                    await one
                if self.pause:
                    await asyncio.sleep(self.pause * self.dice.random())

    async def _transaction(self, size: int, hold: float, *, rollback: bool) -> None:
        changes: list[Change] = []
        for _ in range(size):
            action = "REMOVE" if self.dice.random() < self.removes else "ADD"
            changes.append((action, self.payload(self.dice.randrange(self.people)), None))
        try:
            await self.crm.commit(self.dice.choice(self.segments), changes, hold=hold, rollback=rollback)
        except Exception:  # noqa: BLE001 - the database is away, in whichever way: the CRM has its own patience
            await asyncio.sleep(0.1)
