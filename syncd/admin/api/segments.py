"""Segments: see, make, rename, pause and delete them; their history."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from syncd.admin.api.wire import Account, Key, Paged, Reason, Text, Why
from syncd.admin.routes import Call, Handler, Reach, Route
from syncd.domain.access import Role
from syncd.errors import Clashing, Denied
from syncd.operations import history, remote, segments
from syncd.operations.history import Move, Seen
from syncd.operations.paging import Page, after_key, page
from syncd.operations.segments import SegmentDetails, SegmentReport, Unknown
from syncd.store.segments import Declared


class Which(Paged, frozen=True, kw_only=True):
    """Filters of the list."""

    member: Text | None = None
    account: Account | None = None
    kind: Literal["user", "company", "user list", "company list"] | None = None
    status: Text | None = None
    parked: bool | None = None


class Segments(msgspec.Struct, frozen=True, kw_only=True):
    """A page of segments; `unknown` are rows of the outbox whose segment does not exist, told to those who see all."""

    items: list[SegmentReport]
    next_cursor: str | None
    unknown: list[Unknown]


class NewSegment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    key: Key
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    kind: Literal["user", "company"]
    account: Account
    member: Text
    reason: Reason = ""


class Patch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The new name goes to LinkedIn first, and stands here once LinkedIn has taken it."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    reason: Reason = ""


class Confirmed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`confirm` is the segment's key once more, typed by whoever means it."""

    confirm: str
    reason: Reason = ""


async def _list(call: Call) -> Segments:
    which: Which = call.query
    found = await segments.listed(call.desk.database, call.caller.accounts)
    after = after_key(which.part, "segments") or ""
    meant = [one for one in found.segments if one.key > after and _fits(one, which)]
    part = page(meant[: which.limit + 1], which.part, "segments", lambda one: one.key)
    return Segments(items=part.items, next_cursor=part.next_cursor, unknown=found.unknown)


def _fits(one: SegmentReport, which: Which) -> bool:
    wanted = (
        (which.member, one.member),
        (which.account, one.account),
        (which.kind, one.kind),
        (which.status, one.status),
    )
    return all(value in (None, has) for value, has in wanted) and which.parked in (None, one.parked is not None)


async def _show(call: Call) -> SegmentDetails:
    return await segments.shown(call.desk.database, call.part("segment"))


async def _create(call: Call) -> SegmentDetails:
    wanted: NewSegment = call.body
    if not call.caller.sees(wanted.account):
        raise Denied("you may not use that ad account")
    declared = Declared(
        key=wanted.key, name=wanted.name, kind=wanted.kind, account=wanted.account, member=wanted.member
    )
    by, accounts = call.caller.by(wanted.reason), call.caller.accounts
    await segments.create(call.desk.database, call.desk.settings, declared, by=by, accounts=accounts)
    return await segments.shown(call.desk.database, wanted.key)


async def _patch(call: Call) -> SegmentDetails:
    wanted: Patch = call.body
    key = call.part("segment")
    await remote.rename(
        call.desk.database, call.desk.settings, key, wanted.name, call.desk.clock, by=call.caller.by(wanted.reason)
    )
    return await segments.shown(call.desk.database, key)


async def _delete(call: Call) -> SegmentDetails:
    wanted: Confirmed = call.body
    key = call.part("segment")
    if wanted.confirm != key:
        raise Clashing("confirm is not the segment's key: nothing was deleted")
    await segments.delete(call.desk.database, call.desk.settings, key, by=call.caller.by(wanted.reason))
    return await segments.shown(call.desk.database, key)


async def _pause(call: Call) -> SegmentDetails:
    key, why = call.part("segment"), call.body
    await segments.pause(call.desk.database, key, by=call.caller.by(why.reason))
    return await segments.shown(call.desk.database, key)


async def _resume(call: Call) -> SegmentDetails:
    key, why = call.part("segment"), call.body
    await segments.resume(call.desk.database, key, by=call.caller.by(why.reason))
    return await segments.shown(call.desk.database, key)


async def _adopt(call: Call) -> SegmentDetails:
    key, why = call.part("segment"), call.body
    await segments.adopt(call.desk.database, key, by=call.caller.by(why.reason))
    return await segments.shown(call.desk.database, key)


async def _recreate(call: Call) -> SegmentDetails:
    wanted: Confirmed = call.body
    key = call.part("segment")
    if wanted.confirm != key:
        raise Clashing("confirm is not the segment's key: nothing was done")
    await segments.recreate(call.desk.database, key, by=call.caller.by(wanted.reason))
    return await segments.shown(call.desk.database, key)


async def _statuses(call: Call) -> Page[Move]:
    return await history.statuses(call.desk.database, call.part("segment"), call.query.part)


async def _counts(call: Call) -> Page[Seen]:
    return await history.counts(call.desk.database, call.part("segment"), call.query.part)


_PATH: Final = "/api/v1/segments"
_ONE: Final = _PATH + "/{segment}"


def _order(name: str, handler: Handler, summary: str, *, role: Role = Role.OPERATOR, body: type = Why) -> Route:
    return Route(
        method="POST",
        path=f"{_ONE}/{name}",
        handler=handler,
        summary=summary,
        subject="segments",
        role=role,
        reach=Reach.SEGMENT,
        body=body,
        answer=SegmentDetails,
        starts_work=True,
        paced=role is Role.ADMIN,
    )


ROUTES: Final = (
    Route(
        method="GET",
        path=_PATH,
        handler=_list,
        summary="All segments: status, what waits, who is in them, what is to be done",
        subject="segments",
        role=Role.VIEWER,
        reach=Reach.FILTERED,
        query=Which,
        answer=Segments,
    ),
    Route(
        method="POST",
        path=_PATH,
        handler=_create,
        summary="Make a segment; the daemon creates it at LinkedIn",
        subject="segments",
        role=Role.OPERATOR,
        reach=Reach.FILTERED,
        body=NewSegment,
        answer=SegmentDetails,
        status=201,
        starts_work=True,
    ),
    Route(
        method="GET",
        path=_ONE,
        handler=_show,
        summary="One segment: why it is where it is, what to do, its newest changes of status",
        subject="segments",
        role=Role.VIEWER,
        reach=Reach.SEGMENT,
        answer=SegmentDetails,
    ),
    Route(
        method="PATCH",
        path=_ONE,
        handler=_patch,
        summary="Rename it, at LinkedIn too",
        subject="segments",
        role=Role.OPERATOR,
        reach=Reach.SEGMENT,
        body=Patch,
        answer=SegmentDetails,
        starts_work=True,
    ),
    Route(
        method="DELETE",
        path=_ONE,
        handler=_delete,
        summary="Delete it, at LinkedIn too; the daemon does it",
        subject="segments",
        role=Role.ADMIN,
        reach=Reach.SEGMENT,
        body=Confirmed,
        answer=SegmentDetails,
        status=202,
        starts_work=True,
        paced=True,
    ),
    _order("pause", _pause, "Take and send nothing for it; its rows wait"),
    _order("resume", _resume, "Let it go on, whether it was paused or parked"),
    _order("adopt", _adopt, "Take over the segment that was found at LinkedIn under this key"),
    _order(
        "recreate", _recreate, "Put a new, empty segment in the place of the old one", role=Role.ADMIN, body=Confirmed
    ),
    Route(
        method="GET",
        path=_ONE + "/statuses",
        handler=_statuses,
        summary="Its changes of status, the newest first",
        subject="segments",
        role=Role.VIEWER,
        reach=Reach.SEGMENT,
        query=Paged,
        answer=Page[Move],
    ),
    Route(
        method="GET",
        path=_ONE + "/counts",
        handler=_counts,
        summary="LinkedIn's counts over time, the newest first",
        subject="segments",
        role=Role.VIEWER,
        reach=Reach.SEGMENT,
        query=Paged,
        answer=Page[Seen],
    ),
)
