"""A CSV file as LinkedIn takes it for a list: read once, hashed on the way, judged row by row and as a whole.

No plain address outlives its line. What is wrong with the file is Rejected in one sentence that never holds a value.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from syncd.domain.change import Kind
from syncd.domain.identity import Invalid
from syncd.domain.listrow import FEWEST_ROWS, MOST_BYTES, MOST_ROWS, TEMPLATES, kind_of, listed
from syncd.errors import Rejected
from syncd.operations.importfiles import Progress, csv_rows, text_of

_TOLD_EVERY: Final = 1_000
_SHOWN: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFile:
    """A list ready to be uploaded; `repeated` of its rows stand in it before, `skipped` ones cannot be sent, by reason."""

    kind: Kind
    rows: int
    repeated: int
    skipped: dict[str, int]
    body: bytes


def read(file: IO[bytes], path: Path, *, allow_names_only: bool, skip_rejects: bool, progress: Progress) -> ListFile:
    """Raises Rejected for a file that is no list, is too short, too long or too large, or has rows that cannot be sent."""
    text = text_of(file, path)
    try:
        rows = csv_rows(text, path, ",")
        kind, header = _header(rows, path)
        body, taken, distinct, rejects = _hashed(
            _named(rows, header, path), kind, header, allow_names_only, lambda: progress(file.tell())
        )
    finally:
        text.detach()
    if taken > MOST_ROWS:
        raise Rejected(f"{path}: has more than {MOST_ROWS:,} rows, the most a list may have: split it")
    if rejects.found and not skip_rejects:
        raise Rejected(f"{path}: {rejects.told(taken)}")
    repeated = taken - distinct
    if distinct < FEWEST_ROWS:
        less = f", {repeated:,} of them repeated" if repeated else ""
        raise Rejected(f"{path}: has {taken:,} rows that can be sent{less}; a list needs {FEWEST_ROWS} different ones")
    if len(body) > MOST_BYTES:
        raise Rejected(f"{path}: comes to {len(body) / 1_048_576:.1f} MB once hashed; a list may have 20 MB: split it")
    return ListFile(kind=kind, rows=taken, repeated=repeated, skipped=dict(rejects.reasons), body=body)


def _header(rows: Iterator[tuple[int, list[str]]], path: Path) -> tuple[Kind, list[str]]:
    first = next(rows, None)
    if first is None:
        raise Rejected(f"{path}: is empty; its first line must name the columns")
    kind = kind_of(first[1])
    if not isinstance(kind, Kind):
        raise Rejected(f"{path}: {kind}")
    return kind, [name.strip().lower() for name in first[1]]


def _hashed(
    rows: Iterable[tuple[int, dict[str, str]]],
    kind: Kind,
    header: list[str],
    allow_names_only: bool,
    progress: Callable[[], None],
) -> tuple[bytes, int, int, _Rejects]:
    """The file as it is uploaded, in the order of the template, with how many rows it has and how many different ones;
    it ends at the first row that is too many.
    """
    columns = [column for column in TEMPLATES[kind] if column in header]
    written = io.StringIO(newline="")
    out = csv.writer(written, lineterminator="\n")
    out.writerow(columns)
    taken, rejects = 0, _Rejects()
    different: set[int] = set()  # hashes of rows, for 300,000 rows are many megabytes
    for line, cells in rows:
        row = listed(kind, cells, allow_names_only=allow_names_only)
        if isinstance(row, Invalid):
            rejects.note(line, row)
            continue
        taken += 1
        if taken > MOST_ROWS:
            break
        if taken % _TOLD_EVERY == 0:
            progress()
        sent = tuple(row.get(column, "") for column in columns)
        different.add(hash(sent))
        out.writerow(sent)
    return written.getvalue().encode(), taken, len(different), rejects


def _named(
    rows: Iterable[tuple[int, list[str]]], header: list[str], path: Path
) -> Iterator[tuple[int, dict[str, str]]]:
    for line, row in rows:
        if len(row) != len(header):
            raise Rejected(f"{path}: line {line} has {len(row)} columns where the header has {len(header)}")
        if any(cell.strip() for cell in row):
            yield line, dict(zip(header, row, strict=True))


class _Rejects:
    """Rows that cannot be sent: all are counted, the first few are named by their line."""

    def __init__(self) -> None:
        self.found = 0
        self.reasons: Counter[str] = Counter()
        self._first: list[str] = []

    def note(self, line: int, why: Invalid) -> None:
        self.found += 1
        self.reasons[why.reason.value] += 1
        if len(self._first) < _SHOWN:
            self._first.append(f"line {line}: {why.detail}")

    def told(self, taken: int) -> str:
        return (
            f"{self.found:,} of {self.found + taken:,} rows cannot be sent (--skip-rejects leaves them out): "
            + " ".join(self._first)
        )
