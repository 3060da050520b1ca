"""What every answer tells a browser: run nothing but our own files, frame us nowhere, keep nothing, guess no types."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import hdrs, web

CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_ALWAYS: Final = {
    "Content-Security-Policy": CSP,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_HSTS: Final = "max-age=31536000"


def dressing(*, https: bool) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Puts the headers on every response, streamed ones too."""

    async def dress(_request: web.Request, response: web.StreamResponse) -> None:
        response.headers.popall(hdrs.SERVER, None)
        response.headers.update(_ALWAYS)
        response.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
        if https:
            response.headers["Strict-Transport-Security"] = _HSTS

    return dress
