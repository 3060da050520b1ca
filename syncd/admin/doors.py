"""The door: who asks, whether their browser was tricked into it, and whether they may.

A program shows a bearer token, a person a session's cookie; of a request with both the token alone says who asks,
good or bad. What a browser sends by itself proves nothing: a write with a cookie needs to come from our own pages
(Sec-Fetch-Site, else Origin) and to carry the token that is bound to the session. Signing in needs the former too.
"""

from __future__ import annotations

from hmac import compare_digest
from typing import Final

from aiohttp import hdrs, web

from syncd.admin.desk import Desk
from syncd.admin.problems import Refusal
from syncd.admin.routes import Reach, Route
from syncd.domain.access import Door, Person, Role
from syncd.operations import access
from syncd.operations.access import Session

CSRF_HEADER: Final = "X-CSRF-Token"
CSRF_FIELD: Final = "csrf"
NOBODY: Final = Person(id="nobody", name="nobody", role=Role.VIEWER, door=Door.CONSOLE, accounts=frozenset())
"""Who asks where anybody may."""
_CHALLENGE: Final = {"WWW-Authenticate": "Bearer"}


async def who(request: web.Request, route: Route, desk: Desk) -> tuple[Person, Session | None]:
    """Whoever asks. Raises Refusal for nobody, unless the route is open."""
    given = request.headers.getall(hdrs.AUTHORIZATION, [])
    secret = request.cookies.get(desk.cookie)
    if given:
        if len(given) > 1:
            raise Refusal(400, "one Authorization header, not several")
        return await _program(given[0], desk), None
    session = await access.of_session(desk.database, secret, prolongs=not route.passive) if secret else None
    if session is not None:
        return session.person, session
    if route.role is None:
        return NOBODY, None
    raise Refusal(401, "sign in, or send a token: Authorization: Bearer …", headers=_CHALLENGE)


async def _program(given: str, desk: Desk) -> Person:
    scheme, _, token = given.partition(" ")
    person = await access.of_token(desk.database, token.strip()) if scheme.lower() == "bearer" else None
    if person is None:
        raise Refusal(401, "that token is none, or it has ended", headers=_CHALLENGE)
    return person


def came_from_us(request: web.Request, desk: Desk) -> None:
    """Refuses a write that a browser does not say came from our own pages. It must say so by one header or the other."""
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get(hdrs.ORIGIN)
    if site is not None and site != "same-origin":
        raise Refusal(403, "this came from another site")
    if origin is not None and origin != desk.origin(request):
        raise Refusal(403, "this came from another site; set http.public_url if a proxy stands before syncd")
    if site is None and origin is None:
        raise Refusal(403, "a browser says where a request comes from; a program sends a token instead of a cookie")


def not_embedded(request: web.Request) -> None:
    """Refuses a read that another site's page makes in somebody's name."""
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    navigates = request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"
    if site not in {"same-origin", "none"} and not navigates:
        raise Refusal(403, "this came from another site")


def carries(session: Session, given: str | None) -> None:
    """Refuses a write without the token that is bound to the session."""
    if given is None or not compare_digest(given.encode(errors="replace"), session.csrf.encode()):
        raise Refusal(
            403, f"the form is not of this session: load the page again ({CSRF_HEADER}, or the field {CSRF_FIELD})"
        )


def allowed(route: Route, caller: Person) -> None:
    """Refuses whoever's role or accounts are not enough."""
    if route.role is None:
        return
    if not caller.may(route.role):
        raise Refusal(403, f"this needs the role {route.role}, and yours is {caller.role}")
    if route.reach is Reach.EVERYWHERE and caller.accounts is not None:
        raise Refusal(403, "this is for those who may see all ad accounts")
