"""Changes that come over HTTP: each line looked at with the functions the road uses, then all of them in one transaction.

All or nothing: any bad line refuses the request and is named, unless whoever asks takes the good ones for themselves.
Nothing touches a disk, for a line may hold a plain address; what is kept in memory is the lines as they came.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.access import By, Person
from syncd.domain.change import Action, Changes, Kind, adds
from syncd.errors import Rejected
from syncd.operations import audit
from syncd.operations.audit import Deed
from syncd.operations.feeding import ROWS_AT_ONCE, chunks, holds_nul
from syncd.operations.shapes import said
from syncd.pipeline.intake import prepared
from syncd.settings import Settings
from syncd.store import controls, reports
from syncd.store.controls import Row
from syncd.store.engine import Database

MOST_LINES: Final = 100_000
LONGEST_LINE: Final = 65_536
_AT_ONCE: Final = 1_000


class Posted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """One change, as a row of the outbox."""

    segment: str
    action: Action
    payload: dict[str, Any] = {}
    subject_id: str | None = None

    def __repr__(self) -> str:
        return "Posted(…)"


@dataclass(frozen=True, slots=True)
class Bad:
    """A line that cannot be taken, and why; never what stands in it."""

    line: int
    detail: str


@dataclass(slots=True)
class Verdict:
    """Every bad line is in it, in their order."""

    good: int = 0
    bad: list[Bad] = field(default_factory=list)
    by_segment: Counter[str] = field(default_factory=Counter)


class BadLines(Rejected):
    """Some lines cannot be taken, so none was."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(
            f"nothing was taken: {len(verdict.bad):,} of {verdict.good + len(verdict.bad):,} lines are bad"
        )
        self.verdict = verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The segments a person may send to, and what each holds."""

    kinds: Mapping[str, Kind]
    accounts: Mapping[str, str]


async def known(database: Database, person: Person) -> Known:
    async with database.read() as connection:
        found = [row for row in await reports.segment_rows(connection) if not row.takes_lists]
    mine = [row for row in found if person.sees(row.account)]
    return Known(kinds={row.key: Kind(row.kind) for row in mine}, accounts={row.key: row.account for row in mine})


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """`partial` takes the good lines where some are bad."""

    by: By
    known: Known
    partial: bool = False


async def post(database: Database, settings: Settings, lines: Sequence[bytes], order: Order) -> Verdict:
    """Takes them all, or raises BadLines. Blank lines are none."""
    poster = _Poster(lines, order.known, allow_names_only=settings.users.allow_names_only)
    verdict = await poster.survey()
    if verdict.bad and not order.partial:
        raise BadLines(verdict)
    if verdict.good:
        await database.transact(lambda connection: poster.write(connection, verdict, order.by))
    return verdict


class _Poster:
    """The lines of one request, read twice: once to judge, once to write."""

    def __init__(self, lines: Sequence[bytes], known: Known, *, allow_names_only: bool) -> None:
        self._lines: Final = lines
        self._known: Final = known
        self._allow_names_only: Final = allow_names_only
        self._refused: Final[set[int]] = set()

    async def survey(self) -> Verdict:
        verdict = Verdict()
        for start in range(0, len(self._lines), _AT_ONCE):
            self._judge(start, verdict)
            await asyncio.sleep(0)  # others are served meanwhile
        verdict.bad.sort(key=lambda one: one.line)
        return verdict

    def _judge(self, start: int, verdict: Verdict) -> None:
        """Some lines, those of a segment together, for the road judges by kind."""
        rows: dict[str, list[tuple[int, bool | None, str | None, str, int]]] = {}
        for number, line in enumerate(self._lines[start : start + _AT_ONCE], start + 1):
            if not line.strip():
                self._refused.add(number)
                continue
            problem, posted = self._read(line)
            if posted is None:
                self._refuse(verdict, number, problem)
                continue
            row = (number, adds(posted.action), posted.subject_id, _encode(posted.payload).decode(), 0)
            rows.setdefault(posted.segment, []).append(row)
        for segment, some in rows.items():
            kind = self._known.kinds[segment]
            _rows, deaths = prepared(Changes.of(some), kind, epoch=0, allow_names_only=self._allow_names_only)
            for death in deaths:
                self._refuse(verdict, death.row, death.detail)
            verdict.good += len(some) - len(deaths)
            verdict.by_segment[segment] += len(some) - len(deaths)

    def _refuse(self, verdict: Verdict, line: int, detail: str) -> None:
        self._refused.add(line)
        verdict.bad.append(Bad(line, detail))

    def _read(self, line: bytes) -> tuple[str, Posted | None]:
        if len(line) > LONGEST_LINE:
            return f"is longer than {LONGEST_LINE:,} bytes", None
        try:
            posted = _decode(line)
        except msgspec.ValidationError as problem:
            return said(problem), None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return "is not a JSON object", None
        if posted.segment not in self._known.kinds:
            return "names a segment that does not exist", None
        if holds_nul(posted.payload) or holds_nul(posted.subject_id):
            return "holds a NUL character, which the outbox cannot keep", None
        return "", posted

    async def write(self, connection: AsyncConnection, verdict: Verdict, by: By) -> None:
        if verdict.good > ROWS_AT_ONCE:
            await controls.lock_all_slots(connection)
        for chunk in chunks(self._rows()):
            await controls.enqueue(connection, chunk)
        for segment, rows in sorted(verdict.by_segment.items()):
            deed = Deed(
                action="changes.enqueue", target=segment, account=self._known.accounts[segment], after={"rows": rows}
            )
            await audit.record(connection, by, deed)

    def _rows(self) -> Iterator[Row]:
        for number, line in enumerate(self._lines, 1):
            if number not in self._refused:
                posted = _decode(line)
                yield Row(
                    segment=posted.segment,
                    action=posted.action.value,
                    subject=posted.subject_id,
                    payload=_encode(posted.payload).decode(),
                )


_decode: Final = msgspec.json.Decoder(Posted).decode
_encode: Final = msgspec.json.Encoder().encode
