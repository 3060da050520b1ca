"""Members: who works for each, what parks it, how much of its limits is in use, when its tokens end; signing one in."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import msgspec

from syncd.admin.api.wire import Reason, Why
from syncd.admin.routes import Call, Handler, Reach, Route
from syncd.domain.access import Role
from syncd.observe.usage import Use
from syncd.operations import members, signing
from syncd.operations.members import MemberReport


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """`uses` is empty where another replica works for the member: only its owner counts."""

    member: MemberReport
    uses: list[Use]


class Members(msgspec.Struct, frozen=True, kw_only=True):
    items: list[Member]


class Begin(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`redirect_uri` is an address that the application names at LinkedIn."""

    redirect_uri: Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """`url` is to be opened in a browser where the member is signed in at LinkedIn; `ticket` finishes this sign-in within
    ten minutes.
    """

    url: str
    ticket: str


class Finish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`address` is the whole address the browser ended at."""

    ticket: Annotated[str, msgspec.Meta(max_length=10_000)]
    address: Annotated[str, msgspec.Meta(max_length=10_000)]
    reason: Reason = ""


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """When the consent ends, if LinkedIn says so."""

    consent_ends: datetime | None


async def _list(call: Call) -> Members:
    found = await members.listed(call.desk.database, call.desk.settings, call.caller.accounts)
    return Members(items=[Member(member=one, uses=call.desk.usage.of(one.key)) for one in found])


async def _pause(call: Call) -> None:
    why: Why = call.body
    await members.pause(call.desk.database, call.part("member"), by=call.caller.by(why.reason))


async def _resume(call: Call) -> None:
    why: Why = call.body
    await members.resume(call.desk.database, call.part("member"), by=call.caller.by(why.reason))


async def _begin(call: Call) -> Begun:
    wanted: Begin = call.body
    begun = signing.begin(call.desk.settings, call.part("member"), wanted.redirect_uri)
    return Begun(url=begun.url, ticket=signing.ticket(call.desk.settings, begun, call.caller.id))


async def _finish(call: Call) -> SignedIn:
    wanted: Finish = call.body
    desk = call.desk
    begun = signing.begun(desk.settings, wanted.ticket, call.part("member"), call.caller.id)
    ends = await signing.finish(
        desk.database, desk.settings, begun, wanted.address, desk.clock, by=call.caller.by(wanted.reason)
    )
    return SignedIn(consent_ends=ends)


_PATH: Final = "/api/v1/members"
_ONE: Final = _PATH + "/{member}"


def _order(name: str, handler: Handler, summary: str) -> Route:
    return Route(
        method="POST",
        path=f"{_ONE}/{name}",
        handler=handler,
        summary=summary,
        subject="members",
        role=Role.OPERATOR,
        reach=Reach.EVERYWHERE,
        body=Why,
        status=204,
        starts_work=True,
    )


ROUTES: Final = (
    Route(
        method="GET",
        path=_PATH,
        handler=_list,
        summary="All members: what parks them, limits in use, when their tokens end",
        subject="members",
        role=Role.VIEWER,
        reach=Reach.FILTERED,
        answer=Members,
    ),
    _order("pause", _pause, "Take and send nothing for it"),
    _order("resume", _resume, "Let it go on, whether it was paused or parked"),
    Route(
        method="POST",
        path=_ONE + "/sign-in",
        handler=_begin,
        summary="Begin to get tokens for a member by its consent in a browser",
        subject="members",
        role=Role.ADMIN,
        reach=Reach.EVERYWHERE,
        body=Begin,
        answer=Begun,
        starts_work=True,
    ),
    Route(
        method="POST",
        path=_ONE + "/sign-in/finish",
        handler=_finish,
        summary="Turn the consent into tokens, which are kept sealed",
        subject="members",
        role=Role.ADMIN,
        reach=Reach.EVERYWHERE,
        body=Finish,
        answer=SignedIn,
        starts_work=True,
        paced=True,
    ),
)
