"""What a reconcile compares with: the rows of a query, or those of a file that was uploaded, hashed as they are read.

From here on there are no plain addresses; attributes like names stay behind, as in the ledger.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from syncd.domain.batch import pack_kept
from syncd.domain.change import Kind, Reason
from syncd.domain.company import prepare_company
from syncd.domain.identity import Invalid
from syncd.domain.user import prepare_user
from syncd.errors import Rejected
from syncd.settings.models import Source
from syncd.store import foreign, plans
from syncd.store.engine import Database
from syncd.store.staging import Row

SUBJECT: Final = "subject_id"
LONGEST_SUBJECT: Final = 512
_IDENTIFYING: Final = {
    Kind.USER: ("email", "sha256_email", "sha512_email", "google_aid"),
    Kind.COMPANY: ("organization_urn", "website_domain", "email_domain", "page_url", "name"),
}
_OTHERS: Final = {
    Kind.USER: ("first_name", "last_name", "title", "company", "country"),
    Kind.COMPANY: ("stock_symbol", "industry", "city", "state", "country", "postal_code"),
}
_encode: Final = msgspec.json.Encoder(enc_hook=str).encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How a source's rows become people or companies."""

    kind: Kind
    allow_names_only: bool


@dataclass(slots=True)
class Chunk:
    """Some rows, prepared; those that cannot be are counted by the reason."""

    rows: list[Row] = field(default_factory=list)
    rejected: Counter[str] = field(default_factory=Counter)

    def add(self, payload: str, subject: str | None, form: Form) -> None:
        """One person or company; `payload` is JSON text."""
        if subject is not None and not 0 < len(subject) <= LONGEST_SUBJECT:
            self.rejected[Reason.BAD_SUBJECT.value] += 1
            return
        if form.kind is Kind.USER:
            found = prepare_user(payload, allow_names_only=form.allow_names_only)
        else:
            found = prepare_company(payload)
        if isinstance(found, Invalid):
            self.rejected[found.reason.value] += 1
        else:
            self.rows.append((found.ids[0], pack_kept(found.ids, found.fields), subject))


@dataclass(frozen=True, slots=True)
class Read:
    """A source being read: whether it names subjects, and its rows."""

    names_subjects: bool
    chunks: AsyncIterator[Chunk]


@asynccontextmanager
async def queried(source: Source, form: Form) -> AsyncIterator[Read]:
    """The rows of a query. Raises Rejected for what is wrong with it or its database."""
    try:
        url = source.url()
    except (OSError, ValueError):
        raise Rejected("the source's database_url_file cannot be read, or holds no URL of a database") from None
    async with foreign.query(url, source.query, source.timeout) as result:
        columns = _checked(result.columns, form.kind, names=form.allow_names_only)
        yield Read(SUBJECT in columns, _prepared(columns, result.rows, form))


def _checked(columns: Sequence[str], kind: Kind, *, names: bool) -> Sequence[str]:
    identifying = (*_IDENTIFYING[kind], *(("first_name",) if names and kind is Kind.USER else ()))
    known = {*_IDENTIFYING[kind], *_OTHERS[kind], SUBJECT}
    if len(set(columns)) != len(columns):
        raise Rejected("the source's query has two columns of one name")
    if set(columns) - known:
        raise Rejected(f"the source's query has a column that is none of: {', '.join(sorted(known))}")
    if not set(columns) & set(identifying):
        raise Rejected(f"the source's query has no column that says who is meant: {', '.join(identifying)}")
    return columns


async def _prepared(columns: Sequence[str], rows: AsyncIterator[Sequence[Any]], form: Form) -> AsyncIterator[Chunk]:
    place = columns.index(SUBJECT) if SUBJECT in columns else None
    async for some in rows:
        chunk = Chunk()
        for row in some:
            subject = None if place is None or row[place] is None else str(row[place])
            chunk.add(_payload(columns, row), subject, form)
        yield chunk


def _payload(columns: Sequence[str], row: Sequence[Any]) -> str:
    given: Mapping[str, Any] = {
        name: value for name, value in zip(columns, row, strict=True) if name != SUBJECT and value is not None
    }
    try:
        return _encode(given).decode()
    except (msgspec.EncodeError, UnicodeEncodeError, OverflowError, RecursionError):
        return ""


@asynccontextmanager
async def uploaded(database: Database, resync: int) -> AsyncIterator[Read]:
    """The rows of a file that was uploaded for a resync."""
    names_subjects = await _names_subjects(database, resync)
    yield Read(names_subjects, _stored(database, resync))


async def _names_subjects(database: Database, resync: int) -> bool:
    async with database.read() as connection:
        first = await plans.part(connection, resync, 0)
    return first is not None and plans.unpack_part(first).names_subjects


async def _stored(database: Database, resync: int) -> AsyncIterator[Chunk]:
    place = 0
    while True:
        async with database.read() as connection:
            body = await plans.part(connection, resync, place)
        if body is None:
            return
        yield Chunk(plans.unpack_part(body).rows)
        place += 1
