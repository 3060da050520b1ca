"""Who works for which member, by the database's clock.

One row a member: `token` grows with every take-over and fences every write of the owner before; `free_at` is when
another replica may take the member: one time to live after the last renewal plus one request timeout, so that nothing
of a dead owner's can still be on its way. A clean stop frees at once.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, and_, bindparam, column, delete, func, select, table, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.segment import MemberKey
from syncd.errors import LeaseLost
from syncd.store.engine import APPLICATION
from syncd.store.tables import MEMBERS, epoch, later, leases, now, replicas


@dataclass(frozen=True, slots=True)
class Grant:
    """The right to work for a member. `clean` says that the owner before ended without cutting a request."""

    member: MemberKey
    owner: str
    token: int
    clean: bool


async def announce(connection: AsyncConnection, replica: str, members: Collection[str]) -> None:
    """Makes a replica and its members known; rows are made once."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    seen = dialect.insert(replicas).values(id=replica, seen_at=now())
    await connection.execute(seen.on_conflict_do_update(index_elements=["id"], set_={"seen_at": now()}))
    if members:
        rows = [{"member": member, "token": 0, "clean": True} for member in sorted(members)]
        await connection.execute(dialect.insert(leases).values(free_at=now()).on_conflict_do_nothing(), rows)


async def live(connection: AsyncConnection, ttl: float) -> list[str]:
    """The replicas seen within one time to live, in a stable order."""
    statement = select(replicas.c.id).where(replicas.c.seen_at > later(-ttl)).order_by(replicas.c.id)
    return list((await connection.execute(statement)).scalars())


async def depart(connection: AsyncConnection, replica: str) -> None:
    """A replica that stops is not counted any more; those long unseen are forgotten with it."""
    await connection.execute(
        delete(replicas).where((replicas.c.id == replica) | (replicas.c.seen_at < later(-86400.0)))
    )


_FREE: Final = (
    select(leases.c.member).where(leases.c.member.in_(MEMBERS), leases.c.free_at <= now()).order_by(leases.c.member)
)


async def free(connection: AsyncConnection, members: Collection[str]) -> list[MemberKey]:
    """The members that nobody owns now."""
    rows = await connection.execute(_FREE, {"members": list(members)})
    return [MemberKey(member) for member in rows.scalars()]


async def take(connection: AsyncConnection, member: str, owner: str, hold: float) -> Grant | None:
    """Takes a free member for `hold` seconds (time to live plus request timeout); nothing if somebody else was first."""
    row = (
        await connection.execute(
            select(leases.c.token, leases.c.clean)
            .where(leases.c.member == member, leases.c.free_at <= now())
            .with_for_update()
        )
    ).one_or_none()
    if row is None:
        return None
    token = row.token + 1
    await connection.execute(
        update(leases)
        .where(leases.c.member == member)
        .values(owner=owner, token=token, free_at=later(hold), clean=False)
    )
    return Grant(MemberKey(member), owner, token, clean=row.clean)


async def session(connection: AsyncConnection) -> int | None:
    """What the server calls this session; nothing on SQLite, whose locks end with the process that holds them."""
    if connection.dialect.name != "postgresql":
        return None
    return int((await connection.execute(select(func.pg_backend_pid()))).scalar_one())


async def clear(connection: AsyncConnection, waiting: int, patience: float) -> int:
    """Ends the sessions of syncd's own that the session `waiting` waits for, where the server has waited for their client for
    `patience` seconds; how many there were. Whoever works, or waits for a lock or for a standby, goes on.
    """
    names = ("pid", "usename", "application_name", "wait_event_type", "state_change")
    sessions = table("pg_stat_activity", *map(column, names)).c
    statement = select(func.pg_terminate_backend(sessions.pid)).where(
        sessions.pid == func.any(func.pg_blocking_pids(waiting)),
        sessions.usename == func.session_user(),
        sessions.application_name == APPLICATION,
        sessions.wait_event_type == "Client",
        epoch(sessions.state_change) < epoch(now()) - patience,
    )
    return sum((await connection.execute(statement)).scalars())


async def renew(connection: AsyncConnection, owner: str, tokens: dict[str, int], hold: float) -> set[str]:
    """Renews every lease of a replica in one statement; the members that are still its own."""
    if not tokens:
        return set()
    statement = (
        update(leases)
        .where(leases.c.owner == owner, leases.c.member.in_(sorted(tokens)), leases.c.token.in_(set(tokens.values())))
        .values(free_at=later(hold))
        .returning(leases.c.member, leases.c.token)
    )
    rows = await connection.execute(statement)
    return {member for member, token in rows if tokens.get(member) == token}


async def give_back(connection: AsyncConnection, grant: Grant, *, wait: float) -> None:
    """Frees a member `wait` seconds from now: at once after a clean stop, after a request timeout if one was cut."""
    await connection.execute(
        update(leases)
        .where(leases.c.member == grant.member, leases.c.token == grant.token, leases.c.owner == grant.owner)
        .values(owner=None, free_at=later(wait), clean=wait <= 0)
    )


IS_OURS: Final = and_(
    leases.c.member == bindparam("member"),
    leases.c.token == bindparam("token"),
    leases.c.owner == bindparam("owner"),
)
_OURS: Final = select(epoch(now()).label("moment")).select_from(leases).where(IS_OURS)
FENCE: Final = _OURS.with_for_update(read=True, key_share=True)
_ALONE: Final = _OURS.with_for_update()


async def fence(connection: AsyncConnection, grant: Grant) -> float:
    """Holds the lease row against a take-over until the transaction ends; the database's time in seconds since 1970.

    The lock is FOR KEY SHARE: a take-over, which locks FOR UPDATE, waits for it; renewals, which change no key, do not.

    Raises LeaseLost if another replica owns the member.
    """
    return await _locked(connection, FENCE, grant)


async def alone(connection: AsyncConnection, grant: Grant) -> None:
    """Waits until every other fenced transaction of the owner has ended, those too whose connection broke while their
    commit was under way: what they wrote, if they did, can be seen from here on.

    Raises LeaseLost if another replica owns the member.
    """
    await _locked(connection, _ALONE, grant)


async def _locked(connection: AsyncConnection, statement: Select[Any], grant: Grant) -> float:
    moment = (await connection.execute(statement, named(grant))).scalar_one_or_none()
    if moment is None:
        raise lost(grant)
    return float(moment)


def named(grant: Grant) -> dict[str, object]:
    """What `IS_OURS` asks for."""
    return {"member": grant.member, "token": grant.token, "owner": grant.owner}


def lost(grant: Grant) -> LeaseLost:
    return LeaseLost(f"another replica owns member {grant.member}")


async def owners(connection: AsyncConnection) -> dict[str, str | None]:
    """Each member with its present owner."""
    rows = await connection.execute(select(leases.c.member, leases.c.owner).where(leases.c.free_at > now()))
    return dict(rows.all())
