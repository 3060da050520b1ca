"""The CRM of a run: transactions of random size over a small population, some of which become visible long after their
ids were drawn. The history is the writers' own.
"""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from tests.simulation.loop import VirtualLoop
from tests.simulation.records import Row
from tests.simulation.sqlite import Connection, Disk

Drawn = tuple[int, str, str, str | None, str]
"""A row before it is committed: id, segment, action, subject, payload."""


@dataclass(frozen=True, slots=True)
class Audience:
    """A segment of the run. `subjects`: share of rows that name one. `late`: share of transactions that commit late."""

    key: str
    kind: str
    member: str
    people: int
    subjects: float
    late: float


class Crm:
    """Writes until told to stop; `flush` lets every held transaction commit."""

    def __init__(self, loop: VirtualLoop, disk: Disk, file: Path, dice: random.Random) -> None:
        self.loop = loop
        self.disk = disk
        self.dice = dice
        self.history: list[Row] = []
        self.held = 0
        self.hurry = asyncio.Event()
        self._next = 1
        self._tasks: set[asyncio.Task[None]] = set()
        self._connection = Connection(disk, sqlite3.connect(file, isolation_level=None))
        self._connection._conn.execute("PRAGMA journal_mode=WAL")

    async def write(self, audiences: list[Audience], until: float, pace: float) -> None:
        """Transactions at random moments, `pace` a second on average."""
        while self.loop.time() < until:
            await asyncio.sleep(self.dice.expovariate(pace))
            audience = self.dice.choice(audiences)
            size = self.dice.choice([1, 1, 1, 2, 3, 5, 20])
            rows = [self._row(audience) for _ in range(size)]
            if self.dice.random() < audience.late:
                wait = self.dice.choice([0.5, 3.0, 15.0, 60.0]) * self.dice.random()
                task = asyncio.create_task(self._later(rows, wait))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            else:
                await self._commit(rows, late=False)

    async def finish(self) -> None:
        self.hurry.set()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def close(self) -> None:
        self._connection.stop()

    async def _later(self, rows: list[Drawn], wait: float) -> None:
        try:
            async with asyncio.timeout(wait):
                await self.hurry.wait()
        except TimeoutError:
            pass
        await self._commit(rows, late=True)

    async def _commit(self, rows: list[Drawn], *, late: bool) -> None:
        """One transaction. The rows count once it has committed."""
        await self.disk.lock(self._connection)
        raw = self._connection._conn
        raw.execute("BEGIN IMMEDIATE")
        raw.executemany(
            "INSERT INTO outbox (id, segment_key, action, subject_id, payload) VALUES (?, ?, ?, ?, ?)", rows
        )
        raw.execute("COMMIT")
        self.disk.release(self._connection)
        self.history += [Row(*row, self.loop.time(), late) for row in rows]

    def _row(self, audience: Audience) -> Drawn:
        number, self._next = self._next, self._next + 1
        dice = self.dice
        action = "REMOVE" if dice.random() < 0.4 else "ADD"
        if dice.random() < 0.01:
            action = "add"
        subject = None
        person = dice.randrange(audience.people)
        if dice.random() < audience.subjects:
            subject = f"subject{dice.randrange(audience.people)}"
        payload = self._company(person) if audience.kind == "company" else self._user(person)
        if dice.random() < 0.02:
            payload = dice.choice([{}, {"email": "nobody"}, {"name": 5, "email": 7}, ["x"], {"email": "a@b"}])
        return number, audience.key, action, subject, json.dumps(payload)

    def _user(self, person: int) -> object:
        email = f"person{person}@example.com"
        dice = self.dice
        match dice.randrange(8):
            case 0:
                return {"email": f" Person{person}@Example.COM\u200b"}
            case 1:
                return {"sha256_email": sha256(email.encode()).hexdigest().upper()}
            case 2:
                aid = f"00000000-0000-4000-8000-{person:012d}"
                return {"email": email, "google_aid": aid.upper() if dice.random() < 0.5 else aid}
            case 3:
                return {"email": email, "first_name": "Ann", "country": "us"}
            case _:
                return {"email": email}

    def _company(self, number: int) -> object:
        dice = self.dice
        payload: dict[str, object] = {"name": f"Company {number % 7}"}
        if dice.random() < 0.9:
            payload["website_domain"] = f"Company{number}.example"
        if dice.random() < 0.15:
            payload["city"] = dice.choice(["Graz", "Linz"])
        return payload
