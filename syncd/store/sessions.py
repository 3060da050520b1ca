"""Sessions of the console, and the answers to requests that carried an idempotency key. Both end by themselves.

Every time is the database's, so that replicas agree; what a browser holds is known here by its digest only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text, delete, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.store.people import people
from syncd.store.tables import Moment, at, later, metadata, now

IDLE: Final = 1_800.0
"""Seconds without a request after which a session is over."""
LONGEST: Final = 28_800.0
"""Seconds after which it is over in any case."""
_FRESH: Final = 30.0
"""Seconds for which the last request of a session is not written again."""
KEPT: Final = 86_400.0
"""Seconds for which an answer is kept under its key."""
UNDER_WAY: Final = 120.0
"""Seconds after which a request counts as dead that has neither done its work nor said that it still lives."""
DONE: Final = 0
"""The status of a request whose work is committed and whose answer is not there, or not yet."""

sessions = Table(
    "sessions",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("person_id", BigInteger, nullable=False),
    Column("created_at", Moment(), nullable=False, server_default=now()),
    at("idle_until"),
    at("ends_at"),
    Index("sessions_person", "person_id"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("caller", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("asked", LargeBinary, nullable=False),
    Column("status", Integer),
    Column("answer", LargeBinary),
    at("claimed_until"),
    at("ends_at"),
    Index("idempotency_keys_ends", "ends_at"),
)
"""`asked` is a keyed digest of the request; `status` and `answer` are null while it is under way."""


async def begin(connection: AsyncConnection, digest: bytes, person: int) -> None:
    values = {"digest": digest, "person_id": person, "idle_until": later(IDLE), "ends_at": later(LONGEST)}
    await connection.execute(insert(sessions).values(values))


async def find(connection: AsyncConnection, digest: bytes) -> Any:
    """Whose session it is, unless it is over; whether this request is worth a note."""
    s, p = sessions.c, people.c
    stale = (s.idle_until < later(IDLE - _FRESH)).label("stale")
    statement = (
        select(p.id, p.name, p.role, p.accounts, stale)
        .select_from(sessions.join(people, p.id == s.person_id))
        .where(s.digest == digest, s.idle_until > now(), s.ends_at > now(), p.removed_at.is_(None))
    )
    return (await connection.execute(statement)).one_or_none()


async def prolong(connection: AsyncConnection, digest: bytes) -> None:
    await connection.execute(update(sessions).where(sessions.c.digest == digest).values(idle_until=later(IDLE)))


async def end(connection: AsyncConnection, digest: bytes) -> bool:
    """Whether there was one."""
    return bool((await connection.execute(delete(sessions).where(sessions.c.digest == digest))).rowcount)


async def end_all(connection: AsyncConnection, person: int) -> int:
    """How many there were."""
    return int((await connection.execute(delete(sessions).where(sessions.c.person_id == person))).rowcount)


async def prune(connection: AsyncConnection) -> None:
    """Forgets what is over."""
    s, k = sessions.c, idempotency_keys.c
    await connection.execute(delete(sessions).where(or_(s.idle_until < now(), s.ends_at < now())))
    await connection.execute(delete(idempotency_keys).where(k.ends_at < now()))


@dataclass(frozen=True, slots=True)
class Known:
    """A request that came with a key before: its digest, and its answer once there is one."""

    asked: bytes
    status: int | None
    answer: bytes


async def claim(connection: AsyncConnection, caller: str, key: str, asked: bytes) -> Known | None:
    """None where the key is ours to answer now; else what is known of the request that came with it."""
    k = idempotency_keys.c
    mine = (k.caller == caller) & (k.key == key)
    dead = mine & k.status.is_(None) & (k.claimed_until < now())
    await connection.execute(delete(idempotency_keys).where(or_(k.ends_at < now(), dead)))
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    made = dialect.insert(idempotency_keys).values(
        caller=caller, key=key, asked=asked, claimed_until=later(UNDER_WAY), ends_at=later(KEPT)
    )
    if (await connection.execute(made.on_conflict_do_nothing())).rowcount:
        return None
    row = (await connection.execute(select(k.asked, k.status, k.answer).where(mine))).one()
    return Known(bytes(row.asked), row.status, bytes(row.answer or b""))


async def done(connection: AsyncConnection, caller: str, key: str) -> None:
    """To be called in the transaction that does the work."""
    k = idempotency_keys.c
    mine = (k.caller == caller) & (k.key == key) & k.status.is_(None)
    await connection.execute(update(idempotency_keys).where(mine).values(status=DONE))


async def renew(connection: AsyncConnection, caller: str, key: str) -> None:
    """The request still lives."""
    k = idempotency_keys.c
    mine = (k.caller == caller) & (k.key == key)
    await connection.execute(update(idempotency_keys).where(mine).values(claimed_until=later(UNDER_WAY)))


async def answered(connection: AsyncConnection, caller: str, key: str, known: Known) -> None:
    k = idempotency_keys.c
    mine = (k.caller == caller) & (k.key == key)
    values = {"asked": known.asked, "status": known.status, "answer": known.answer}
    await connection.execute(update(idempotency_keys).where(mine).values(values))


async def release(connection: AsyncConnection, caller: str, key: str) -> None:
    """If the request changed nothing, it may come again."""
    k = idempotency_keys.c
    mine = (k.caller == caller) & (k.key == key) & k.status.is_(None)
    await connection.execute(delete(idempotency_keys).where(mine))
