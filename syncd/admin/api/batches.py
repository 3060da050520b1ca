"""Batches: what went to LinkedIn together, and how it ended."""

from __future__ import annotations

from typing import Final

from syncd.admin.api.wire import Key, Paged, Text
from syncd.admin.routes import Call, Reach, Route
from syncd.domain.access import Role
from syncd.operations import history
from syncd.operations.history import Batches, BatchReport
from syncd.operations.paging import Page


class Which(Paged, frozen=True, kw_only=True):
    """Filters of the list; `open` are those on their way."""

    segment: Key | None = None
    open: bool | None = None
    kind: Text | None = None


async def _list(call: Call) -> Page[BatchReport]:
    which: Which = call.query
    meant = Batches(segment=which.segment, open=which.open, kind=which.kind, accounts=call.caller.accounts)
    return await history.batches(call.desk.database, meant, which.part)


async def _show(call: Call) -> BatchReport:
    return await history.batch(call.desk.database, call.number("number"), call.caller.accounts)


_PATH: Final = "/api/v1/batches"
ROUTES: Final = (
    Route(
        method="GET",
        path=_PATH,
        handler=_list,
        summary="Batches with LinkedIn's ids, the newest first",
        subject="batches",
        role=Role.VIEWER,
        reach=Reach.FILTERED,
        query=Which,
        answer=Page[BatchReport],
    ),
    Route(
        method="GET",
        path=_PATH + "/{number:[0-9]{1,18}}",
        handler=_show,
        summary="One batch",
        subject="batches",
        role=Role.VIEWER,
        reach=Reach.FILTERED,
        answer=BatchReport,
    ),
)
