"""Where requests may go. The bearer token follows a URL, so every URL is checked against the configuration just
before it is used, and every address a name resolves to before it is connected to (reliability §5, outbound).
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from pathlib import Path

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from syncd.errors import BadConfiguration


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where LinkedIn is and how it is asked. https to `allowed_hosts` only; a loopback base URL (the sandbox) may be
    http, and then nothing but its own host and port is permitted. `request_timeout` in seconds, for all of a request.
    """

    base_url: str
    oauth_url: str
    allowed_hosts: tuple[str, ...]
    api_version: str
    request_timeout: float = 30.0
    proxy: str | None = field(default=None, repr=False)
    ca_file: Path | None = None

    def __post_init__(self) -> None:
        for name, text in (("base_url", self.base_url), ("oauth_url", self.oauth_url)):
            if not self.permits(_parsed(name, text)):
                raise BadConfiguration(f"linkedin.{name} is not https to an allowed host")

    @property
    def loopback(self) -> bool:
        return is_loopback(URL(self.base_url).host or "")

    def permits(self, url: URL) -> bool:
        """Whether a request, and so a token, may go to this URL."""
        if not url.host or url.user is not None or url.password is not None or url.fragment:
            return False
        base = URL(self.base_url)
        if self.loopback:
            return url.scheme in {"http", "https"} and url.origin() == base.origin()
        return url.scheme == "https" and url.port == 443 and url.host in self.allowed_hosts


class Guarded(AbstractResolver):
    """Resolves names, and drops every address that is not a public one; names in `exempt` pass as they are."""

    def __init__(self, inner: AbstractResolver, *, exempt: frozenset[str]) -> None:
        self._inner = inner
        self._exempt = exempt

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        if host in self._exempt:
            return found
        public = [one for one in found if is_public(one["host"])]
        if not public:
            raise OSError("the name resolves to no public address")
        return public

    async def close(self) -> None:
        await self._inner.close()


def is_token(text: str) -> bool:
    """Whether a token can stand in a header: printable ASCII without spaces."""
    return bool(text) and all("!" <= character <= "~" for character in text)


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet; anything unreadable is not."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped.is_global
    return parsed.is_global and not parsed.is_multicast


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _parsed(name: str, text: str) -> URL:
    try:
        url = URL(text)
        url.origin()
    except ValueError:
        raise BadConfiguration(f"linkedin.{name} is no URL") from None
    if url.query_string:
        raise BadConfiguration(f"linkedin.{name} has a query")
    return url
