"""Example CRMs for tests: writers that overlap, commit late and remember what they committed.

The history is the writers' own: a row counts when its transaction committed, in the order of its id. What must be at
LinkedIn follows from it alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import asyncpg  # type: ignore[import-untyped]  # it ships no types


@dataclass(frozen=True)
class Row:
    id: int
    segment: str
    action: str
    email: str


@dataclass
class History:
    """Committed rows of all writers."""

    rows: list[Row] = field(default_factory=list)

    def members(self, segment: str) -> set[str]:
        """Who is in a segment after all of them: per address, the row with the highest id decides."""
        last: dict[str, Row] = {}
        for row in self.rows:
            if row.segment == segment and (row.email not in last or last[row.email].id < row.id):
                last[row.email] = row
        return {
            "SHA256_EMAIL:" + hashlib.sha256(email.encode()).hexdigest()
            for email, row in last.items()
            if row.action == "ADD"
        }

    @property
    def segments(self) -> set[str]:
        return {row.segment for row in self.rows}


_INSERT = """
    insert into syncd.outbox (segment_key, action, payload)
    select s, a, jsonb_build_object('email', e, 'first_name', 'Ann', 'last_name', 'Lee', 'company', 'Acme', 'country', 'us')
    from unnest($1::text[], $2::text[], $3::text[]) with ordinality as given (s, a, e, place) order by place returning id
"""


@dataclass
class Writer:
    """Writes transactions of random size; some stay open while younger ones commit, some roll back.

    `people` bounds the addresses, so that writers meet on the same ones.
    """

    url: str
    segments: Sequence[str]
    people: int
    seed: int
    history: History
    removes: float = 0.3
    late: float = 0.15
    rollback: float = 0.05

    async def run(self, rows: int, largest: int = 2000) -> None:
        """Commits about so many rows."""
        dice = random.Random(self.seed)
        left = rows
        async with asyncpg.create_pool(self.url, min_size=1, max_size=4) as pool, asyncio.TaskGroup() as group:
            while left > 0:
                size = min(left, dice.randint(1, largest))
                left -= size
                wait = dice.uniform(0.05, 0.4) if dice.random() < self.late else 0.0
                batch = [self._row(dice) for _ in range(size)]
                transaction = self._transaction(pool, batch, wait, rollback=dice.random() < self.rollback)
                if wait:
                    group.create_task(transaction)
                else:
                    await transaction

    def _row(self, dice: random.Random) -> tuple[str, str, str]:
        action = "REMOVE" if dice.random() < self.removes else "ADD"
        return dice.choice(self.segments), action, f"person{dice.randrange(self.people)}@example.com"

    async def _transaction(
        self, pool: asyncpg.Pool, rows: Sequence[tuple[str, str, str]], wait: float, *, rollback: bool
    ) -> None:
        columns = [list(column) for column in zip(*rows, strict=True)]
        async with pool.acquire() as connection:
            transaction = connection.transaction()
            await transaction.start()
            ids = [record["id"] for record in await connection.fetch(_INSERT, *columns)]
            if wait:
                await asyncio.sleep(wait)
            if rollback:
                await transaction.rollback()
                return
            await transaction.commit()
        self.history.rows += [Row(number, *row) for number, row in zip(ids, rows, strict=True)]


def plain_url(url: str) -> str:
    """A URL as asyncpg takes it."""
    return url.replace("postgresql+asyncpg://", "postgresql://")


def busiest_minute(requests: Sequence[Mapping[str, object]], resource: str, member: str) -> int:
    """The most arrivals in any 60 seconds, from the sandbox's own log."""
    arrivals = sorted(
        float(str(one["arrived"])) for one in requests if one["resource"] == resource and one["member"] == member
    )
    most = start = 0
    for end, moment in enumerate(arrivals):
        while arrivals[start] <= moment - 60.0:
            start += 1
        most = max(most, end - start + 1)
    return most
