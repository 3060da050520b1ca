"""What became of one segment so far: its statuses, its counts over half a year, the road of its rows, its batches."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Any, Final

from syncd.domain.course import Look
from syncd.errors import Absent
from syncd.operations.moments import moment
from syncd.operations.segments import unknown
from syncd.store import looks, panorama, reports
from syncd.store.engine import Database
from syncd.store.panorama import Funnel

__all__ = ["BatchLine", "Funnel", "Spell", "Story", "of"]

_TRANSITIONS: Final = 60
_BATCHES: Final = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """A time in one status; `end` is None for the one that lasts. `documented` says whether LinkedIn knows the change that
    led to it.
    """

    status: str
    start: datetime
    end: datetime | None
    documented: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLine:
    """One batch; `support_id` is LinkedIn's, which its support asks for."""

    id: int
    kind: str
    open: bool
    elements: int
    accepted: int
    refused: int
    dropped: int
    attempts: int
    words: str
    support_id: str
    created_at: datetime | None
    closed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """Spells and looks oldest first, batches newest first."""

    key: str
    name: str
    account: str
    member: str
    declared: bool
    order: str | None
    dmp_id: int | None
    ad_segment: str | None
    input_count: int | None
    matched_count: int | None
    spells: tuple[Spell, ...]
    looks: tuple[Look, ...]
    funnel: Funnel
    batches: tuple[BatchLine, ...]


async def of(database: Database, key: str, accounts: Collection[str] | None = None) -> Story:
    """Raises Absent for a segment that is not known, or whose ad account is none of `accounts`."""
    async with database.read() as connection:
        found = await reports.segment_rows(connection, key)
        if not found or (accounts is not None and found[0].account not in accounts):
            raise await unknown(connection, key) if accounts is None else Absent(f"there is no segment {key}")
        row = found[0]
        moves = await reports.transitions_of(connection, row.id, _TRANSITIONS)
        seen = await panorama.looks_since(connection, looks.KEPT, [row.id])
        return Story(
            key=row.key,
            name=row.name,
            account=row.account,
            member=row.member,
            declared=row.declared,
            order=row.order_given,
            dmp_id=row.dmp_id,
            ad_segment=row.ad_segment,
            input_count=row.input_count,
            matched_count=row.matched_count,
            spells=_spells(list(reversed(moves))),
            looks=(*seen.get(row.id, []), *_present(row)),
            funnel=await panorama.funnel(connection, row.id),
            batches=tuple(map(_batch, await panorama.newest_batches(connection, row.id, _BATCHES))),
        )


def _present(row: Any) -> list[Look]:
    """What LinkedIn says now, which the history notes only when it has changed."""
    if not row.status:
        return []
    return [
        Look(
            at=row.moment,
            status=row.status,
            input_count=row.input_count,
            matched_count=row.matched_count,
            audience_size=row.audience_size,
        )
    ]


def _spells(moves: list[Any]) -> tuple[Spell, ...]:
    """Each status from the change that led to it until the next change."""
    return tuple(
        Spell(
            status=move.to_status,
            start=start,
            end=moment(following.at) if following else None,
            documented=move.documented,
        )
        for move, following in zip_longest(moves, moves[1:])
        if (start := moment(move.at)) is not None
    )


def _batch(row: Any) -> BatchLine:
    return BatchLine(
        id=row.id,
        kind=row.kind,
        open=row.open,
        elements=row.elements,
        accepted=row.accepted,
        refused=row.refused,
        dropped=row.dropped,
        attempts=row.attempts,
        words=row.words,
        support_id=row.uuid,
        created_at=moment(row.created_at),
        closed_at=moment(row.closed_at),
    )
