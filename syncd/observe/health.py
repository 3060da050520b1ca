"""Probes and metrics over HTTP.

Liveness says only that the event loop turns: a broken database or LinkedIn must not make Kubernetes kill a process that
waits for them. Readiness says in sentences what is missing. Metrics have their own port, for they need no sign-in.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import structlog
from aiohttp import hdrs, web, web_response

from syncd.errors import BadConfiguration
from syncd.observe.metrics import CONTENT_TYPE, Metrics
from syncd.settings import Settings

STUCK_AFTER: Final = 30.0
"""Seconds without a tick of `watch_loop` after which the process is not alive."""
PATIENCE: Final = 2.0
"""Seconds that requests may take to end when a server closes."""

Reasons = Callable[[], Sequence[str]]
"""Why the process is not ready, in sentences; empty when it is."""

_log = structlog.get_logger("syncd.http")


async def serve(settings: Settings, metrics: Metrics, reasons: Reasons) -> None:
    """Serves metrics on their port and probes on the API's, until it is cancelled."""
    async with (
        listening(metrics_app(metrics), settings.metrics.host, settings.metrics.port),
        listening(health_app(metrics, reasons), settings.http.host, settings.http.port),
    ):
        await asyncio.get_running_loop().create_future()


def metrics_app(metrics: Metrics) -> web.Application:
    """`GET /metrics`."""

    async def exposition(_request: web.Request) -> web.Response:
        return web.Response(body=metrics.exposition(), headers={hdrs.CONTENT_TYPE: CONTENT_TYPE})

    return _app(web.get("/metrics", exposition))


def health_app(metrics: Metrics, reasons: Reasons) -> web.Application:
    """`GET /healthz` and `/readyz`; more routes may be added before it is served."""

    async def healthz(_request: web.Request) -> web.Response:
        silent = metrics.seconds_since_tick()
        if silent < STUCK_AFTER:
            return web.Response(text="alive\n")
        return web.Response(status=503, text=f"the event loop has not been seen for {silent:.0f} s\n")

    async def readyz(_request: web.Request) -> web.Response:
        missing = list(reasons())
        return web.json_response({"ready": not missing, "reasons": missing}, status=503 if missing else 200)

    return _app(web.get("/healthz", healthz), web.get("/readyz", readyz))


def _app(*routes: web.RouteDef) -> web.Application:
    app = web.Application()
    app.add_routes(routes)
    app.on_response_prepare.append(_say_little)
    return app


async def _say_little(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.popall(hdrs.SERVER, None)
    response.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")


@asynccontextmanager
async def listening(app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Serves `app` while the block runs; yields the port, which is a free one where 0 was asked for.

    Raises BadConfiguration where nobody can listen there.
    """
    # Answers to what is no HTTP at all pass no application, so they would name aiohttp and Python with their versions.
    web_response.SERVER_SOFTWARE = "syncd"  # type: ignore[attr-defined]  # it offers no other way
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=PATIENCE)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise BadConfiguration(_refusal(error, host, port)) from None
        bound = int(runner.addresses[0][1])
        _log.info("listening", host=host, port=bound)
        yield bound
    finally:
        await runner.cleanup()


def _refusal(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"cannot listen on {host} port {port}: another program has it; set another port"
    why = os.strerror(error.errno) if error.errno and error.errno > 0 else "no such host"
    return f"cannot listen on {host} port {port}: {why}"
