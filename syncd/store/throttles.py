"""Waits that outlive a process: until when a resource pauses for a member, or for a whole application.

In memory a wait is a moment of the process's monotonic clock, in a row one of the database's. Only what is left of it passes
from one to the other, counted when the statement goes out: a wait that is written late is not a longer one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.outcome import Scope
from syncd.domain.retry import Wait
from syncd.store.tables import MEMBERS, epoch, later, now, throttles


async def remember(connection: AsyncConnection, wait: Wait, clock: Callable[[], float]) -> None:
    """Stores a wait, a moment of `clock`; it never shortens one that is longer."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement: Any = dialect.insert(throttles).values(
        application=wait.application,
        member=wait.member,
        resource=wait.resource,
        scope=wait.scope.value,
        in_a_row=wait.in_a_row,
        not_before=later(wait.until - clock()),
    )
    new = statement.excluded
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=["application", "member", "resource"],
            set_={"scope": new.scope, "in_a_row": new.in_a_row, "not_before": new.not_before},
            where=throttles.c.not_before < new.not_before,
        )
    )


async def forget(connection: AsyncConnection, application: str, member: str, resource: str) -> None:
    """After a success nothing waits any more."""
    await connection.execute(
        delete(throttles).where(
            throttles.c.application == application,
            throttles.c.member.in_([member, ""]),
            throttles.c.resource == resource,
        )
    )


_LEFT: Final = epoch(throttles.c.not_before) - epoch(now())
_OF: Final = (
    select(
        throttles.c.application,
        throttles.c.member,
        throttles.c.resource,
        throttles.c.scope,
        throttles.c.in_a_row,
        _LEFT.label("left"),
    )
    .where(throttles.c.member.in_(MEMBERS))
    .order_by(throttles.c.not_before.desc())
)


async def of(connection: AsyncConnection, members: Collection[str], clock: Callable[[], float]) -> list[Wait]:
    """The waits of some members and of all applications, as moments of `clock`; the longest first."""
    rows = (await connection.execute(_OF, {"members": [*members, ""]})).all()
    read_at = clock()
    return [
        Wait(row.application, row.member, row.resource, Scope(row.scope), row.in_a_row, read_at + row.left)
        for row in rows
    ]
