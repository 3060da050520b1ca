"""Resyncs: preview, start, follow, cancel."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from syncd.admin import uploads
from syncd.admin.api.wire import Key, Paged, Reason, Text
from syncd.admin.routes import NDJSON, Call, Reach, Route
from syncd.domain.access import Role
from syncd.domain.resync import Mode
from syncd.errors import Absent, Rejected
from syncd.operations import resyncs
from syncd.operations.paging import Page, after_id, page
from syncd.operations.resyncs import ResyncReport
from syncd.operations.snapshots import Snapshot

CSV: Final = "text/csv"


class Which(Paged, frozen=True, kw_only=True):
    segment: Key | None = None


class Wanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    mode: Mode
    reason: Reason = ""


class Given(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a snapshot needs beside its body: the time it speaks of, and the column with the CRM's ids if it has one."""

    as_of: datetime
    subject_column: Text | None = None
    reason: Reason = ""


class Start(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`confirm` is the segment's key, for a replay and where more would leave than the fuse lets pass."""

    reason: Reason
    confirm: Key | None = None


class Cancel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Reason = ""


async def _list(call: Call) -> Page[ResyncReport]:
    which: Which = call.query
    desk, part = call.desk, which.part
    found = await resyncs.listed(
        desk.database,
        desk.settings,
        which.segment,
        part.limit + 1,
        after_id(part, "resyncs"),
        accounts=call.caller.accounts,
    )
    return page(found, part, "resyncs", lambda one: one.id)


async def _show(call: Call) -> ResyncReport:
    number = call.number("number")
    found = await resyncs.show(call.desk.database, call.desk.settings, number)
    if not call.caller.sees(found.account):
        raise Absent(f"there is no resync {number}")
    return found


async def _preview(call: Call) -> ResyncReport:
    wanted: Wanted = call.body
    by = call.caller.by(wanted.reason)
    return await resyncs.preview(call.desk.database, call.desk.settings, call.part("segment"), wanted.mode, by=by)


async def _start(call: Call) -> ResyncReport:
    await _show(call)
    wanted: Start = call.body
    by = call.caller.by(wanted.reason)
    number = call.number("number")
    return await resyncs.start(call.desk.database, call.desk.settings, number, by=by, confirm=wanted.confirm)


async def _cancel(call: Call) -> ResyncReport:
    await _show(call)
    wanted: Cancel = call.body
    by = call.caller.by(wanted.reason)
    return await resyncs.cancel(call.desk.database, call.desk.settings, call.number("number"), by=by)


async def _snapshot(call: Call) -> ResyncReport:
    given: Given = call.query
    if given.as_of.tzinfo is None:
        raise Rejected("as_of needs its time zone, like 2026-08-01T12:00:00Z")
    ending = ".csv" if call.media == CSV else ".ndjson"
    snapshot = Snapshot(
        name=Path("snapshot" + ending), as_of=given.as_of.timestamp(), subject_column=given.subject_column
    )
    return await uploads.preview(call, snapshot, call.caller.by(given.reason))


_OF_SEGMENT: Final = "/api/v1/segments/{segment}/resyncs"
_PATH: Final = "/api/v1/resyncs"
_ONE: Final = _PATH + "/{number:[0-9]{1,18}}"
ROUTES: Final = (
    Route(
        method="GET",
        path=_PATH,
        handler=_list,
        summary="Resyncs, the newest first",
        subject="resyncs",
        role=Role.VIEWER,
        reach=Reach.FILTERED,
        query=Which,
        answer=Page[ResyncReport],
    ),
    Route(
        method="GET",
        path=_ONE,
        handler=_show,
        summary="One resync: its plan, and how far it is",
        subject="resyncs",
        role=Role.VIEWER,
        reach=Reach.FILTERED,
        answer=ResyncReport,
    ),
    Route(
        method="POST",
        path=_OF_SEGMENT,
        handler=_preview,
        summary="Plan a resync; nothing is sent",
        subject="resyncs",
        role=Role.OPERATOR,
        reach=Reach.SEGMENT,
        body=Wanted,
        answer=ResyncReport,
        status=201,
        starts_work=True,
    ),
    Route(
        method="POST",
        path=_OF_SEGMENT + "/snapshot",
        handler=_snapshot,
        summary="Plan a reconcile with a file of everybody who should be in the segment",
        subject="resyncs",
        role=Role.OPERATOR,
        reach=Reach.SEGMENT,
        query=Given,
        answer=ResyncReport,
        status=201,
        takes=(),
        streamed=(CSV, NDJSON),
        most_streamed=uploads.MOST_BYTES,
        starts_work=True,
    ),
    Route(
        method="POST",
        path=_ONE + "/start",
        handler=_start,
        summary="Let a plan go",
        subject="resyncs",
        role=Role.OPERATOR,
        reach=Reach.FILTERED,
        body=Start,
        answer=ResyncReport,
        starts_work=True,
        paced=True,
    ),
    Route(
        method="POST",
        path=_ONE + "/cancel",
        handler=_cancel,
        summary="End a resync",
        subject="resyncs",
        role=Role.OPERATOR,
        reach=Reach.FILTERED,
        body=Cancel,
        answer=ResyncReport,
        starts_work=True,
    ),
)
