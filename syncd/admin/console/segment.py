"""A segment's page: how it is now, what it was, and what to do with it; and the form that makes a new one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from aiohttp import web
from markupsafe import Markup

from syncd.admin.console import drawing, frame, rendering
from syncd.admin.console.drawing import Band, Point
from syncd.admin.routes import Call, Handler, Reach
from syncd.domain.access import Role
from syncd.domain.course import Look
from syncd.errors import Absent, Rejected
from syncd.operations import remote, scopes, segments, story
from syncd.operations.overview import Overview, SegmentLine
from syncd.operations.story import Story
from syncd.store.segments import Declared

_EVERY: Final = 5


class Wanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    key: str = ""
    name: str = ""
    kind: str = "user"
    account: str = ""
    member: str = ""
    reason: str = ""
    csrf: str = ""


class Name(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str = ""
    reason: str = ""
    csrf: str = ""


class Confirmed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    confirm: str = ""
    reason: str = ""
    csrf: str = ""


async def told(call: Call) -> Story:
    return await story.of(call.desk.database, call.part("segment"), call.caller.accounts)


async def _line(call: Call, key: str) -> tuple[SegmentLine, Overview]:
    whole = (await frame.of(call).watch.now()).within(call.caller.accounts)
    line = next((one for one in whole.segments if one.key == key), None)
    if line is None:
        raise Absent(f"there is no segment {key}")
    return line, whole


def _inside(call: Call, line: SegmentLine, whole: Overview) -> str:
    alarms = [one for one in whole.alarms if (one.subject, one.key) in {("segment", line.key), ("member", line.member)}]
    return frame.part(call, "live_segment.html", line=line, alarms=alarms)


def _batches(call: Call, tale: Story) -> str:
    return frame.part(call, "live_batches.html", batches=tale.batches)


async def _page(call: Call) -> web.Response:
    return await shown(call)


async def shown(call: Call, found: object = None) -> web.Response:
    """The page; `found` is what was just found of a person in it."""
    tale = await told(call)
    line, whole = await _line(call, tale.key)
    return frame.page(
        call,
        "segment.html",
        title=tale.name,
        here="overview",
        path=frame.path_of(tale.key),
        story=tale,
        line=line,
        live=frame.live(_inside(call, line, whole), _live_path(tale.key), _EVERY),
        batches=frame.live(_batches(call, tale), _batches_path(tale.key), _EVERY),
        course=_course(tale, whole.at.timestamp()),
        funnel=list(_funnel(tale)),
        plots=list(_plots(tale.looks)),
        found=found,
        said=frame.said(call) if isinstance(call.query, frame.Said) else "",
    )


def _live_path(key: str) -> str:
    return frame.path_of(key, "/live")


def _batches_path(key: str) -> str:
    return frame.path_of(key, "/live/batches")


async def _renew(call: Call) -> web.Response:
    key = call.part("segment")
    line, whole = await _line(call, key)
    return frame.renewed(call, _inside(call, line, whole), _live_path(key), _EVERY)


async def _renew_batches(call: Call) -> web.Response:
    tale = await told(call)
    return frame.renewed(call, _batches(call, tale), _batches_path(tale.key), _EVERY)


def _course(tale: Story, now: float) -> Markup:
    bands = [
        Band(one.status, one.start.timestamp(), one.end.timestamp() if one.end else max(now, one.start.timestamp()))
        for one in tale.spells
    ]
    label = ", then ".join(f"{band.status} for {rendering.span(band.end - band.start)}" for band in bands[-8:])
    return drawing.course(bands, f"The course of statuses: {label}")


def _funnel(tale: Story) -> Iterator[tuple[str, int | None, str, int]]:
    """Each step with its number, its share of the rows (matched: of what was sent), and how wide the whole is: rows are
    ours, the last two are LinkedIn's estimates.
    """
    one = tale.funnel
    if not one.seen:
        return
    yield "Rows seen", one.seen, "", one.seen
    yield "Valid", one.seen - one.dead, _share(one.seen - one.dead, one.seen), one.seen
    yield "People", one.prepared, _share(one.prepared, one.seen), one.seen
    yield "Accepted", one.accepted, _share(one.accepted, one.seen), one.seen
    size = tale.looks[-1].audience_size if tale.looks else None
    whole = max(tale.input_count or 0, size or 0)
    yield "Matched", tale.matched_count, _share(tale.matched_count, tale.input_count), whole
    yield "Audience", size, "", whole


def _share(part: int | None, whole: int | None) -> str:
    return f"{part / whole:.0%}" if part is not None and whole else ""


def _plots(looks: Sequence[Look]) -> Iterator[dict[str, Any]]:
    """Counts over time: the audience alone, for it is of another size, then what was sent and what matched."""
    if len(looks) < 2:
        return
    span = looks[0].at, looks[-1].at
    sizes = _points(looks, "audience_size")
    sent, matched = _points(looks, "input_count"), _points(looks, "matched_count")
    for title, lines in (("Audience", [sizes]), ("Sent and matched, last 7 days each", [sent, matched])):
        if len(lines[0]) < 2:
            continue
        top = max((point.value for line in lines for point in line), default=0.0) or 1.0
        ends = "; ".join(f"{line[0].value:,.0f} to {line[-1].value:,.0f}" for line in lines if line)
        yield {
            "title": title,
            "drawn": drawing.plot(lines, span, top, f"{title}: {ends}"),
            "top": f"{top:,.0f}",
            "first": _day(span[0]),
            "last": _day(span[1]),
        }


def _points(looks: Sequence[Look], count: str) -> list[Point]:
    return [Point(look.at, float(value)) for look in looks if (value := getattr(look, count)) is not None]


def _day(at: float) -> str:
    when = rendering.instant(at)
    return when.strftime("%Y-%m-%d %H:%M")


async def _settings(call: Call) -> web.Response:
    tale = await told(call)
    return frame.page(
        call,
        "settings.html",
        title=tale.name,
        here="overview",
        path=frame.path_of(tale.key),
        story=tale,
        said=frame.said(call),
    )


async def _new(call: Call) -> web.Response:
    return await _form(call, Wanted())


async def _form(call: Call, given: Wanted, problem: str = "") -> web.Response:
    settings = call.desk.settings
    whole = (await frame.of(call).watch.now()).within(call.caller.accounts)
    known = {one.account for one in whole.segments} | {one.account for one in settings.segments}
    accounts = sorted(account for account in known if call.caller.sees(account))
    return frame.page(
        call,
        "new_segment.html",
        title="New segment",
        here="overview",
        status=422 if problem else 200,
        given=given,
        problem=problem,
        accounts=accounts,
        members=sorted(one.key for one in await scopes.members(call.desk.database, settings, call.caller.accounts)),
    )


async def _create(call: Call) -> web.Response:
    given: Wanted = call.body
    wanted = Declared(key=given.key, name=given.name, kind=given.kind, account=given.account, member=given.member)
    if not call.caller.sees(given.account):
        return await _form(call, given, "that ad account is none of yours")
    try:
        by, accounts = call.caller.by(given.reason), call.caller.accounts
        await segments.create(call.desk.database, call.desk.settings, wanted, by=by, accounts=accounts)
    except Rejected as refused:
        return await _form(call, given, str(refused))
    frame.of(call).watch.outdate()
    return frame.see(frame.path_of(given.key), "created")


def _order(order: Any, done: str) -> Handler:
    """A form that asks for nothing but the reason: one operation on a segment."""

    async def carry_out(call: Call) -> web.Response:
        key = call.part("segment")
        await order(call.desk.database, key, by=call.caller.by(call.body.reason))
        frame.of(call).watch.outdate()
        return frame.see(frame.path_of(key), done)

    return carry_out


async def _rename(call: Call) -> web.Response:
    key, desk = call.part("segment"), call.desk
    by = call.caller.by(call.body.reason)
    await remote.rename(desk.database, desk.settings, key, call.body.name, desk.clock, by=by)
    frame.of(call).watch.outdate()
    return frame.see(frame.path_of(key, "/settings"), "renamed")


def _confirmed(call: Call) -> str:
    """The segment's key, which has been typed. Raises Rejected."""
    key = call.part("segment")
    if call.body.confirm != key:
        raise Rejected(f"nothing was done: type the segment's key, {key}")
    return key


async def _recreate(call: Call) -> web.Response:
    key = _confirmed(call)
    await segments.recreate(call.desk.database, key, by=call.caller.by(call.body.reason))
    frame.of(call).watch.outdate()
    return frame.see(frame.path_of(key), "recreated")


async def _delete(call: Call) -> web.Response:
    key = _confirmed(call)
    await segments.delete(call.desk.database, call.desk.settings, key, by=call.caller.by(call.body.reason))
    frame.of(call).watch.outdate()
    return frame.see("/", "deleted")


_PATH: Final = "/segments/{segment}"
ROUTES: Final = (
    frame.got("/new-segment", _new, "The form for a new segment", Reach.FILTERED, role=Role.OPERATOR),
    frame.posted("/segments", _create, "Create a segment", Reach.FILTERED, body=Wanted),
    frame.got(_PATH, _page, "A segment", Reach.SEGMENT),
    frame.polled(f"{_PATH}/live", _renew, "A segment's live part", Reach.SEGMENT),
    frame.polled(f"{_PATH}/live/batches", _renew_batches, "A segment's batches, live", Reach.SEGMENT),
    frame.got(f"{_PATH}/settings", _settings, "What a segment is", Reach.SEGMENT),
    frame.posted(f"{_PATH}/rename", _rename, "Rename a segment", Reach.SEGMENT, body=Name),
    frame.posted(f"{_PATH}/pause", _order(segments.pause, "paused"), "Pause a segment", Reach.SEGMENT),
    frame.posted(f"{_PATH}/resume", _order(segments.resume, "resumed"), "Resume a segment", Reach.SEGMENT),
    frame.posted(f"{_PATH}/adopt", _order(segments.adopt, "adopted"), "Adopt a segment", Reach.SEGMENT),
    frame.posted(
        f"{_PATH}/recreate", _recreate, "Recreate a segment", Reach.SEGMENT, role=Role.ADMIN, body=Confirmed, paced=True
    ),
    frame.posted(
        f"{_PATH}/delete", _delete, "Delete a segment", Reach.SEGMENT, role=Role.ADMIN, body=Confirmed, paced=True
    ),
)
