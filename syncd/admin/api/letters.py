"""Dead letters: changes that cannot be applied. What a letter carries never leaves the database."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated, Final

import msgspec

from syncd.admin.api.wire import Key, Number, Paged, Reason
from syncd.admin.problems import Refusal
from syncd.admin.routes import Call, Reach, Route
from syncd.domain import change
from syncd.domain.access import Role
from syncd.operations import letters
from syncd.operations.letters import MOST_IDS, Count, Dropped, Letter, Marked
from syncd.operations.paging import Page

CSV: Final = "text/csv"
_AT_ONCE: Final = 1_000
_COLUMNS: Final = ("id", "segment", "row", "batch", "reason", "detail", "status", "retryable", "retrying", "at")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


class Which(Paged, frozen=True, kw_only=True):
    """Filters of the list."""

    segment: Key | None = None
    reason: change.Reason | None = None


class Counted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Filters of the counts and of the export."""

    segment: Key | None = None
    reason: change.Reason | None = None


class Chosen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which letters are meant: by segment, reason and number, all of which must fit; or `all` of them, alone. `why` is
    for the audit.
    """

    segment: Key | None = None
    reason: change.Reason | None = None
    ids: Annotated[list[Number], msgspec.Meta(max_length=MOST_IDS)] = []
    all: bool = False
    why: Reason = ""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    items: list[Count]


async def _list(call: Call) -> Page[Letter]:
    which: Which = call.query
    meant = letters.Which(segment=which.segment, reason=which.reason, accounts=call.caller.accounts)
    return await letters.paged(call.desk.database, meant, which.part)


async def _counts(call: Call) -> Counts:
    which: Counted = call.query
    meant = letters.Which(segment=which.segment, reason=which.reason, accounts=call.caller.accounts)
    return Counts(items=(await letters.listed(call.desk.database, meant, 0)).counts)


async def _retry(call: Call) -> Marked:
    return await letters.retry(call.desk.database, _chosen(call), by=call.caller.by(call.body.why))


async def _drop(call: Call) -> Dropped:
    return await letters.drop(call.desk.database, _chosen(call), by=call.caller.by(call.body.why))


def _chosen(call: Call) -> letters.Which:
    chosen: Chosen = call.body
    meant = letters.Which(
        segment=chosen.segment, reason=chosen.reason, ids=tuple(chosen.ids), accounts=call.caller.accounts
    )
    if meant.all != chosen.all:
        raise Refusal(422, "say which: segment, reason and ids, or all alone")
    return meant


async def _export(call: Call) -> AsyncGenerator[bytes]:
    which: Counted = call.query
    meant = letters.Which(segment=which.segment, reason=which.reason, accounts=call.caller.accounts)
    return _written(letters.every(call.desk.database, meant))


async def _written(found: AsyncIterator[Letter]) -> AsyncGenerator[bytes]:
    """Lines of CSV by the thousand, a head before them."""
    waiting = [_line(_COLUMNS)]
    async for letter in found:
        waiting.append(_line([getattr(letter, name) for name in _COLUMNS]))
        if len(waiting) >= _AT_ONCE:
            yield "".join(waiting).encode()
            waiting.clear()
    yield "".join(waiting).encode()


def _line(cells: object) -> str:
    written = io.StringIO()
    csv.writer(written).writerow([safe(cell) for cell in cells])  # type: ignore[attr-defined]
    return written.getvalue()


def safe(cell: object) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(_FORMULA) else text


_PATH: Final = "/api/v1/dead-letters"
ROUTES: Final = (
    Route(
        method="GET",
        path=_PATH,
        handler=_list,
        summary="Dead letters, the newest first",
        subject="dead letters",
        role=Role.VIEWER,
        reach=Reach.FILTERED,
        query=Which,
        answer=Page[Letter],
    ),
    Route(
        method="GET",
        path=_PATH + "/counts",
        handler=_counts,
        summary="How many there are, by segment and reason",
        subject="dead letters",
        role=Role.VIEWER,
        reach=Reach.FILTERED,
        query=Counted,
        answer=Counts,
    ),
    Route(
        method="GET",
        path=_PATH + "/export",
        handler=_export,
        summary="All of them as CSV",
        subject="dead letters",
        role=Role.VIEWER,
        reach=Reach.FILTERED,
        query=Counted,
        answers_with=CSV,
        file_name="dead-letters.csv",
    ),
    Route(
        method="POST",
        path=_PATH + "/retry",
        handler=_retry,
        summary="Send them again, with the rank they had; the daemon does it",
        subject="dead letters",
        role=Role.OPERATOR,
        reach=Reach.FILTERED,
        body=Chosen,
        answer=Marked,
        starts_work=True,
    ),
    Route(
        method="POST",
        path=_PATH + "/drop",
        handler=_drop,
        summary="Delete them; the changes they hold will never be applied",
        subject="dead letters",
        role=Role.OPERATOR,
        reach=Reach.FILTERED,
        body=Chosen,
        answer=Dropped,
        starts_work=True,
        paced=True,
    ),
)
