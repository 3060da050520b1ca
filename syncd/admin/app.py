"""The web application: all declared routes, on the server that answers the probes too.

Add a module of routes by one line in `ROUTES`. Whatever is not declared does not exist, and whatever names no role is open
to nobody but by intention.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog
from aiohttp import web

from syncd.admin import headers, oidc, problems
from syncd.admin.api import (
    audit,
    batches,
    changes,
    document,
    erasures,
    letters,
    members,
    people,
    planning,
    resyncs,
    segments,
    session,
    templates,
)
from syncd.admin.console import frame
from syncd.admin.console.routes import PAGES
from syncd.admin.desk import DESK, Desk
from syncd.admin.routes import Route
from syncd.admin.serving import serving

API: Final[tuple[Route, ...]] = (
    *session.ROUTES,
    *segments.ROUTES,
    *changes.ROUTES,
    *batches.ROUTES,
    *letters.ROUTES,
    *resyncs.ROUTES,
    *members.ROUTES,
    *planning.ROUTES,
    *templates.ROUTES,
    *audit.ROUTES,
    *people.ROUTES,
    *erasures.ROUTES,
)  # fmt: skip
ROUTES: Final[tuple[Route, ...]] = (
    *API,
    *PAGES,
    document.route(API),
    *oidc.ROUTES,
)  # fmt: skip

_log = structlog.get_logger("syncd.http")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def install(app: web.Application, desk: Desk, routes: Sequence[Route] = ROUTES) -> None:
    """Puts the routes into an application that is not served yet, beside what is there; says what an operator has to know."""
    if desk.caution:
        _log.warning("caution", why=desk.caution)
    app[DESK] = desk
    frame.furnish(app, desk)
    app.middlewares.append(_tell)
    app.on_response_prepare.append(headers.dressing(https=desk.is_https))
    for route in routes:
        app.router.add_route(route.method, route.path, serving(route, desk))


@web.middleware
async def _tell(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every error becomes a problem."""
    try:
        return await handler(request)
    except web.HTTPException as raised:
        if raised.status < 400:
            raise
        return problems.response(request, *problems.of(raised))
    except Exception as error:  # noqa: BLE001 - the last one that can say anything
        return problems.response(request, *problems.of(error))
