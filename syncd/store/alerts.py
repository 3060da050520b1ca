"""Alerts: one row from the moment something wants a person until it has healed, and a row for each notification about it.

That an alert stands is a unique row, and its notifications are written with it: so each is told once, whatever restarts
and however many replicas look.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    Table,
    Text,
    and_,
    bindparam,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.alerts import GOOD_NEWS, Condition
from syncd.store.tables import MEMBERS, at, big_id, dead_letters, epoch, later, metadata, now, segments

RAISED: Final = "raised"
WORSE: Final = "worse"
HEALED: Final = "healed"
_CLAIMED: Final = 120.0
"""Seconds for which a notification is one replica's to send."""
_STANDING: Final = text("healed_at is null")
_UNSENT: Final = text("sent_at is null")

alerts = Table(
    "alerts",
    metadata,
    big_id(),
    Column("scope", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("about", Text, nullable=False),
    Column("words", Text, nullable=False),
    Column("level", Integer, nullable=False),
    at("since"),
    at("healed_at", nullable=True),
    Index("alerts_standing", "kind", "about", unique=True, postgresql_where=_STANDING, sqlite_where=_STANDING),
)
"""`scope` is the member whose owner looks, empty for what is everybody's."""

notifications = Table(
    "notifications",
    metadata,
    big_id(),
    Column("alert_id", BigInteger, nullable=False),
    Column("event", Text, nullable=False),
    at("at"),
    at("due_at"),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    at("sent_at", nullable=True),
    Column("failure", Text, nullable=False, server_default=text("''")),
    Index("notifications_due", "due_at", postgresql_where=_UNSENT, sqlite_where=_UNSENT),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An alert that was raised, got worse or healed."""

    alert: int
    event: str
    kind: str
    about: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """What is to be told; times are seconds since 1970."""

    id: int
    event: str
    kind: str
    about: str
    words: str
    since: float
    at: float
    attempts: int


_STANDS: Final = select(alerts.c.scope, alerts.c.id, alerts.c.kind, alerts.c.about, alerts.c.level).where(
    alerts.c.scope.in_(bindparam("scopes", type_=Text, expanding=True)), alerts.c.healed_at.is_(None)
)
_Key = tuple[str, str]


async def _standing(connection: AsyncConnection, scopes: Collection[str]) -> dict[str, dict[_Key, tuple[int, int]]]:
    """Number and level of each alert that stands, by scope, kind and what it is about."""
    found: dict[str, dict[_Key, tuple[int, int]]] = {scope: {} for scope in scopes}
    for row in await connection.execute(_STANDS, {"scopes": list(scopes)}):
        found[row.scope][row.kind, row.about] = row.id, row.level
    return found


def _difference(
    standing: Mapping[_Key, tuple[int, int]], conditions: Collection[Condition]
) -> tuple[list[int], list[Condition]]:
    """What is over, and what is new or worse than it was."""
    wanted = {(one.kind.value, one.about): one for one in conditions}
    over = [number for key, (number, _) in standing.items() if key not in wanted]
    return over, [one for key, one in wanted.items() if key not in standing or standing[key][1] < one.level]


async def differ(connection: AsyncConnection, wanted: Mapping[str, Collection[Condition]]) -> bool:
    """Whether in any scope something else stands than what is so."""
    standing = await _standing(connection, wanted)
    return any(any(_difference(standing[scope], conditions)) for scope, conditions in wanted.items())


async def compare(
    connection: AsyncConnection, scope: str, conditions: Collection[Condition], *, tell: bool
) -> list[Change]:
    """Raises what is new, and heals what is over, within a scope; `tell` says whether somebody listens."""
    over, new = _difference((await _standing(connection, [scope]))[scope], conditions)
    changes = await _healed(connection, over)
    for condition in new:
        changes += await _raised(connection, scope, condition)
    told = [change for change in changes if not (change.event == HEALED and change.kind in GOOD_NEWS)]
    if tell and told:
        made = [{"alert_id": change.alert, "event": change.event} for change in told]
        await connection.execute(insert(notifications).values(at=now(), due_at=now()), made)
    return told


async def _healed(connection: AsyncConnection, numbers: Sequence[int]) -> list[Change]:
    if not numbers:
        return []
    a = alerts.c
    over = update(alerts).where(a.id.in_(numbers), a.healed_at.is_(None)).values(healed_at=now())
    rows = await connection.execute(over.returning(a.id, a.kind, a.about, a.words))
    return [Change(alert=row.id, event=HEALED, kind=row.kind, about=row.about, words=row.words) for row in rows]


async def _raised(connection: AsyncConnection, scope: str, condition: Condition) -> list[Change]:
    a = alerts.c
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    values = {
        "scope": scope,
        "kind": condition.kind.value,
        "about": condition.about,
        "words": condition.words,
        "level": condition.level,
    }
    made = dialect.insert(alerts).values(since=now(), **values)
    new = made.on_conflict_do_nothing(index_elements=["kind", "about"], index_where=_STANDING).returning(a.id)
    number = (await connection.execute(new)).scalar_one_or_none()
    event = RAISED
    if number is None:
        event = WORSE
        mine = and_(a.kind == condition.kind.value, a.about == condition.about, a.healed_at.is_(None))
        worse = update(alerts).where(mine, a.level < condition.level)
        raised = worse.values(level=condition.level, words=condition.words, scope=scope).returning(a.id)
        number = (await connection.execute(raised)).scalar_one_or_none()
    if number is None:
        return []
    return [Change(alert=number, event=event, kind=condition.kind.value, about=condition.about, words=condition.words)]


_BEYOND: Final = (
    select(dead_letters.c.id)
    .where(dead_letters.c.segment_id == segments.c.id, dead_letters.c.reason != "suppressed")
    .order_by(dead_letters.c.id)
    .offset(bindparam("most"))
    .limit(1)
    .scalar_subquery()
)
_CROWDED: Final = select(segments.c.id).where(segments.c.member.in_(MEMBERS), _BEYOND.is_not(None))


async def crowded(connection: AsyncConnection, member: str, most: int) -> set[int]:
    """Those of a member's segments that have more than so many dead letters; those that somebody wanted dead do not count."""
    return set((await connection.execute(_CROWDED, {"members": [member], "most": most})).scalars())


async def claim(connection: AsyncConnection) -> Notification | None:
    """The next notification that is due, this replica's to send for a while."""
    n, a = notifications.c, alerts.c
    first = (
        select(n.id)
        .where(n.sent_at.is_(None), n.due_at <= now())
        .order_by(n.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    taken = update(notifications).where(n.id == first.scalar_subquery())
    number = (
        await connection.execute(taken.values(due_at=later(_CLAIMED), attempts=n.attempts + 1).returning(n.id))
    ).scalar_one_or_none()
    if number is None:
        return None
    columns = (
        n.id,
        n.event,
        a.kind,
        a.about,
        a.words,
        epoch(a.since).label("since"),
        epoch(n.at).label("at"),
        n.attempts,
    )
    joined = notifications.join(alerts, a.id == n.alert_id)
    row = (await connection.execute(select(*columns).select_from(joined).where(n.id == number))).one()
    return Notification(**row._mapping)  # noqa: SLF001 - SQLAlchemy's name for a row as a mapping


async def sent(connection: AsyncConnection, number: int) -> None:
    await connection.execute(
        update(notifications).where(notifications.c.id == number).values(sent_at=now(), failure="")
    )


async def failed(connection: AsyncConnection, number: int, words: str, wait: float) -> None:
    """It goes again after `wait` seconds."""
    values = {"failure": words[:200], "due_at": later(wait)}
    await connection.execute(update(notifications).where(notifications.c.id == number).values(values))
