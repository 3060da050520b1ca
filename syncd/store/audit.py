"""The audit: who did what, when and why, before and after. Rows are added and read, and leave by retention only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Index, Table, Text, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.store.scope import Scope, seen
from syncd.store.tables import Moment, big_id, epoch, metadata, now

audit = Table(
    "audit",
    metadata,
    big_id(),
    Column("at", Moment(), nullable=False, server_default=now()),
    Column("actor", Text, nullable=False),
    Column("door", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("account", Text),
    Column("reason", Text, nullable=False, server_default=text("''")),
    Column("before", Text, nullable=False, server_default=text("'{}'")),
    Column("after", Text, nullable=False, server_default=text("'{}'")),
    Index("audit_action", "action", "id"),
    Index("audit_account", "account", "id"),
)
"""`before` and `after` are JSON objects; `account` is the ad account it is about, where it is about one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which rows are meant; None means any. `accounts` is the scope of whoever asks."""

    accounts: Scope
    actor: str | None = None
    action: str | None = None
    target: str | None = None
    below: int | None = None


async def add(connection: AsyncConnection, **values: object) -> None:
    await connection.execute(insert(audit).values(**values))


async def listed(connection: AsyncConnection, wanted: Wanted, most: int) -> Sequence[Any]:
    """The newest first."""
    a = audit.c
    statement = select(
        a.id, epoch(a.at).label("at"), a.actor, a.door, a.action, a.target, a.account, a.reason, a.before, a.after
    ).where(seen(a.account, wanted.accounts))
    for column, value in ((a.actor, wanted.actor), (a.action, wanted.action), (a.target, wanted.target)):
        if value is not None:
            statement = statement.where(column == value)
    if wanted.below is not None:
        statement = statement.where(a.id < wanted.below)
    return (await connection.execute(statement.order_by(a.id.desc()).limit(most))).all()
