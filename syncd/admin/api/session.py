"""Signing in and out, and who one is."""

from __future__ import annotations

from typing import Final

import msgspec
from aiohttp import web

from syncd.admin import cookies
from syncd.admin.routes import Call, Reach, Route
from syncd.domain.access import Person, Role
from syncd.errors import Denied
from syncd.operations import access


class SignIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    password: str

    def __repr__(self) -> str:
        return "SignIn(…)"


class NewPassword(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`password` is the one they have."""

    password: str
    new: str

    def __repr__(self) -> str:
        return "NewPassword(…)"


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks. `accounts` is null where all are theirs; `csrf` is what writes with a cookie carry in X-CSRF-Token."""

    name: str
    role: Role
    accounts: list[str] | None
    csrf: str | None


def _me(person: Person, session: access.Session | None) -> Me:
    return Me(
        name=person.name,
        role=person.role,
        accounts=None if person.accounts is None else sorted(person.accounts),
        csrf=session.csrf if session is not None else None,
    )


async def _sign_in(call: Call) -> web.Response:
    wanted: SignIn = call.body
    return _welcome(call, await cookies.sign_in(call, wanted.name, wanted.password))


async def _change(call: Call) -> web.Response:
    wanted: NewPassword = call.body
    if call.session is None:
        raise Denied("a token has no password: this is for people who are signed in")
    return _welcome(call, await cookies.change_password(call, wanted.password, wanted.new))


def _welcome(call: Call, begun: access.Session) -> web.Response:
    response = web.Response(body=msgspec.json.encode(_me(begun.person, begun)), content_type="application/json")
    cookies.give(response, call.desk, begun)
    return response


async def _show(call: Call) -> Me:
    return _me(call.caller, call.session)


async def _sign_out(call: Call) -> web.Response:
    if call.session is not None:
        await access.sign_out(call.desk.database, call.session)
    response = web.Response(status=204)
    cookies.take(response, call.desk)
    return response


_PATH: Final = "/api/v1/session"
ROUTES: Final = (
    Route(
        method="POST",
        path=_PATH,
        handler=_sign_in,
        summary="Sign in with a name and a password",
        subject="session",
        role=None,
        reach=Reach.NOWHERE,
        body=SignIn,
        answer=Me,
        most_bytes=10_000,
    ),
    Route(
        method="POST",
        path=_PATH + "/password",
        handler=_change,
        summary="Change your password; your other sessions end",
        subject="session",
        role=Role.VIEWER,
        reach=Reach.NOWHERE,
        body=NewPassword,
        answer=Me,
        most_bytes=10_000,
    ),
    Route(
        method="GET",
        path=_PATH,
        handler=_show,
        summary="Who you are, and what you may",
        subject="session",
        role=Role.VIEWER,
        reach=Reach.NOWHERE,
        answer=Me,
    ),
    Route(
        method="DELETE",
        path=_PATH,
        handler=_sign_out,
        summary="Sign out",
        subject="session",
        role=Role.VIEWER,
        reach=Reach.NOWHERE,
        status=204,
    ),
)
