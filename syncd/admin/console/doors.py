"""The door for people: a name and a password, and out again; and the files every page needs."""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import hdrs, web

from syncd.admin import cookies
from syncd.admin.console import frame
from syncd.admin.console.rendering import STATIC
from syncd.admin.problems import Refusal
from syncd.admin.routes import FORM, Call, Face, Handler, Reach, Route
from syncd.domain.access import Role
from syncd.errors import Denied
from syncd.operations import access
from syncd.operations.pace import Wait

_A_DAY: Final = "max-age=86400"


class Door(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    next: str = "/"
    said: str = ""
    n: int = 0


class SignIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str = ""
    password: str = ""
    next: str = "/"


def _inside(path: str) -> str:
    """Where to go after signing in: a page of ours, whatever the address says."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() else "/"


async def _door(call: Call) -> web.Response:
    if call.session is not None:
        return frame.see(_inside(call.query.next))
    return _shown(call, next_page=_inside(call.query.next))


def _shown(call: Call, *, next_page: str, name: str = "", problem: str = "", status: int = 200) -> web.Response:
    return frame.door(
        call,
        "sign_in.html",
        title="Sign in",
        status=status,
        next=next_page,
        name=name,
        problem=problem,
        said=frame.said(call) if isinstance(call.query, Door) else "",
        elsewhere="/sign-in/oidc" if call.desk.settings.oidc.issuer else "",
    )


async def _sign_in(call: Call) -> web.Response:
    given: SignIn = call.body
    try:
        begun = await cookies.sign_in(call, given.name, given.password)
    except Denied as denied:
        answer = _shown(
            call,
            next_page=_inside(given.next),
            name=given.name[:64],
            problem=f"{str(denied).capitalize()}.",
            status=429 if isinstance(denied, Wait) else 401,
        )
        if isinstance(denied, Wait):
            answer.headers[hdrs.RETRY_AFTER] = f"{denied.seconds + 1:.0f}"
        return answer
    response = frame.see(_inside(given.next))
    cookies.give(response, call.desk, begun)
    return response


async def _sign_out(call: Call) -> web.Response:
    if call.session is not None:
        await access.sign_out(call.desk.database, call.session)
    response = frame.see("/sign-in", "signed-out")
    cookies.take(response, call.desk)
    return response


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    body: bytes
    kind: str
    etag: str


def _read(file: Path) -> _File:
    body = file.read_bytes()
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return _File(body=body, kind=kind, etag=f'"{blake2b(body, digest_size=8).hexdigest()}"')


_FILES: Final = {file.name: _read(file) for file in sorted(STATIC.iterdir()) if file.suffix in {".css", ".js", ".svg"}}


async def _file(call: Call) -> web.Response:
    """A browser keeps it and asks whether it is still the same; one with a version in its name it need not ask for."""
    name = call.part("name")
    file = _FILES.get(name)
    if file is None:
        raise Refusal(404, "there is no such file")
    headers = {hdrs.CACHE_CONTROL: _A_DAY if "-" in name else "no-cache", hdrs.ETAG: file.etag}
    if call.request.headers.get(hdrs.IF_NONE_MATCH) == file.etag:
        return web.Response(status=304, headers=headers)
    return web.Response(body=file.body, content_type=file.kind, charset="utf-8", headers=headers)


def _open(method: str, path: str, handler: Handler, summary: str, **more: object) -> Route:
    return Route(
        method=method, path=path, handler=handler, summary=summary, subject=frame.SUBJECT, role=None, reach=Reach.NOWHERE,
        **more,  # type: ignore[arg-type]  # as Route declares them
    )  # fmt: skip


ROUTES: Final = (
    _open("GET", "/sign-in", _door, "The page to sign in", face=Face.PAGE, query=Door),
    _open("POST", "/sign-in", _sign_in, "Sign in", face=Face.PAGE, body=SignIn, takes=(FORM,), most_bytes=10_000),
    _open("GET", "/static/{name}", _file, "A file of the console", face=Face.ASSET),
    frame.posted("/sign-out", _sign_out, "Sign out", Reach.NOWHERE, role=Role.VIEWER),
)
