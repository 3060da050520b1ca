"""Resyncs: previewed, started with a reason, watched until they end."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import msgspec
from aiohttp import web

from syncd.admin import uploads
from syncd.admin.console import frame
from syncd.admin.console.segment import told
from syncd.admin.routes import Call, Reach
from syncd.domain.resync import Mode
from syncd.errors import Absent, Rejected
from syncd.operations import resyncs
from syncd.operations.resyncs import ResyncReport
from syncd.operations.snapshots import Snapshot

_EVERY: Final = 2
_SOME: Final = 50
_FEW: Final = 10
_LIST: Final = "/live/resyncs"
_ENDINGS: Final = (".csv", ".ndjson", ".jsonl")


class Before(frame.Said, frozen=True, kw_only=True, forbid_unknown_fields=True):
    before: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)] | None = None


class Wanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    mode: Mode = Mode.REPLAY
    reason: str = ""
    csrf: str = ""


class Upload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`file` is its name; `as_of` the time that it speaks of, in UTC."""

    file: str = ""
    as_of: str = ""
    subject_column: str = ""
    reason: str = ""
    csrf: str = ""


class Given(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: str = ""
    confirm: str = ""
    csrf: str = ""


async def _listed(call: Call, before: int | None = None) -> list[ResyncReport]:
    desk, accounts = call.desk, call.caller.accounts
    return await resyncs.listed(desk.database, desk.settings, most=_SOME, before=before, accounts=accounts)


async def _page(call: Call) -> web.Response:
    found = await _listed(call, call.query.before)
    inside = frame.part(call, "live_resyncs.html", found=found)
    is_first = call.query.before is None
    return frame.page(
        call,
        "resyncs.html",
        title="Resyncs",
        here="resyncs",
        live=frame.live(inside, _LIST, _EVERY) if is_first else frame.still(inside),
        older=f"/resyncs?before={found[-1].id}" if len(found) == _SOME else "",
        said=frame.said(call),
    )


async def _renew(call: Call) -> web.Response:
    found = await _listed(call)
    return frame.renewed(call, frame.part(call, "live_resyncs.html", found=found), _LIST, _EVERY)


async def _of_segment(call: Call) -> web.Response:
    return await _choices(call, Upload())


async def _choices(call: Call, given: Upload, problem: str = "") -> web.Response:
    """What can be resynced, and with what; `given` is how a file was sent that was refused."""
    tale = await told(call)
    return frame.page(
        call,
        "segment_resync.html",
        title=f"Resync: {tale.name}",
        here="overview",
        path=frame.path_of(tale.key),
        story=tale,
        reconciles=resyncs.source_of(call.desk.settings, tale.key) is not None,
        found=await resyncs.listed(call.desk.database, call.desk.settings, tale.key, _FEW),
        given=given,
        status=422 if problem else 200,
        problem=problem,
        said=frame.said(call) if isinstance(call.query, frame.Said) else "",
    )


async def _preview(call: Call) -> web.Response:
    by = call.caller.by(call.body.reason)
    begun = await resyncs.preview(call.desk.database, call.desk.settings, call.part("segment"), call.body.mode, by=by)
    return frame.see(f"/resyncs/{begun.id}")


async def _upload(call: Call) -> web.Response:
    given: Upload = call.body
    try:
        column = given.subject_column.strip() or None
        snapshot = Snapshot(name=_named(given.file), as_of=_moment(given.as_of), subject_column=column)
        begun = await uploads.preview(call, snapshot, call.caller.by(given.reason))
    except Rejected as refused:
        return await _choices(call, given, str(refused))
    return frame.see(f"/resyncs/{begun.id}")


def _named(file: str) -> Path:
    """How a file is read is told by its ending. Raises Rejected."""
    ending = Path(file).suffix.lower()
    if ending not in _ENDINGS:
        raise Rejected(f"choose a file that ends in {', '.join(_ENDINGS)}")
    return Path("snapshot" + ending)


def _moment(text: str) -> float:
    """A time of day in UTC, as a browser's field writes it, in seconds since 1970. Raises Rejected."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise Rejected("say the time that the file speaks of, like 2026-08-01T12:00") from None
    return when.replace(tzinfo=UTC).timestamp()


async def _found(call: Call) -> ResyncReport:
    found = await resyncs.show(call.desk.database, call.desk.settings, call.number("number"))
    if not call.caller.sees(found.account):
        raise Absent("there is no such resync")
    return found


async def _one(call: Call) -> web.Response:
    return _shown(call, await _found(call), Given())


def _shown(call: Call, one: ResyncReport, given: Given, problem: str = "") -> web.Response:
    inside = frame.part(call, "live_resync.html", one=one)
    return frame.page(
        call,
        "resync.html",
        title=f"Resync {one.id}",
        here="resyncs",
        status=422 if problem else 200,
        one=one,
        given=given,
        live=frame.live(inside, _path(one), _EVERY) if one.is_open else frame.still(inside),
        problem=problem,
        said=frame.said(call) if isinstance(call.query, frame.Said) else "",
    )


def _path(one: ResyncReport) -> str:
    return f"/resyncs/{one.id}/live/{one.state}"


async def _renew_one(call: Call) -> web.Response:
    """Where the state has changed since the page was loaded, other forms belong on it: the browser loads it again."""
    one = await _found(call)
    if one.state != call.part("state"):
        return web.Response(status=204, headers={"HX-Refresh": "true"})
    return frame.renewed(call, frame.part(call, "live_resync.html", one=one), _path(one), _EVERY)


async def _start(call: Call) -> web.Response:
    given: Given = call.body
    one = await _found(call)
    try:
        await resyncs.start(
            call.desk.database,
            call.desk.settings,
            one.id,
            by=call.caller.by(given.reason),
            confirm=given.confirm or None,
        )
    except Rejected as refused:
        return _shown(call, await _found(call), given, str(refused))
    return frame.see(f"/resyncs/{one.id}", "started")


async def _cancel(call: Call) -> web.Response:
    one = await _found(call)
    await resyncs.cancel(call.desk.database, call.desk.settings, one.id, by=call.caller.by(call.body.reason))
    return frame.see(f"/resyncs/{one.id}", "cancelled")


_PATH: Final = "/resyncs/{number:[0-9]{1,18}}"
_SEGMENT: Final = "/segments/{segment}/resync"
ROUTES: Final = (
    frame.got("/resyncs", _page, "Resyncs", Reach.FILTERED, query=Before),
    frame.polled(_LIST, _renew, "The list of resyncs, live", Reach.FILTERED),
    frame.got(_SEGMENT, _of_segment, "Resync a segment", Reach.SEGMENT),
    frame.posted(_SEGMENT, _preview, "Preview a resync", Reach.SEGMENT, body=Wanted),
    frame.uploaded(f"{_SEGMENT}/snapshot", _upload, "Preview a resync with a file", Reach.SEGMENT, body=Upload),
    frame.got(_PATH, _one, "A resync", Reach.FILTERED),
    frame.polled(_PATH + "/live/{state:[a-z]{1,20}}", _renew_one, "A resync, live", Reach.FILTERED),
    frame.posted(f"{_PATH}/start", _start, "Start a resync", Reach.FILTERED, body=Given, paced=True),
    frame.posted(f"{_PATH}/cancel", _cancel, "Cancel a resync", Reach.FILTERED, body=Given),
)
