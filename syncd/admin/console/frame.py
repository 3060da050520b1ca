"""What every page stands in: who looks, where they are, what was just done, and the parts that renew themselves.

A live part carries the fingerprint of what it shows; asked again with it, the server answers with nothing while nothing
has changed. So fifty people who watch cost a comparison each, and no screen flickers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec
from aiohttp import hdrs, web
from jinja2 import Environment
from markupsafe import Markup

from syncd.admin.console import rendering
from syncd.admin.desk import Desk
from syncd.admin.problems import PAGE, Problem
from syncd.admin.routes import FORM, MULTIPART, Call, Face, Handler, Reach, Route
from syncd.admin.uploads import MOST_BYTES
from syncd.domain.access import Role
from syncd.operations.overview import Overview, Watch

SUBJECT: Final = "console"
_MENU: Final = (
    ("overview", "/", "Overview", Role.VIEWER),
    ("resyncs", "/resyncs", "Resyncs", Role.VIEWER),
    ("letters", "/dead-letters", "Dead letters", Role.VIEWER),
    ("members", "/members", "Members", Role.VIEWER),
    ("templates", "/templates", "Templates", Role.VIEWER),
    ("erasure", "/erasure", "Erasure", Role.ADMIN),
    ("audit", "/audit", "Audit", Role.OPERATOR),
    ("access", "/access", "People and tokens", Role.ADMIN),
)
_SAID: Final = {
    "created": "The segment is created. The owner of its member makes it at LinkedIn within seconds.",
    "paused": "Paused: nothing is taken or sent until it is resumed.",
    "resumed": "It goes on.",
    "adopted": "Ordered: the segment found at LinkedIn is taken over.",
    "recreated": "Ordered: a new segment takes the old one's place, and is filled from the ledger.",
    "deleted": "Ordered: the segment goes, at LinkedIn too.",
    "renamed": "Renamed, at LinkedIn too.",
    "retried": "{n:,} dead letters go again, with the rank they had.",
    "dropped": "{n:,} dead letters were dropped.",
    "started": "The resync is started.",
    "cancelled": "The resync is cancelled.",
    "person": "Done; whoever was changed signs in again.",
    "revoked": "The token is revoked; it is refused from now on.",
    "erasing": "The erasure has begun; it is done when LinkedIn has accepted every removal.",
    "opted-out": "Opted out: they leave every segment, and no ADD of them is taken.",
    "opted-in": "Opted in: they may be added again.",
    "changed": "Your password is changed; wherever else you were signed in, you are signed out.",
    "signed-out": "You are signed out.",
    "signed-in": "The member is signed in at LinkedIn.",
}
"""What a page says after something was done; never a word from the address itself."""


class Seen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The query of a live part: the fingerprint of what its reader has."""

    seen: str = ""


class Said(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The query of a page: what was just done."""

    said: str = ""
    n: int = 0


class Sent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A form without fields of its own, beside why it is sent."""

    reason: str = ""
    csrf: str = ""


@dataclass(slots=True, kw_only=True)
class Console:
    """What pages are made with, one of a process. `shown` holds the overview as it was last rendered, by who may see and do what."""

    made: Environment
    watch: Watch
    shown: dict[tuple[frozenset[str] | None, Role], tuple[Overview, str]] = field(default_factory=dict)


CONSOLE: Final = web.AppKey("console", Console)


def furnish(app: web.Application, desk: Desk) -> None:
    """Puts what pages need into an application, errors that are pages included."""
    console = Console(made=rendering.environment(), watch=Watch(desk.database, desk.settings))
    app[CONSOLE] = console
    app[PAGE] = lambda request, shown: _problem(console, desk, request, shown)


def of(call: Call) -> Console:
    return call.request.app[CONSOLE]


def said(call: Call) -> str:
    """What the page says was just done."""
    query: Said = call.query
    return _SAID.get(query.said, "").format(n=max(0, query.n))


def _context(desk: Desk, **more: Any) -> dict[str, Any]:
    now = datetime.fromtimestamp(desk.clock.wall(), UTC)
    return {"now": now, "person": None, "csrf": "", "here": "", "menu": _MENU, "problem": "", "said": "", **more}


def page(call: Call, name: str, /, *, title: str, status: int = 200, **context: Any) -> web.Response:
    """A whole page for whoever is signed in."""
    csrf = call.session.csrf if call.session is not None else ""
    given = {"person": call.caller, "csrf": csrf, "title": title, **context}
    html = rendering.render(of(call).made, name, _context(call.desk, **given))
    return web.Response(status=status, text=html, content_type="text/html")


def door(call: Call, name: str, /, *, title: str, status: int = 200, **context: Any) -> web.Response:
    """A page for whoever is not."""
    html = rendering.render(of(call).made, name, _context(call.desk, title=title, **context))
    return web.Response(status=status, text=html, content_type="text/html")


def part(call: Call, name: str, /, **context: Any) -> str:
    """The inside of a live part."""
    return rendering.render(of(call).made, name, _context(call.desk, person=call.caller, **context))


def live(inside: str, path: str, every: int) -> Markup:
    """A part that asks for itself every so many seconds."""
    url = f"{path}?seen={rendering.fingerprint(inside)}"
    frame = Markup('<div class="stack" hx-get="{}" hx-trigger="every {}s" hx-swap="outerHTML">{}</div>')
    return frame.format(url, every, Markup(inside))  # noqa: S704 - rendered by the environment that escapes


def still(inside: str) -> Markup:
    """The same, of something that does not change any more."""
    return Markup('<div class="stack">{}</div>').format(Markup(inside))  # noqa: S704 - likewise


def renewed(call: Call, inside: str, path: str, every: int) -> web.Response:
    """The answer to a live part: itself anew, or nothing while it is what its reader has."""
    query: Seen = call.query
    if query.seen == rendering.fingerprint(inside):
        return web.Response(status=204)
    return web.Response(text=str(live(inside, path, every)), content_type="text/html")


def see(path: str, done: str = "", n: int | None = None) -> web.Response:
    """After a form: the page to look at, and what it says was done."""
    given = {"said": done} if done else {}
    given |= {"n": str(n)} if n is not None else {}
    where = f"{path}?{urlencode(given)}" if given else path
    return web.Response(status=303, headers={hdrs.LOCATION: where})


def path_of(segment: str, rest: str = "") -> str:
    return f"/segments/{quote(segment, safe='')}{rest}"


def _problem(console: Console, desk: Desk, request: web.Request, shown: Problem) -> web.Response:
    """An error as a page; whoever is not signed in is shown the door."""
    if shown.status == 401 and request.method == "GET":
        return see(f"/sign-in?{urlencode({'next': request.path})}" if request.path != "/" else "/sign-in")
    back = request.headers.get(hdrs.REFERER, "").partition(desk.origin(request))[2]
    context = _context(desk, title=shown.title, shown=shown, back=back if back.startswith("/") else "")
    html = rendering.render(console.made, "problem.html", context)
    return web.Response(status=shown.status, text=html, content_type="text/html")


def got(
    path: str, handler: Handler, summary: str, reach: Reach, *, role: Role = Role.VIEWER, query: type = Said
) -> Route:
    """The route of a page."""
    return Route(
        method="GET", path=path, handler=handler, summary=summary, subject=SUBJECT, role=role, reach=reach, face=Face.PAGE,
        query=query,
    )  # fmt: skip


def polled(path: str, handler: Handler, summary: str, reach: Reach) -> Route:
    """The route of a live part, which prolongs no session."""
    return Route(
        method="GET", path=path, handler=handler, summary=summary, subject=SUBJECT, role=Role.VIEWER, reach=reach,
        face=Face.PAGE, query=Seen, passive=True,
    )  # fmt: skip


def posted(  # noqa: PLR0913 - what a form is
    path: str,
    handler: Handler,
    summary: str,
    reach: Reach,
    *,
    role: Role = Role.OPERATOR,
    body: type = Sent,
    paced: bool = False,
) -> Route:
    """The route of a form."""
    return Route(
        method="POST", path=path, handler=handler, summary=summary, subject=SUBJECT, role=role, reach=reach, face=Face.PAGE,
        body=body, takes=(FORM,), most_bytes=65_536, paced=paced,
    )  # fmt: skip


def uploaded(path: str, handler: Handler, summary: str, reach: Reach, *, body: type) -> Route:
    """The route of a form that carries a snapshot."""
    return Route(
        method="POST", path=path, handler=handler, summary=summary, subject=SUBJECT, role=Role.OPERATOR, reach=reach,
        face=Face.PAGE, body=body, takes=(), streamed=(MULTIPART,), most_streamed=MOST_BYTES,
    )  # fmt: skip
