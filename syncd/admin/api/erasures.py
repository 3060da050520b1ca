"""Erasures, opt-outs, and whether a person is in a segment. A person comes in a body, never in a URL, and never goes out."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from syncd.admin.api.wire import Paged, Reason
from syncd.admin.routes import Call, Reach, Route
from syncd.domain.access import Role
from syncd.operations import erasure, optouts, presence
from syncd.operations.erasure import Erasure
from syncd.operations.optouts import Added, Counted, Entry, Suppression
from syncd.operations.paging import Page, after_id, page
from syncd.operations.presence import Found

Who = Annotated[str, msgspec.Meta(min_length=1, max_length=400)]
MOST_PEOPLE: Final = 10_000


class Whom(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An e-mail, or its SHA-256 or SHA-512 in hex."""

    person: Who


class Begun(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An erasure to be: `confirm` is the word ERASE, `reason` is kept as evidence and names nobody."""

    person: Who
    reason: Reason
    confirm: Annotated[str, msgspec.Meta(max_length=20)]


class People(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Up to 10,000 people who opt out."""

    people: Annotated[list[Who], msgspec.Meta(min_length=1, max_length=MOST_PEOPLE)]
    reason: Reason = ""


class Unwanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may be added again, and why."""

    person: Who
    reason: Reason = ""


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """Whether they were on the list."""

    removed: bool


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """Why somebody is suppressed; null if they are not."""

    suppression: Suppression | None


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What shows that an erasure was done; it names nobody."""

    evidence: dict[str, Any]


async def _begin(call: Call) -> Erasure:
    wanted: Begun = call.body
    by = call.caller.by(wanted.reason)
    return await erasure.begin(
        call.desk.database, call.desk.settings, wanted.person, by=by, confirmation=wanted.confirm
    )


async def _list(call: Call) -> Page[Erasure]:
    part = call.query.part
    found = await erasure.listed(call.desk.database, part.limit + 1, after_id(part, "erasures"))
    return page(found, part, "erasures", lambda one: one.id)


async def _show(call: Call) -> Erasure:
    return await erasure.show(call.desk.database, call.number("number"))


async def _evidence(call: Call) -> Evidence:
    return Evidence(evidence=await erasure.evidence(call.desk.database, call.number("number")))


async def _add(call: Call) -> Added:
    wanted: People = call.body
    by = call.caller.by(wanted.reason)
    return await optouts.add(call.desk.database, call.desk.settings, wanted.people, by=by)


async def _remove(call: Call) -> Removed:
    wanted: Unwanted = call.body
    by = call.caller.by(wanted.reason)
    return Removed(removed=await optouts.remove(call.desk.database, call.desk.settings, wanted.person, by=by))


async def _check(call: Call) -> Listed:
    return Listed(suppression=await optouts.check(call.desk.database, call.desk.settings, call.body.person))


async def _entries(call: Call) -> Page[Entry]:
    part = call.query.part
    found = await optouts.listed(call.desk.database, part.limit + 1, after_id(part, "opt-outs"))
    return page(found, part, "opt-outs", lambda one: one.id)


async def _counted(call: Call) -> Counted:
    return await optouts.counted(call.desk.database)


async def _look(call: Call) -> Found:
    return await presence.look(call.desk.database, call.desk.settings, call.body.person, accounts=call.caller.accounts)


_NUMBER: Final = "{number:[0-9]{1,18}}"

ROUTES: Final = (
    Route(
        method="POST",
        path="/api/v1/erasures",
        handler=_begin,
        summary="Forget a person: suppressed at once, then out of everything",
        subject="erasures",
        role=Role.ADMIN,
        reach=Reach.EVERYWHERE,
        body=Begun,
        answer=Erasure,
        status=201,
        starts_work=True,
        paced=True,
    ),
    Route(
        method="GET",
        path="/api/v1/erasures",
        handler=_list,
        summary="Erasures, the newest first; none says whom it is about",
        subject="erasures",
        role=Role.ADMIN,
        reach=Reach.EVERYWHERE,
        query=Paged,
        answer=Page[Erasure],
    ),
    Route(
        method="GET",
        path=f"/api/v1/erasures/{_NUMBER}",
        handler=_show,
        summary="How far an erasure is, segment by segment",
        subject="erasures",
        role=Role.ADMIN,
        reach=Reach.EVERYWHERE,
        answer=Erasure,
    ),
    Route(
        method="GET",
        path=f"/api/v1/erasures/{_NUMBER}/evidence",
        handler=_evidence,
        summary="What shows that it was done",
        subject="erasures",
        role=Role.ADMIN,
        reach=Reach.EVERYWHERE,
        answer=Evidence,
    ),
    Route(
        method="POST",
        path="/api/v1/opt-outs",
        handler=_add,
        summary="Put people on the opt-out list; they leave their segments",
        subject="opt-outs",
        role=Role.ADMIN,
        reach=Reach.EVERYWHERE,
        body=People,
        answer=Added,
        most_bytes=4 * 1024 * 1024,
        starts_work=True,
    ),
    Route(
        method="GET",
        path="/api/v1/opt-outs",
        handler=_entries,
        summary="The entries of the list, the newest first: digests, of which none is shown",
        subject="opt-outs",
        role=Role.ADMIN,
        reach=Reach.EVERYWHERE,
        query=Paged,
        answer=Page[Entry],
    ),
    Route(
        method="GET",
        path="/api/v1/opt-outs/count",
        handler=_counted,
        summary="How long the list is",
        subject="opt-outs",
        role=Role.ADMIN,
        reach=Reach.EVERYWHERE,
        answer=Counted,
    ),
    Route(
        method="POST",
        path="/api/v1/opt-outs/check",
        handler=_check,
        summary="Whether a person is on the list",
        subject="opt-outs",
        role=Role.ADMIN,
        reach=Reach.EVERYWHERE,
        body=Whom,
        answer=Listed,
    ),
    Route(
        method="POST",
        path="/api/v1/opt-outs/remove",
        handler=_remove,
        summary="Let a person be added again",
        subject="opt-outs",
        role=Role.ADMIN,
        reach=Reach.EVERYWHERE,
        body=Unwanted,
        answer=Removed,
        starts_work=True,
    ),
    Route(
        method="POST",
        path="/api/v1/presence",
        handler=_look,
        summary="Is this person in it? By e-mail or hash, which is neither kept nor logged",
        subject="presence",
        role=Role.OPERATOR,
        reach=Reach.FILTERED,
        body=Whom,
        answer=Found,
    ),
)
