"""Taking people out of plans and uploaded files: what an erasure does where a resync is under way."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Table, case, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.batch import unpack_sent
from syncd.domain.erasing import is_theirs, names
from syncd.domain.resync import Mode
from syncd.store.plans import FilePart, files, items, lines, pack_part, part, resyncs, unpack_part
from syncd.store.tables import ledger

_PAGE: Final = 5_000


async def forget_identities(
    connection: AsyncConnection,
    segment_ids: Collection[int],
    identities: Collection[bytes],
    called: Collection[str] = (),
) -> None:
    """Takes people out of every plan and every uploaded file of some segments; `called` are their subjects. What was
    reached of a plan stays reached.
    """
    whom = _Whom(identities, called)
    wanted = select(resyncs.c.id, resyncs.c.segment_id, resyncs.c.position, resyncs.c.subject_position)
    for resync, segment, position, subject in (
        await connection.execute(wanted.where(resyncs.c.segment_id.in_(segment_ids)))
    ).all():
        await _leave(connection, items, resync, lambda row: whom.owns(row.identity, row.sent))
        left = await _leave(
            connection, lines, resync, lambda row: whom.owns(row.identity) or whom.is_called(row.subject)
        )
        await _leave_files(connection, resync, whom)
        stepped: dict[str, Any] = {}
        if whom.owns(position):
            stepped["position"] = _before(segment, resync, position)
        if subject in left or whom.is_called(subject):
            stepped["subject_position"] = _last(lines.c.subject, lines.c.resync_id == resync, lines.c.subject < subject)
        if stepped:
            await connection.execute(update(resyncs).where(resyncs.c.id == resync).values(**stepped))


@dataclass(frozen=True, slots=True)
class _Whom:
    identities: Collection[bytes] = field(repr=False)
    called: Collection[str] = field(repr=False)

    def owns(self, identity: bytes | None, sent: bytes | None = None) -> bool:
        if identity is None:
            return False
        return identity in self.identities or is_theirs((identity, *unpack_sent(sent).ids), self.identities)

    def is_called(self, subject: str | None) -> bool:
        return subject is not None and (subject in self.called or names(subject, self.identities))


def _before(segment: int, resync: int, position: bytes) -> Any:
    """The last place before another: of a plan, or of the ledger where that is the plan. Nothing is left between the two."""
    entry = ledger.c
    planned = _last(items.c.identity, items.c.resync_id == resync, items.c.identity < position)
    held = _last(entry.identity, entry.segment_id == segment, entry.present, entry.identity < position)
    return case((resyncs.c.mode == Mode.REPLAY, held), else_=planned)


def _last(column: Column[Any], *where: ColumnElement[bool]) -> Any:
    return select(column).where(*where).order_by(column.desc()).limit(1).scalar_subquery()


async def _leave(connection: AsyncConnection, table: Table, resync: int, theirs: Callable[[Any], bool]) -> set[Any]:
    """Their rows go; the keys of those. Packed columns are compared here: no database looks into them."""
    key = next(column for column in table.primary_key.columns if column.name != "resync_id")
    left: set[Any] = set()
    last: Any = None
    while True:
        page = select(table).where(table.c.resync_id == resync).order_by(key).limit(_PAGE)
        rows = (await connection.execute(page if last is None else page.where(key > last))).all()
        gone = [getattr(row, key.name) for row in rows if theirs(row)]
        if gone:
            await connection.execute(delete(table).where(table.c.resync_id == resync, key.in_(gone)))
            left.update(gone)
        if len(rows) < _PAGE:
            return left
        last = getattr(rows[-1], key.name)


async def _leave_files(connection: AsyncConnection, resync: int, whom: _Whom) -> None:
    """Somebody else who stands beside a subject of theirs stays, without it: whoever is not in a file is removed."""
    for place in list((await connection.execute(select(files.c.place).where(files.c.resync_id == resync))).scalars()):
        body = await part(connection, resync, place)
        if body is None:
            continue
        known = unpack_part(body)
        left = [
            (identity, sent, None if whom.is_called(subject) else subject)
            for identity, sent, subject in known.rows
            if not whom.owns(identity, sent)
        ]
        if left != known.rows:
            changed = update(files).where(files.c.resync_id == resync, files.c.place == place)
            await connection.execute(changed.values(body=pack_part(FilePart(known.names_subjects, left))))
