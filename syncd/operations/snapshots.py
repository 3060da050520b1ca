"""A file that says who was in a segment at some time, as the source of a reconcile: hashed while it is read.

Whoever changed since that time is left as the change left them; so the file must be younger than the memory of changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import IO, Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.access import COMMAND_LINE, By
from syncd.domain.batch import unpack_sent
from syncd.domain.change import Reason
from syncd.domain.resync import SHELF_LIFE, Mode, Origin, State
from syncd.domain.segment import Segment
from syncd.errors import Clashing, Rejected, SyncdError
from syncd.operations import audit, resyncs
from syncd.operations.importfiles import Format, Record, open_records
from syncd.operations.persons import key_if_any
from syncd.operations.resyncs import ResyncReport
from syncd.pipeline.suppress import Suppression
from syncd.reconcile.sources import Chunk, Form
from syncd.settings import Settings
from syncd.store import plans
from syncd.store import resyncs as rows
from syncd.store.engine import Database
from syncd.store.plans import FilePart, pack_part

_AT_ONCE: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """How a file is to be read: `name` ends in .csv, .ndjson or .jsonl; `as_of` is the time it speaks of, in seconds since
    1970.
    """

    name: Path
    as_of: float
    subject_column: str | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    delimiter: str = ","


async def preview(
    database: Database, settings: Settings, key: str, snapshot: Snapshot, file: IO[bytes], *, by: By = COMMAND_LINE
) -> ResyncReport:
    """Takes the file in; the segment's owner then plans it like any reconcile. Raises Rejected, and leaves nothing: a file
    that does not even begin like one takes no other plan's place.
    """
    async with database.read() as connection:
        kind = (await _ready(connection, key, snapshot)).kind
    given = Format(
        kind=kind,
        subject_column=snapshot.subject_column,
        mapping=snapshot.mapping,
        delimiter=snapshot.delimiter,
    )
    records = (await asyncio.to_thread(open_records, file, snapshot.name, given)).records

    async def work(connection: AsyncConnection) -> tuple[int, Form]:
        segment = await _ready(connection, key, snapshot)
        number = await rows.ask(
            connection,
            segment.id,
            Mode.RECONCILE,
            Origin.FILE,
            by=by.name,
            reason=by.reason,
            state=State.UPLOADING,
            as_of=snapshot.as_of,
        )
        deed = resyncs.deed("resync.preview", segment, number, mode=Mode.RECONCILE)
        await audit.record(
            connection, replace(by, claim=None), deed
        )  # whoever repeats it sends a file that broke off again
        return number, Form(kind=segment.kind, allow_names_only=settings.users.allow_names_only)

    number, form = await database.transact(work)
    try:
        into = _Into(database, number, key, form, Suppression(key_if_any(settings)))
        await _taken_in(into, records, by, names_subjects=snapshot.subject_column is not None)
    except SyncdError as problem:
        words = str(problem)
        await database.transact(lambda connection: rows.end(connection, number, State.FAILED, words))
        raise
    return await resyncs.show(database, settings, number)


async def _ready(connection: AsyncConnection, key: str, snapshot: Snapshot) -> Segment:
    segment = await resyncs.ready(connection, key, Mode.RECONCILE)
    age = await rows.age_of(connection, snapshot.as_of)
    if not 0 <= age <= SHELF_LIFE:
        raise Rejected("a snapshot must speak of a time within the last 24 hours: changes before that are forgotten")
    return segment


@dataclass(frozen=True, slots=True)
class _Into:
    """Where a file is taken in: the resync of a segment, what its rows become, and who must not be among them."""

    database: Database
    number: int
    key: str
    form: Form
    suppression: Suppression

    async def sift(self, chunk: Chunk) -> None:
        """Leaves out whoever is suppressed; they are counted."""
        people = (((identity, *unpack_sent(sent).ids), subject) for identity, sent, subject in chunk.rows)
        async with self.database.read() as connection:
            barred = await self.suppression.named(connection, self.key, people)
        if barred:
            chunk.rejected[Reason.SUPPRESSED.value] += len(barred)
            chunk.rows = [row for place, row in enumerate(chunk.rows) if place not in barred]


async def _taken_in(into: _Into, records: Iterator[Record], by: By, *, names_subjects: bool) -> None:
    rejected: dict[str, int] = {}
    place = 0
    while True:
        chunk = await asyncio.to_thread(_chunk, records, into.form)
        if chunk is None and place:
            break
        found = chunk if chunk is not None else Chunk()
        await into.sift(found)
        for reason, count in found.rejected.items():
            rejected[reason] = rejected.get(reason, 0) + count
        body = pack_part(FilePart(names_subjects, found.rows))
        await _kept(into, place, body)
        place += 1
    values = {"state": State.PLANNING, "rejected": msgspec.json.encode(rejected).decode()}

    async def work(connection: AsyncConnection) -> None:
        if not await rows.change(connection, into.number, **values):
            raise _replaced(into.number)
        await audit.mark(connection, by)

    await into.database.transact(work)


async def _kept(into: _Into, place: int, body: bytes) -> None:
    async def work(connection: AsyncConnection) -> None:
        if not await rows.change(connection, into.number, words=""):
            raise _replaced(into.number)
        await plans.upload(connection, into.number, place, body)

    await into.database.transact(work)


def _replaced(number: int) -> Clashing:
    return Clashing(f"resync {number} was cancelled, or another took its place, while its file was read")


def _chunk(records: Iterator[Record], form: Form) -> Chunk | None:
    """The next people or companies of the file; None at its end."""
    some = list(islice(records, _AT_ONCE))
    if not some:
        return None
    chunk = Chunk()
    for record in some:
        if record.problem is not None:
            chunk.rejected[Reason.BAD_PAYLOAD.value] += 1
        else:
            chunk.add(record.payload, record.subject, form)
    return chunk
