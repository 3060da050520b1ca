"""One HTTP session to LinkedIn: a call goes out once and comes back as a value.

The promise is exactly one request on the wire per call, because limits count requests: no redirects, and no silent
second try (aiohttp repeats GET, PUT and DELETE after a kept-alive connection broke, unless the error it sees is another
one: `_once`). An answer is complete, or it is `Unclear`; whether an unclear request may still be applied
(`lingering`) is known from whether a connection was ever handed to it. Nothing LinkedIn or the network does raises;
only cancellation passes, and closes the connection.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import SimpleNamespace, TracebackType
from typing import Any, Final, Self
from urllib.parse import urlencode

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from syncd import __version__
from syncd.domain.outcome import Answer, Unclear
from syncd.errors import BadConfiguration, Fatal
from syncd.linkedin.guard import Endpoint, Guarded, is_token
from syncd.linkedin.resources import resource
from syncd.linkedin.words import complete, support_id

__all__ = ["Endpoint", "Transport"]

CAP: Final = 8 * 1024 * 1024
"""Most bytes of a body that are read."""
_IN_ONE_PIECE: Final = 512 * 1024
_PIECE: Final = 256 * 1024
_SMALL: Final = 64 * 1024
_LONGEST_QUERY: Final = 4096
_LONGEST_URL: Final = 8192
_SAY_WHAT: Final = frozenset({400, 422})
_UPLOADS_PATIENCE: Final = 10
_FORM: Final = "application/x-www-form-urlencoded"


Observe = Callable[[str, int, float], None]
"""Told of every exchange: the resource, the status (0 without an answer), the seconds it took."""


class _Broken(aiohttp.ClientError):
    """A connection broke; a name of our own, so that aiohttp does not try again by itself."""


@dataclass(slots=True)
class _Trip:
    """How far a request got: `left` once a connection was handed to it."""

    left: bool = False


class Transport:
    """An async context manager over one `ClientSession`; `resolver` and `wall` are replaced in tests only."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        cap: int = CAP,
        resolver: AbstractResolver | None = None,
        wall: Callable[[], float] = time.time,
        observe: Observe | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._observe = observe
        self._cap = cap
        self._resolver = resolver
        self._wall = wall
        self._proxy = URL(endpoint.proxy) if endpoint.proxy else None
        self._tls = _tls(endpoint)
        self._stack = AsyncExitStack()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        exempt = {URL(self.endpoint.base_url).host or ""} if self.endpoint.loopback else set()
        if self._proxy is not None and self._proxy.host:
            exempt.add(self._proxy.host)
        resolver = Guarded(self._resolver or aiohttp.ThreadedResolver(), exempt=frozenset(exempt))
        self._stack.push_async_callback(resolver.close)
        self._session = await self._stack.enter_async_context(_session(self.endpoint, self._tls, resolver))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session = None
        await self._stack.aclose()

    async def call(  # noqa: PLR0913 - the parts of a request
        self,
        method: str,
        path: str,
        *,
        token: str,
        query: str = "",
        body: bytes = b"",
        restli_method: str = "",
        content_type: str = "application/json",
    ) -> Answer | Unclear:
        """One call of `linkedin-api.md` §1. `path` starts below the base URL; `query` is encoded already. A query past
        4 KB goes as the body of a POST that says what it overrides.
        """
        if not is_token(token):
            return Unclear("the token cannot stand in a header", lingering=False)
        headers = {
            "Authorization": f"Bearer {token}",
            "LinkedIn-Version": self.endpoint.api_version,
            "X-Restli-Protocol-Version": "2.0.0",
            "Content-Type": content_type,
        }
        if restli_method:
            headers["X-RestLi-Method"] = restli_method
        url = f"{self.endpoint.base_url.rstrip('/')}{path}"
        if query and not body and (len(query) > _LONGEST_QUERY or len(url) + len(query) >= _LONGEST_URL):
            headers |= {"X-HTTP-Method-Override": method, "Content-Type": _FORM}
            method, query, body = "POST", "", query.encode()
        return await self._exchange(method, f"{url}?{query}" if query else url, headers, body, (token,))

    async def put(self, url: str, *, token: str, content_type: str, body: bytes) -> Answer | Unclear:
        """A file POSTed to a URL that LinkedIn named. It goes nowhere but to a permitted host, with the token and the
        kind of file as its only headers, and has ten times as long as another request.
        """
        if not is_token(token):
            return Unclear("the token cannot stand in a header", lingering=False)
        if not _is_permitted(self.endpoint, url):
            return Unclear("the upload URL is not https to a permitted host; nothing was sent there", lingering=False)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": content_type}
        timeout = aiohttp.ClientTimeout(total=self.endpoint.request_timeout * _UPLOADS_PATIENCE)
        return await self._exchange("POST", url, headers, body, (token, url), cap=_SMALL, timeout=timeout)

    async def form(self, url: str, fields: Mapping[str, str]) -> Answer | Unclear:
        """A form-encoded POST to the OAuth URL; its fields are secrets and are scrubbed from the answer's words."""
        if not url.startswith(self.endpoint.oauth_url.rstrip("/") + "/"):
            raise Fatal("a form goes to the OAuth URL only")
        headers = {"Content-Type": _FORM}
        secrets = tuple(value for name, value in fields.items() if name != "grant_type")
        return await self._exchange("POST", url, headers, urlencode(fields).encode(), secrets, cap=_SMALL)

    async def _exchange(  # noqa: PLR0913 - the parts of a request
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        body: bytes,
        secrets: tuple[str, ...],
        *,
        cap: int | None = None,
        timeout: aiohttp.ClientTimeout | None = None,  # noqa: ASYNC109 - aiohttp's own, for one request
    ) -> Answer | Unclear:
        if self._session is None:
            raise Fatal("the transport is not open")
        trip = _Trip()
        data, framing = _framed(body)
        begun = time.monotonic()
        response: aiohttp.ClientResponse | None = None
        try:
            target = URL(url, encoded=True)
            if not self.endpoint.permits(target):
                raise Fatal("a request would leave the permitted hosts")
            response = await self._session.request(
                method,
                target,
                data=data,
                headers=headers | framing,
                allow_redirects=False,
                proxy=self._proxy,
                trace_request_ctx=trip,
                timeout=timeout or self._session.timeout,
            )
            return await self._read(response, secrets, self._cap if cap is None else cap)
        except (aiohttp.ClientError, OSError, ValueError) as error:  # TimeoutError is an OSError
            return Unclear(_named(error), lingering=trip.left)
        finally:
            if self._observe is not None:
                self._observe(resource(url), response.status if response else 0, time.monotonic() - begun)
            if response is not None:
                response.close()

    async def _read(self, response: aiohttp.ClientResponse, secrets: tuple[str, ...], cap: int) -> Answer | Unclear:
        """The complete answer. An error is known by its status even when its body cannot be read, except one that may
        be about an element: what it is about stands in the body.
        """
        status = response.status
        success = 200 <= status < 300
        uuid = support_id(response.headers, secrets)
        if not success and status < 400:
            return Unclear(f"{status} where an answer was expected; redirects are not followed", True, uuid)
        try:
            body = await _capped(response, cap)
        except (aiohttp.ClientError, OSError) as error:
            if success or status in _SAY_WHAT:
                return Unclear(f"{status} with a body cut short: {_named(error)}", True, uuid)
            body = b""
        if success and (body is None or not _is_json(response, body)):
            return Unclear(f"{status} with a body that is too large, encoded or not JSON", True, uuid)
        return complete(status, response.headers, body or b"", secrets=secrets, now=self._wall())


def _is_permitted(endpoint: Endpoint, url: str) -> bool:
    try:
        return endpoint.permits(URL(url, encoded=True))
    except ValueError:
        return False


async def _capped(response: aiohttp.ClientResponse, cap: int) -> bytes | None:
    """The body, or None when it is longer than `cap` or compressed (nobody asked for that, and bombs are)."""
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        return None
    if (response.content_length or 0) > cap:
        return None
    parts = bytearray()
    async for part in response.content.iter_any():
        parts += part
        if len(parts) > cap:
            return None
    return bytes(parts)


def _is_json(response: aiohttp.ClientResponse, body: bytes) -> bool:
    """Whether a success holds what LinkedIn sends: nothing, or JSON; a portal in between answers 200 with HTML."""
    if not body.strip():
        return True
    return "html" not in response.content_type and body.lstrip()[:1] in {b"{", b"["}


def _framed(body: bytes) -> tuple[bytes | AsyncIterator[memoryview] | None, dict[str, str]]:
    """A body as it is handed on, with the headers it needs. A large one is a stream: it is written in pieces without a copy,
    and the event loop breathes between them. It says how long it is, or it would go in chunks.
    """
    if len(body) <= _IN_ONE_PIECE:
        return body or None, {}
    return _pieces(memoryview(body)), {"Content-Length": str(len(body))}


async def _pieces(body: memoryview) -> AsyncIterator[memoryview]:
    for start in range(0, len(body), _PIECE):
        yield body[start : start + _PIECE]
        await asyncio.sleep(0)


def _named(error: Exception) -> str:
    """What went wrong, in words of our own: an exception's text may hold a URL or what a server sent."""
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"{type(error).__name__}: {cause.verify_message}"
    if isinstance(error, _Broken):
        return f"the connection broke: {type(error.__cause__).__name__}"
    return type(error).__name__


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Renames a broken connection, so that aiohttp's own repetition of idempotent methods never starts."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _Broken from error


async def _departed(_session: aiohttp.ClientSession, trip: SimpleNamespace, _params: Any) -> None:
    trip.trace_request_ctx.left = True


def _session(endpoint: Endpoint, tls: ssl.SSLContext, resolver: AbstractResolver) -> aiohttp.ClientSession:
    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(_departed)
    trace.on_connection_reuseconn.append(_departed)
    total = endpoint.request_timeout
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=256, ttl_dns_cache=60, keepalive_timeout=15, ssl=tls, resolver=resolver),
        cookie_jar=aiohttp.DummyCookieJar(),
        # ceil_threshold: aiohttp rounds long timeouts up to whole seconds; takeovers count on the exact one
        timeout=aiohttp.ClientTimeout(
            total=total, sock_connect=total / 2, sock_read=total * 2 / 3, ceil_threshold=total + 1
        ),
        headers={"User-Agent": f"syncd/{__version__}", "Accept": "application/json", "Accept-Encoding": "identity"},
        auto_decompress=False,
        trust_env=False,
        middlewares=(_once,),
        trace_configs=[trace],
    )


def _tls(endpoint: Endpoint) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=endpoint.ca_file)
    except (OSError, ssl.SSLError):
        raise BadConfiguration("linkedin.ca_file cannot be read as PEM certificates") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
