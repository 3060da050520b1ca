"""Outbox rows by hand: what a CRM would commit, for a few people at a time.

Payloads come as JSON, one object a line, and are not judged here: the road does that, and a bad one becomes a dead
letter as any CRM's would. Only what the outbox itself could not hold is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.access import COMMAND_LINE, By
from syncd.domain.change import Kind
from syncd.errors import Rejected
from syncd.operations import audit, segments
from syncd.operations.audit import Deed
from syncd.settings import Settings
from syncd.store import controls
from syncd.store import segments as rows
from syncd.store.controls import Row
from syncd.store.engine import Database

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode
_encode: Final = msgspec.json.Encoder().encode
ROWS_AT_ONCE: Final = 5_000
"""Rows written by one statement; whoever writes more in a transaction locks everything first."""
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Enqueued:
    """How many rows the outbox took; the id if it is a single one."""

    rows: int
    id: int | None


def payloads(text: bytes) -> list[str]:
    """The payloads of one JSON object, or of one object a line. Raises Rejected naming the lines that are none."""
    try:
        return [_payload(text)]  # one object, on however many lines
    except ValueError:
        pass
    found: list[str] = []
    wrong: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                found.append(_payload(line))
            except ValueError as problem:
                wrong.append(f"line {number} {problem}")
    if wrong:
        more = f"; and {len(wrong) - _SHOWN:,} more" if len(wrong) > _SHOWN else ""
        raise Rejected(f"nothing was enqueued: {'; '.join(wrong[:_SHOWN])}{more}")
    if not found:
        raise Rejected("nothing to enqueue: a payload is a JSON object on stdin, or one a line")
    return found


def _payload(text: bytes) -> str:
    try:
        given = _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError("is not a JSON object") from None
    if holds_nul(given):
        raise ValueError("holds a NUL character, which the outbox cannot keep")
    return _encode(given).decode()


def holds_nul(value: object) -> bool:
    """Whether a NUL stands anywhere in a JSON value: PostgreSQL's jsonb refuses it."""
    match value:
        case str():
            return "\0" in value
        case dict():
            return any(holds_nul(key) or holds_nul(each) for key, each in value.items())
        case list():
            return any(holds_nul(each) for each in value)
        case _:
            return False


async def enqueue(  # noqa: PLR0913 - what a row is made of
    database: Database,
    settings: Settings,
    segment: str,
    action: str,
    given: list[str],
    *,
    subject: str | None,
    allow_unknown: bool,
    by: By = COMMAND_LINE,
) -> Enqueued:
    """Writes rows in one transaction, in their order."""
    if subject is not None and len(given) > 1:
        raise Rejected(f"one subject cannot be {len(given):,} people: give --subject with a single payload")
    if subject is not None and (not subject or "\0" in subject):
        raise Rejected("a subject has at least one character, and no NUL")
    if not allow_unknown:
        await kind_of(database, settings, segment)
    wanted = [Row(segment=segment, action=action, subject=subject, payload=payload) for payload in given]

    async def work(connection: AsyncConnection) -> int | None:
        if len(wanted) > ROWS_AT_ONCE:
            await controls.lock_all_slots(connection)
        number = None
        for chunk in chunks(wanted):
            number = await controls.enqueue(connection, chunk)
        deed = Deed(action="changes.enqueue", target=segment, after={"action": action, "rows": len(wanted)})
        await audit.record(connection, by, deed)
        return number

    number = await database.transact(work)
    return Enqueued(rows=len(wanted), id=number if len(wanted) == 1 else None)


async def kind_of(database: Database, settings: Settings, segment: str) -> Kind:
    """What a segment holds, by the database or else by the configuration. Raises Rejected naming those that are known,
    and for one that takes lists: no row of the outbox may be for it.
    """
    declared = {one.key: one.kind for one in settings.segments}
    async with database.read() as connection:
        binding = await rows.find(connection, segment)
        kind = binding.segment.kind if binding is not None else declared.get(segment)
        if kind is None:
            raise await segments.unknown(connection, segment, declared)
    if binding is not None and binding.segment.takes_lists:
        raise Rejected(f"segment {segment} takes whole lists, no changes: `syncd upload` replaces its list")
    return Kind(kind)


def chunks(rows: Iterable[Row]) -> Iterable[list[Row]]:
    """Rows by the five thousand."""
    chunk: list[Row] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == ROWS_AT_ONCE:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
