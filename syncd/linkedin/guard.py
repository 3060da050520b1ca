"""Where requests may go. The bearer token follows a URL, so every URL is checked against the configuration just
before it is used, and every address a name resolves to before it is connected to (reliability §5, outbound).
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from pathlib import Path
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from syncd.errors import BadConfiguration

_NAT64: Final = IPv6Network("64:ff9b::/96")


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
    inner = _carried(parsed) if isinstance(parsed, IPv6Address) else None
    return parsed.is_global and not parsed.is_multicast if inner is None else inner.is_global


def _carried(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address leads to: mapped, 6to4, or behind a NAT64."""
    if address in _NAT64:
        return IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour


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
