"""Members: who works for each, how near its limits it is, when its tokens end, and its sign-in at LinkedIn."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from aiohttp import web

from syncd.admin.console import frame
from syncd.admin.routes import Call, Handler, Reach
from syncd.domain import remedy
from syncd.domain.access import Role
from syncd.operations import members, signing
from syncd.settings import Settings


class Begin(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    redirect_uri: str = ""
    csrf: str = ""


class Finish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    ticket: str = ""
    address: str = ""
    csrf: str = ""


async def _page(call: Call) -> web.Response:
    whole = (await frame.of(call).watch.now()).within(call.caller.accounts)
    seen = {one.key: one for one in whole.members}
    found = await members.listed(call.desk.database, call.desk.settings, call.caller.accounts)
    return frame.page(
        call,
        "members.html",
        title="Members",
        here="members",
        members=found,
        rates={key: one.rates for key, one in seen.items()},
        remedies={one.key: remedy.of_member(one.parked) for one in found if one.parked},
        signs_in=_able(call.desk.settings),
        said=frame.said(call),
    )


def _able(settings: Settings) -> set[str]:
    """The members that have what a sign-in needs."""
    return {one.key for one in settings.members if one.client_id and one.client_secret_file and settings.secret_keys}


async def _begin(call: Call) -> web.Response:
    """Consent is given at LinkedIn, which leads back to an address of the application's: that is pasted here."""
    given: Begin = call.body
    begun = signing.begin(call.desk.settings, call.part("member"), given.redirect_uri)
    return frame.page(
        call,
        "sign_in_member.html",
        title="Sign in a member",
        here="members",
        member=call.part("member"),
        url=begun.url,
        ticket=signing.ticket(call.desk.settings, begun, call.caller.id),
    )


async def _finish(call: Call) -> web.Response:
    given: Finish = call.body
    desk = call.desk
    begun = signing.begun(desk.settings, given.ticket, call.part("member"), call.caller.id)
    await signing.finish(desk.database, desk.settings, begun, given.address, desk.clock, by=call.caller.by())
    return frame.see("/members", "signed-in")


def _order(order: Any, done: str) -> Handler:
    async def carry_out(call: Call) -> web.Response:
        await order(call.desk.database, call.part("member"), by=call.caller.by(call.body.reason))
        frame.of(call).watch.outdate()
        return frame.see("/members", done)

    return carry_out


_ONE: Final = "/members/{member}"
ROUTES: Final = (
    frame.got("/members", _page, "Members", Reach.FILTERED),
    frame.posted(f"{_ONE}/pause", _order(members.pause, "paused"), "Pause a member", Reach.EVERYWHERE),
    frame.posted(f"{_ONE}/resume", _order(members.resume, "resumed"), "Resume a member", Reach.EVERYWHERE),
    frame.posted(f"{_ONE}/sign-in", _begin, "Begin a member's sign-in", Reach.EVERYWHERE, role=Role.ADMIN, body=Begin),
    frame.posted(
        f"{_ONE}/sign-in/finish",
        _finish,
        "Finish a member's sign-in",
        Reach.EVERYWHERE,
        role=Role.ADMIN,
        body=Finish,
        paced=True,
    ),
)
