"""The overview, live."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from syncd.admin.console import frame
from syncd.admin.routes import Call, Reach

_EVERY: Final = 3
_LIVE: Final = "/live/overview"


async def _inside(call: Call) -> str:
    """Rendered once for all who may see and do the same, until there is something new to show."""
    console = frame.of(call)
    whole = await console.watch.now()
    who = call.caller.accounts, call.caller.role
    held = console.shown.get(who)
    if held is not None and held[0] is whole:
        return held[1]
    overview = whole.within(call.caller.accounts)
    accepted = sum(rate.accepted for member in overview.members for rate in member.rates)
    html = frame.part(call, "live_overview.html", overview=overview, accepted=accepted)
    stale = [key for key, (shown, _) in console.shown.items() if shown is not whole]
    for key in stale:
        del console.shown[key]
    console.shown[who] = (whole, html)
    return html


async def _page(call: Call) -> web.Response:
    live = frame.live(await _inside(call), _LIVE, _EVERY)
    return frame.page(call, "overview.html", title="Overview", here="overview", live=live, said=frame.said(call))


async def _renew(call: Call) -> web.Response:
    return frame.renewed(call, await _inside(call), _LIVE, _EVERY)


ROUTES: Final = (
    frame.got("/", _page, "The overview", Reach.FILTERED),
    frame.polled(_LIVE, _renew, "The overview's live part", Reach.FILTERED),
)
