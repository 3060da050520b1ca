"""What has ended and was kept long enough goes, some thousands of rows at a time (`docs/privacy.md` lists every table).

Tombstones and horizons have a road of their own (`source.prune`), looks leave as new ones come.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Table, and_, delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.store import sessions
from syncd.store.alerts import alerts, notifications
from syncd.store.audit import audit
from syncd.store.erasures import erasure_places, erasures
from syncd.store.people import api_tokens
from syncd.store.plans import files, items, lines, resyncs
from syncd.store.tables import batches, dead_letters, insights, later, transitions

_AT_ONCE: Final = 5_000
DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Days by what is kept."""

    batches: int
    dead_letters: int
    transitions: int
    insights: int
    erasures: int
    alerts: int
    audit: int
    api_tokens: int
    resyncs: int


@dataclass(frozen=True, slots=True)
class _Rule:
    """Rows of a table that may go, and the days they are kept. `by_age`: ids grow with age, so only the lowest are looked
    at, however large the table is.
    """

    table: Table
    over: Callable[[Kept], ColumnElement[bool]]
    by_age: bool = False


def _before(days: int) -> ColumnElement[float]:
    return later(-days * DAY)


def _of_ended(table: Table) -> _Rule:
    ended = select(resyncs.c.id).where(resyncs.c.ended_at.is_not(None))
    return _Rule(table, lambda _: table.c.resync_id.in_(ended))


_newest = transitions.alias("newest")
_RULES: Final = (
    _Rule(
        batches,
        lambda kept: and_(
            ~batches.c.open, func.coalesce(batches.c.closed_at, batches.c.created_at) < _before(kept.batches)
        ),
        by_age=True,
    ),
    _Rule(
        dead_letters,
        lambda kept: and_(
            dead_letters.c.created_at < _before(kept.dead_letters),
            ~dead_letters.c.retry,
            ~select(batches.c.id).where(batches.c.id == dead_letters.c.batch_id).exists(),
        ),
    ),
    _Rule(
        transitions,
        lambda kept: and_(
            transitions.c.at < _before(kept.transitions),
            transitions.c.id
            < select(func.max(_newest.c.id)).where(_newest.c.segment_id == transitions.c.segment_id).scalar_subquery(),
        ),
        by_age=True,
    ),
    _Rule(insights, lambda kept: insights.c.at < _before(kept.insights)),
    _Rule(erasures, lambda kept: erasures.c.finished_at < _before(kept.erasures)),
    _Rule(
        erasure_places,
        lambda _: ~select(erasures.c.id).where(erasures.c.id == erasure_places.c.erasure_id).exists(),
    ),
    _Rule(notifications, lambda kept: notifications.c.at < _before(kept.alerts), by_age=True),
    _Rule(
        alerts,
        lambda kept: and_(
            alerts.c.healed_at < _before(kept.alerts),
            ~select(notifications.c.id).where(notifications.c.alert_id == alerts.c.id).exists(),
        ),
    ),
    _Rule(audit, lambda kept: audit.c.at < _before(kept.audit), by_age=True),
    _Rule(
        api_tokens,
        lambda kept: or_(
            api_tokens.c.ends_at < _before(kept.api_tokens), api_tokens.c.revoked_at < _before(kept.api_tokens)
        ),
    ),
    *map(_of_ended, (items, lines, files)),
    _Rule(
        resyncs,
        lambda kept: and_(
            resyncs.c.ended_at < _before(kept.resyncs),
            *(
                ~select(part.c.resync_id).where(part.c.resync_id == resyncs.c.id).exists()
                for part in (items, lines, files)
            ),
        ),
        by_age=True,
    ),
)


async def expire(connection: AsyncConnection, kept: Kept) -> dict[str, int]:
    """Deletes at most some thousands of rows of each table; how many, by table. To be called until nothing is left."""
    await sessions.prune(connection)
    gone: dict[str, int] = {}
    for rule in _RULES:
        count = await _delete(connection, rule, kept)
        if count:
            gone[rule.table.name] = count
    return gone


async def _delete(connection: AsyncConnection, rule: _Rule, kept: Kept) -> int:
    keys = list(rule.table.primary_key.columns)
    looked_at = rule.over(kept)
    if rule.by_age:
        looked_at = and_(looked_at, keys[0].in_(select(keys[0]).order_by(keys[0]).limit(_AT_ONCE)))
    doomed = select(*keys).where(looked_at).limit(_AT_ONCE).cte("doomed")
    ours = select(doomed.c[keys[0].name]).where(*(doomed.c[key.name] == key for key in keys)).exists()
    gone = delete(rule.table).where(ours).returning(keys[0])
    return len((await connection.execute(gone)).all())
