"""Answers from a server at `SYNCD_URL`, by HTTP.

The token goes into one header and nowhere else; TLS is verified and no redirect is followed, so that it goes to no other
server. What starts work carries a key of its own, so a request whose answer got lost is sent once more and not done twice.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Final, TypeAlias, TypeVar
from urllib.parse import quote, urlencode
from uuid import uuid4

import aiohttp
import msgspec
import yarl
from aiohttp import ClientResponse, ClientSession, ClientTimeout, hdrs

from syncd import __version__
from syncd.admin import problems, repeats
from syncd.admin.problems import Problem
from syncd.admin.routes import JSON
from syncd.cli.address import Address
from syncd.cli.asking import Ask, error_of, filled
from syncd.errors import BadConfiguration, SyncdError, Transient
from syncd.settings.reading import TOKEN, URL

T = TypeVar("T")

PATIENCE: Final = 300.0
"""Seconds without a byte until an answer is given up: insights may wait for LinkedIn and its limits."""
_CONNECTING: Final = 15.0
Sleep: TypeAlias = Callable[[float], Awaitable[None]]


class Client:
    """A server's API, asked with one token."""

    def __init__(self, address: Address, session: ClientSession, patience: float, sleep: Sleep) -> None:
        self._address: Final = address
        self._session: Final = session
        self._patience: Final = patience
        self._sleep: Final = sleep

    async def ask(self, ask: Ask[T]) -> T:
        async with self._answered(ask) as response:
            raw = await response.read()
        if not raw:
            return msgspec.convert(None, ask.answer)
        try:
            return msgspec.json.decode(raw, type=ask.answer)
        except msgspec.MsgspecError:
            raise SyncdError(
                f"the answer of {self._address.url} is not understood: it is no syncd, or not of version {__version__}"
            ) from None

    async def lines(self, ask: Ask[bytes]) -> AsyncIterator[bytes]:
        async with self._answered(ask) as response:
            async for part in response.content.iter_any():
                yield part

    @asynccontextmanager
    async def _answered(self, ask: Ask[Any]) -> AsyncIterator[ClientResponse]:
        """The answer to a request that was let through. Raises SyncdError for any other, and for none."""
        try:
            async with await self._sent(ask) as response:
                if response.status < 300:
                    yield response
                    return
                transport = response.connection.transport if response.connection is not None else None
                refusal = await self._refused(response)
                if ask.file is not None and transport is not None:
                    transport.abort()  # the rest of the file is on its way still
                raise refusal
        except aiohttp.ClientConnectorCertificateError:
            raise BadConfiguration(
                f"{URL}: its certificate is not trusted (SSL_CERT_FILE names a file with other authorities)"
            ) from None
        except aiohttp.ClientConnectorError as problem:
            raise Transient(f"{self._address.url} cannot be reached: {_reason(problem)}") from None
        except TimeoutError:
            raise Transient(f"{self._address.url} did not answer within {self._patience:.0f} s") from None
        except (aiohttp.ClientError, OSError):
            raise Transient(f"the connection to {self._address.url} broke off: try again") from None

    async def _sent(self, ask: Ask[Any]) -> ClientResponse:
        """Sends it, and once more on a new connection if the first breaks off and nothing can be done twice by that. The
        second waits while the server is still at work on the first.
        """
        key = None if ask.route.is_safe else str(uuid4())
        try:
            return await self._once(ask, key)
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            if not (ask.route.is_safe or ask.route.starts_work):
                raise
        waited = 0.0
        while True:
            response = await self._once(ask, key)
            pause = response.headers.get(hdrs.RETRY_AFTER, "")
            if response.status != HTTPStatus.CONFLICT or not pause.isdigit() or waited >= self._patience:
                return response
            response.release()
            waited += int(pause)
            await self._sleep(int(pause))

    async def _once(self, ask: Ask[Any], key: str | None) -> ClientResponse:
        method, url = ask.route.method, self._url(ask)
        return await self._session.request(method, url, allow_redirects=False, **_carried(ask, key))

    def _url(self, ask: Ask[Any]) -> yarl.URL:
        path = filled(ask.route, {name: quote(value, safe="") for name, value in ask.parts.items()})
        query = f"?{urlencode(_pairs(ask.given))}" if ask.is_query and ask.given is not None else ""
        return yarl.URL(self._address.url + path + query, encoded=True)

    async def _refused(self, response: ClientResponse) -> SyncdError:
        if response.status < 400:
            return BadConfiguration(f"{URL}: leads on to another address, which is not followed; name that one")
        if response.content_type != problems.MEDIA_TYPE:
            problem = Problem(type="", title=response.reason or "", status=response.status)
        else:
            try:
                problem = msgspec.json.decode(await response.read(), type=Problem)
            except msgspec.MsgspecError:
                problem = Problem(type="", title="an error that is not understood", status=response.status)
        if response.status == 401:
            problem = msgspec.structs.replace(problem, detail=f"{TOKEN}: {problem.detail or 'is refused'}")
        return error_of(problem)


def _carried(ask: Ask[Any], key: str | None) -> dict[str, Any]:
    """Headers and body."""
    headers = {} if key is None else {repeats.HEADER: key}
    if ask.file is not None:
        return {"headers": headers | {"Content-Type": ask.media}, "data": ask.stream()}
    if ask.given is None or ask.is_query:
        return {"headers": headers}
    return {"headers": headers | {"Content-Type": JSON}, "data": msgspec.json.encode(ask.given)}


def _pairs(query: msgspec.Struct) -> list[tuple[str, str]]:
    """A query as pairs of text; what is None is left out, and a list is repeated."""
    pairs: list[tuple[str, str]] = []
    for name, value in msgspec.to_builtins(query, builtin_types=()).items():
        values = value if isinstance(value, list) else [] if value is None else [value]
        pairs += [(name, ("false", "true")[one] if isinstance(one, bool) else str(one)) for one in values]
    return pairs


def _reason(problem: aiohttp.ClientConnectorError) -> str:
    """The system's words, which asyncio replaces by an address; a name that is not found has a number below 0."""
    error = problem.os_error
    words = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
    return (words or "nothing answers there").lower()


@asynccontextmanager
async def client(address: Address, patience: float = PATIENCE, sleep: Sleep = asyncio.sleep) -> AsyncIterator[Client]:
    """A client for as long as the block."""
    headers = {"Authorization": f"Bearer {address.token}", "User-Agent": f"syncd/{__version__}"}
    timeout = ClientTimeout(total=None, sock_connect=min(_CONNECTING, patience), sock_read=patience)
    async with ClientSession(headers=headers, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield Client(address, session, patience, sleep)
