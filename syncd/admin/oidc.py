"""The two pages of a sign-in at an identity provider: the one that leaves, and the one that comes back.

Coming back is a navigation from another site, so the session's strict cookie would not be sent along with a redirect: a page
that leads on by itself is.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from aiohttp import web

from syncd.admin import cookies
from syncd.admin.desk import Desk
from syncd.admin.problems import Refusal
from syncd.admin.routes import Call, Face, Reach, Route
from syncd.operations import access, vouching
from syncd.operations.oidc import BACK, PATIENCE, Provider

_ON: Final = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Signed in</title>'
    '<meta http-equiv="refresh" content="0;url=/"></head><body><a href="/">Go on</a></body></html>'
)
Word = Annotated[str, msgspec.Meta(max_length=4_000)]


class Arrived(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider adds to the address; others of its additions are passed over."""

    code: Word = ""
    state: Word = ""
    iss: Word | None = None
    error: Word = ""

    def __repr__(self) -> str:
        return "Arrived(…)"


async def _leave(call: Call) -> web.Response:
    begun = await _provider(call.desk).begin()
    response = web.Response(status=303, headers={"Location": begun.url})
    response.set_cookie(
        _cookie(call.desk),
        begun.memory,
        max_age=PATIENCE,
        path="/",
        secure=call.desk.is_https,
        httponly=True,
        samesite="Lax",
    )
    return response


async def _back(call: Call) -> web.Response:
    arrived: Arrived = call.query
    sealed = call.request.cookies.get(_cookie(call.desk))
    if sealed is None:
        raise Refusal(403, "no sign-in was begun in this browser: begin again")
    told = {"code": arrived.code, "state": arrived.state} | ({"iss": arrived.iss} if arrived.iss is not None else {})
    known = await _provider(call.desk).finish(sealed, told)
    number = await vouching.signed_in(call.desk.database, known)
    session = await access.begin(call.desk.database, number, call.request.cookies.get(call.desk.cookie))
    response = web.Response(text=_ON, content_type="text/html")
    cookies.give(response, call.desk, session)
    response.del_cookie(_cookie(call.desk), path="/", secure=call.desk.is_https, httponly=True, samesite="Lax")
    return response


def _provider(desk: Desk) -> Provider:
    return Provider(desk.settings, desk.discovery, desk.clock)


def _cookie(desk: Desk) -> str:
    return f"{desk.cookie}-oidc"


ROUTES: Final = (
    Route(
        method="GET",
        path="/sign-in/oidc",
        handler=_leave,
        summary="To the identity provider",
        subject="session",
        role=None,
        reach=Reach.NOWHERE,
        face=Face.PAGE,
    ),
    Route(
        method="GET",
        path=BACK,
        handler=_back,
        summary="Back from the identity provider",
        subject="session",
        role=None,
        reach=Reach.NOWHERE,
        face=Face.PAGE,
        query=Arrived,
    ),
)
