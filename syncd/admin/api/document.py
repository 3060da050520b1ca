"""`/api/v1/openapi.json`."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from aiohttp import web

from syncd.admin import openapi
from syncd.admin.routes import JSON, Call, Face, Reach, Route
from syncd.domain.access import Role


def route(others: Sequence[Route]) -> Route:
    """Serves the document of the other routes."""
    written = msgspec.json.encode(openapi.document(others))

    async def show(_call: Call) -> web.Response:
        return web.Response(body=written, content_type=JSON)

    return Route(
        method="GET",
        path="/api/v1/openapi.json",
        handler=show,
        summary="This API as an OpenAPI 3.1 document",
        subject="documentation",
        role=Role.VIEWER,
        reach=Reach.NOWHERE,
        face=Face.ASSET,
    )
