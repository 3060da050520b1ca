"""The session's cookie: who gets it, and how a browser is told to guard it."""

from __future__ import annotations

from aiohttp import web

from syncd.admin.desk import Desk
from syncd.admin.routes import Call
from syncd.operations.access import Attempt, Session
from syncd.store.sessions import LONGEST


async def sign_in(call: Call, name: str, password: str) -> Session:
    """A new session; one the browser had before ends. Raises Wait or WrongPassword."""
    return await call.desk.reception.sign_in(call.desk.database, _attempt(call, name, password))


async def change_password(call: Call, password: str, new: str) -> Session:
    """A new session under another password. Raises Wait, WrongPassword or Rejected."""
    attempt = _attempt(call, call.caller.name, password)
    return await call.desk.reception.change_password(call.desk.database, attempt, new)


def _attempt(call: Call, name: str, password: str) -> Attempt:
    return Attempt(
        name=name,
        password=password,
        address=call.request.remote or "",
        before=call.request.cookies.get(call.desk.cookie),
    )


def give(response: web.StreamResponse, desk: Desk, session: Session) -> None:
    response.set_cookie(
        desk.cookie,
        session.secret,
        max_age=int(LONGEST),
        path="/",
        secure=desk.is_https,
        httponly=True,
        samesite="Strict",
    )


def take(response: web.StreamResponse, desk: Desk) -> None:
    response.del_cookie(desk.cookie, path="/", secure=desk.is_https, httponly=True, samesite="Strict")
