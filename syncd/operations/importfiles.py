"""Files of people or companies, read line by line: CSV with a header, or one JSON object a line.

Everything that keeps a file from being read at all is Rejected in one sentence that names a line and never a value; a
line that can be read but not used is a record with a problem.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from syncd.domain.change import Kind
from syncd.errors import Rejected
from syncd.operations.feeding import holds_nul

Progress = Callable[[int], None]

_USER: Final = {
    "email": ("emailaddress", "mail"),
    "sha256_email": ("emailsha256", "hashedemail"),
    "sha512_email": ("emailsha512",),
    "google_aid": ("googleadvertisingid",),
    "first_name": ("givenname", "forename"),
    "last_name": ("surname", "familyname"),
    "title": ("jobtitle", "position"),
    "company": ("companyname", "employeecompany", "employer"),
    "country": ("countrycode",),
}
_COMPANY: Final = {
    "organization_urn": (),
    "website_domain": ("companywebsitedomain", "companywebsite", "website", "domain"),
    "email_domain": ("companyemaildomain",),
    "page_url": ("companypageurl", "linkedincompanypageurl"),
    "name": ("companyname", "company"),
    "stock_symbol": ("ticker",),
    "industry": (),
    "city": (),
    "state": (),
    "country": ("companycountry", "countrycode"),
    "postal_code": ("zipcode", "zip", "postcode"),
}
_IDENTIFYING: Final = {
    Kind.USER: ("email", "sha256_email", "sha512_email", "google_aid", "first_name"),
    Kind.COMPANY: ("organization_urn", "website_domain", "email_domain", "page_url", "name"),
}
_OTHER_DELIMITERS: Final = {";": "';'", "\t": "a tab", "|": "'|'"}
_ENCODED_OTHERWISE: Final = (b"\xff\xfe", b"\xfe\xff")
_NUL: Final = "it holds a NUL character"

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode
_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """How a file is to be read. `mapping` names fields for columns that no alias covers."""

    kind: Kind
    subject_column: str | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    delimiter: str = ","
    identified_by_subject: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """One line: the subject and the payload as JSON text, or the problem that keeps it from having them."""

    line: int
    subject: str | None
    payload: str
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A file that can be read: its columns that are not used, and its records."""

    ignored: tuple[str, ...]
    records: Iterator[Record]


def open_records(file: IO[bytes], path: Path, form: Format) -> Opened:
    """The records of a file, from its start. Raises Rejected for what is wrong with it as a whole, also on the way."""
    known = _fields(form.kind)
    if strange := sorted(set(form.mapping.values()) - set(known)):
        raise Rejected(f"--map: a {form.kind} has no {', '.join(strange)}; it has {', '.join(known)}")
    text = text_of(file, path)
    match path.suffix.lower():
        case ".csv":
            opened = _open_csv(text, path, form)
        case ".ndjson" | ".jsonl":
            opened = Opened(ignored=(), records=_ndjson(text, path, form))
        case _:
            raise Rejected(f"{path}: must end in .csv, .ndjson or .jsonl, to say how it is to be read")
    return Opened(ignored=opened.ignored, records=_detached(text, opened.records))


def text_of(file: IO[bytes], path: Path) -> io.TextIOWrapper:
    """A file from its start, as UTF-8 with or without a mark at its beginning. A stream can be read once only."""
    if file.seekable():
        file.seek(0)
    if file.peek(2)[:2] in _ENCODED_OTHERWISE:  # type: ignore[attr-defined]  # it is a BufferedReader
        raise Rejected(f"{path}: is in UTF-16; save it as UTF-8")
    return io.TextIOWrapper(file, encoding="utf-8-sig", newline="")


def _detached(text: io.TextIOWrapper, records: Iterator[Record]) -> Iterator[Record]:
    """The file stays open for another reading."""
    try:
        yield from records
    finally:
        text.detach()


def _fields(kind: Kind) -> Mapping[str, Sequence[str]]:
    return _USER if kind is Kind.USER else _COMPANY


def _folded(name: str) -> str:
    """`E-mail`, `First Name` and `first_name` are `email` and `firstname`."""
    return re.sub(r"[\W_]", "", name.lower())


def _open_csv(text: io.TextIOWrapper, path: Path, form: Format) -> Opened:
    rows = csv_rows(text, path, form.delimiter)
    first = next(rows, None)
    if first is None:
        raise Rejected(f"{path}: is empty; its first line must name the columns")
    head = first[1]
    _check_head(head, path, form)
    columns, subject = _columns(head, path, form)
    ignored = tuple(
        name.strip() for index, name in enumerate(head) if index not in columns and index != subject and name.strip()
    )
    return Opened(ignored=ignored, records=_csv(rows, path, len(head), columns, subject))


def _check_head(head: Sequence[str], path: Path, form: Format) -> None:
    if len(head) == 1:
        other = next((name for sign, name in _OTHER_DELIMITERS.items() if sign in head[0]), None)
        if other is not None and form.delimiter == ",":
            raise Rejected(f"{path}: its columns are separated by {other}, not by commas: give --delimiter")
    if any("@" in name for name in head):
        raise Rejected(f"{path}: has no header; its first line must name the columns, like email,first_name")


def _columns(head: Sequence[str], path: Path, form: Format) -> tuple[dict[int, str], int | None]:
    """Which field each column holds, and the column of the subject."""
    aliases = {_folded(name): name for name in _fields(form.kind)}
    aliases |= {alias: name for name, others in _fields(form.kind).items() for alias in others}
    mapped = {_folded(column): name for column, name in form.mapping.items()}
    folded = [_folded(name) for name in head]
    wanted = {*mapped, *([_folded(form.subject_column)] if form.subject_column else [])}
    if wanted - set(folded):
        raise Rejected(f"{path}: has no column for some of --map or --subject-column")
    subject = folded.index(_folded(form.subject_column)) if form.subject_column else None
    columns: dict[int, str] = {}
    for index, name in enumerate(folded):
        found = mapped.get(name, aliases.get(name))
        if found is None or index == subject:
            continue
        if found in columns.values():
            raise Rejected(f"{path}: two columns hold {found}; rename or remove one of them")
        columns[index] = found
    if not form.identified_by_subject and not set(columns.values()) & set(_IDENTIFYING[form.kind]):
        listed = ", ".join(_IDENTIFYING[form.kind])
        raise Rejected(f"{path}: its header names no column that says who is meant ({listed}); give --map COLUMN=FIELD")
    return columns, subject


def csv_rows(text: io.TextIOWrapper, path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Lines that are not empty, with their numbers."""
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as problem:
            raise Rejected(f"{path}: line {line} is not CSV: {problem}") from None
        except UnicodeDecodeError:
            raise _not_utf8(path, line) from None
        if row:
            yield line, row


def _csv(
    rows: Iterator[tuple[int, list[str]]], path: Path, width: int, columns: Mapping[int, str], subject: int | None
) -> Iterator[Record]:
    for line, row in rows:
        if len(row) != width:
            raise Rejected(f"{path}: line {line} has {len(row)} columns where the header has {width}")
        payload = {name: row[index] for index, name in columns.items() if row[index].strip()}
        problem = _NUL if any("\0" in cell for cell in row) else None
        whom = row[subject].strip() if subject is not None else None
        if subject is not None and not whom:
            problem = "its subject column is empty"
        yield Record(line, whom, _encode(payload).decode() if problem is None else "", problem)


def _ndjson(text: io.TextIOWrapper, path: Path, form: Format) -> Iterator[Record]:
    line = 0
    while True:
        line += 1
        try:
            raw = text.readline()
        except UnicodeDecodeError:
            raise _not_utf8(path, line) from None
        if not raw:
            return
        if not raw.strip():
            continue
        try:
            given = _decode(raw)
        except (msgspec.DecodeError, RecursionError):
            raise Rejected(f"{path}: line {line} is not a JSON object") from None
        whom = given.pop(form.subject_column, None) if form.subject_column else None
        payload = {form.mapping.get(name, name): value for name, value in given.items()}
        problem = _NUL if holds_nul(given) or holds_nul(whom) else None
        if form.subject_column and whom in (None, ""):
            problem = "its subject is empty"
        yield Record(line, None if whom is None else str(whom), _encode(payload).decode(), problem)


def _not_utf8(path: Path, line: int) -> Rejected:
    return Rejected(f"{path}: is not in UTF-8 at line {line} or soon after it; save it as UTF-8")
