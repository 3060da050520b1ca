"""Imports: a whole file becomes outbox rows in one transaction, or none of it does.

The file is read twice. The first pass looks at every line with the functions the road uses and writes nothing; the
second writes. Memory does not grow with the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.access import COMMAND_LINE, By
from syncd.domain.change import Action, Changes, Kind, Reason, adds
from syncd.errors import Rejected
from syncd.operations import audit
from syncd.operations.audit import Deed
from syncd.operations.feeding import ROWS_AT_ONCE, chunks, kind_of
from syncd.operations.importfiles import Format, Progress, Record, open_records
from syncd.pipeline.intake import prepared
from syncd.settings import Settings
from syncd.store import controls
from syncd.store.controls import Row
from syncd.store.engine import Database

_CHUNK: Final = 1_000
_LISTED: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to import and how."""

    path: Path
    segment: str
    action: Action = Action.ADD
    subject_column: str | None = None
    mapping: dict[str, str] = field(default_factory=dict)
    delimiter: str = ","


@dataclass(frozen=True, slots=True)
class Reject:
    """A line that cannot be sent, and why; never what stands in it."""

    line: int
    reason: str
    detail: str


@dataclass(slots=True, kw_only=True)
class Survey:
    """What the first pass found; of the rejects the first thousand are listed, and all are counted."""

    rows: int = 0
    rejected: int = 0
    rejects: list[Reject] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    ignored_columns: tuple[str, ...] = ()

    def note(self, record: Record, reason: str, detail: str) -> None:
        self.rejected += 1
        self.reasons[reason] += 1
        if len(self.rejects) < _LISTED:
            self.rejects.append(Reject(record.line, reason, detail))


class Importer:
    """One import of one file, which stays open between the passes."""

    def __init__(self, order: Order, kind: Kind, *, allow_names_only: bool, file: IO[bytes]) -> None:
        self._order = order
        self._kind = kind
        self._allow_names_only = allow_names_only
        self._file = file
        self._format = Format(
            kind=kind,
            subject_column=order.subject_column,
            mapping=order.mapping,
            delimiter=order.delimiter,
            identified_by_subject=order.action is Action.REMOVE and order.subject_column is not None,
        )

    def survey(self, progress: Progress) -> Survey:
        """The first pass: looks at every line. `progress` is told the bytes read."""
        opened = open_records(self._file, self._order.path, self._format)
        survey = Survey(ignored_columns=opened.ignored)
        for records, rejects in self._judged(opened.records):
            survey.rows += len(records) - len(rejects)
            for record in records:
                if record.line in rejects:
                    survey.note(record, *rejects[record.line])
            progress(self._file.tell())
        return survey

    async def write(self, database: Database, survey: Survey, progress: Progress, *, by: By = COMMAND_LINE) -> int:
        """The second pass: all good lines, in one transaction."""

        async def work(connection: AsyncConnection) -> int:
            if survey.rows > ROWS_AT_ONCE:
                await controls.lock_all_slots(connection)
            written = 0
            for chunk in chunks(self._rows(judge=survey.rejected > 0)):
                await controls.enqueue(connection, chunk)
                written += len(chunk)
                progress(self._file.tell())
            if written != survey.rows:
                raise Rejected(f"{self._order.path}: changed while it was read; nothing was imported")
            after = {"action": self._order.action, "rows": written, "rejected": survey.rejected}
            await audit.record(connection, by, Deed(action="changes.import", target=self._order.segment, after=after))
            return written

        return await database.transact(work)

    def _rows(self, *, judge: bool) -> Iterator[Row]:
        order = self._order
        records = open_records(self._file, order.path, self._format).records
        good = self._good(records) if judge else records
        for record in good:
            yield Row(segment=order.segment, action=order.action, subject=record.subject, payload=record.payload)

    def _good(self, records: Iterator[Record]) -> Iterator[Record]:
        for some, rejects in self._judged(records):
            yield from (record for record in some if record.line not in rejects)

    def _judged(self, records: Iterator[Record]) -> Iterator[tuple[list[Record], dict[int, tuple[str, str]]]]:
        """Records by the thousand, with the lines among them that cannot be sent: why, in one word and in many."""
        while some := list(islice(records, _CHUNK)):
            rejects = {
                record.line: (Reason.BAD_PAYLOAD.value, record.problem) for record in some if record.problem is not None
            }
            joins = adds(self._order.action)
            changes = Changes.of(
                (record.line, joins, record.subject, record.payload, 0) for record in some if record.problem is None
            )
            _rows, deaths = prepared(changes, self._kind, epoch=0, allow_names_only=self._allow_names_only)
            rejects |= {death.row: (death.reason.value, death.detail) for death in deaths}
            yield some, rejects


async def importer(database: Database, settings: Settings, order: Order, file: IO[bytes]) -> Importer:
    """Raises Rejected for a segment nobody knows."""
    kind = await kind_of(database, settings, order.segment)
    return Importer(order, kind, allow_names_only=settings.users.allow_names_only, file=file)
