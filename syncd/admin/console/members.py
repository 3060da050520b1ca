"""Members: who works for each, how near its limits it is, when its tokens end, and its sign-in at LinkedIn."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from syncd.admin.console import frame
from syncd.admin.routes import Call, Reach
from syncd.domain import remedy
from syncd.operations import members


async def _page(call: Call) -> web.Response:
    whole = (await frame.of(call).watch.now()).within(call.caller.accounts)
    seen = {one.key: one for one in whole.members}
    listed = await members.listed(call.desk.database, call.desk.settings)
    found = [one for one in listed if call.caller.accounts is None or one.key in seen]
    return frame.page(
        call,
        "members.html",
        title="Members",
        here="members",
        members=found,
        rates={key: one.rates for key, one in seen.items()},
        remedies={one.key: remedy.of_member(one.parked) for one in found if one.parked},
        signs_in=set(),
        said=frame.said(call),
    )


def _order(order: Any, done: str) -> frame.Handler:
    async def carry_out(call: Call) -> web.Response:
        await order(call.desk.database, call.part("member"))
        frame.of(call).watch.outdate()
        return frame.see("/members", done)

    return carry_out


ROUTES: Final = (
    frame.got("/members", _page, "Members", Reach.FILTERED),
    frame.posted("/members/{member}/pause", _order(members.pause, "paused"), "Pause a member", Reach.EVERYWHERE),
    frame.posted("/members/{member}/resume", _order(members.resume, "resumed"), "Resume a member", Reach.EVERYWHERE),
)
