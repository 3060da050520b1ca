"""The sandbox put together: one aiohttp application with LinkedIn in front and the control API behind."""

import asyncio
import gc
from collections.abc import Callable

from aiohttp import web

from . import control, control_segments
from .ambry import receive
from .clock import SandboxClock
from .gate import serve_rest
from .homepage import homepage
from .oauth import access_token, authorization
from .options import SandboxOptions
from .uploads import PATH
from .world import WORLD, create_world

# Larger than any body LinkedIn takes: the sandbox reads it all and answers 413 in LinkedIn's words.
MOST_BYTES_READ = 256 * 1024 * 1024
LONGEST_LINE = 64 * 1024
# A body of 5,000 elements should not stop and start its socket twenty times.
READ_AHEAD = 2 * 1024 * 1024

# A full collection walks every set of members: with millions of them it would stall all requests for a moment.
RARE_COLLECTION = (100_000, 20, 1_000)


def create_app(options: SandboxOptions | None = None, *, clock: SandboxClock | None = None) -> web.Application:
    """An application with its own world; tests reach it as `app[WORLD]`."""
    limits = {"max_line_size": LONGEST_LINE, "max_field_size": LONGEST_LINE, "read_bufsize": READ_AHEAD}
    app = web.Application(client_max_size=MOST_BYTES_READ, handler_args=limits)
    app[WORLD] = create_world(options or SandboxOptions(), clock)
    app.on_shutdown.append(_close)
    app.add_routes(
        [
            web.get("/", homepage),
            web.get("/oauth/v2/authorization", authorization),
            web.post("/oauth/v2/accessToken", access_token),
            web.post(PATH, receive),
            web.route("*", "/rest/{tail:.*}", serve_rest),
            *_control_routes(),
        ]
    )
    return app


def _control_routes() -> list[web.RouteDef]:
    segment = "/_sandbox/segments/{id:[0-9]+}"
    return [
        web.get("/_sandbox", control.summary),
        web.get("/_sandbox/requests", control.requests),
        web.get("/_sandbox/limits", control.limits),
        web.get("/_sandbox/violations", control.violations),
        web.get("/_sandbox/faults", control.list_faults),
        web.post("/_sandbox/faults", control.add_faults),
        web.delete("/_sandbox/faults", control.delete_faults),
        web.delete("/_sandbox/faults/{id:[0-9]+}", control.delete_faults),
        web.post("/_sandbox/release", control.release),
        web.post("/_sandbox/clock", control.change_clock),
        web.post("/_sandbox/options", control.change_options),
        web.post("/_sandbox/tokens", control.change_tokens),
        web.get("/_sandbox/who", control_segments.who),
        web.get("/_sandbox/segments", control_segments.list_segments),
        web.post("/_sandbox/segments", control_segments.create_segment),
        web.get(segment, control_segments.get_segment),
        web.patch(segment, control_segments.change_segment),
        web.delete(segment, control_segments.delete_segment),
        web.get(segment + "/members", control_segments.list_members),
    ]


async def _close(app: web.Application) -> None:
    await app[WORLD].close()


async def serve(options: SandboxOptions, host: str, port: int, on_ready: Callable[[str], None]) -> None:
    """Serve until cancelled; `on_ready` is told the address (port 0 picks a free one)."""
    gc.set_threshold(*RARE_COLLECTION)
    runner = web.AppRunner(create_app(options), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        on_ready(f"http://{host}:{runner.addresses[0][1]}")
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
