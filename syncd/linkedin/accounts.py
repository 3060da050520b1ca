"""Which ad accounts a member may work in, and as what (`linkedin-api.md` §3). A VIEWER may not write segments; two
tokens with the same user URN are the same person, and share limits.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

import msgspec

from syncd.domain.outcome import Failure
from syncd.linkedin.answers import decoded
from syncd.linkedin.paging import pages
from syncd.linkedin.transport import Transport


@dataclass(frozen=True, slots=True)
class Role:
    """A member's role in one ad account; account and user are URNs."""

    account: str
    user: str
    role: str


class _AccountUser(msgspec.Struct):
    account: str
    user: str
    role: str


async def roles(transport: Transport, token: str) -> list[Role] | Failure:
    """Every role of the member whose token this is, over all pages."""
    found: list[Role] = []
    async for page in pages(
        transport, token=token, path="/adAccountUsers", query="q=authenticatedUser", shape=_AccountUser
    ):
        if not isinstance(page, list):
            return page
        found += (Role(one.account, one.user, one.role) for one in page)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class AdAccount:
    """An ad account the member can see; in a `test` one nothing is ever served."""

    urn: str
    name: str
    status: str
    test: bool


class _AdAccount(msgspec.Struct):
    id: int | str
    name: str | None = None
    status: str | None = None
    test: bool = False


async def every(transport: Transport, token: str) -> list[AdAccount] | Failure:
    """Every ad account of the member whose token this is, over all pages."""
    found: list[AdAccount] = []
    async for page in pages(transport, token=token, path="/adAccounts", query="q=search", shape=_AdAccount):
        if not isinstance(page, list):
            return page
        found += (
            AdAccount(
                urn=f"urn:li:sponsoredAccount:{one.id}", name=one.name or "", status=one.status or "", test=one.test
            )
            for one in page
        )
    return found


async def role(transport: Transport, token: str, *, account: str, user: str) -> Role | Failure:
    """The role of one member in one account; both are URNs."""
    key = f"(account:{quote(account, safe='')},user:{quote(user, safe='')})"
    raw = decoded(await transport.call("GET", f"/adAccountUsers/{key}", token=token), _AccountUser)
    return Role(raw.account, raw.user, raw.role) if isinstance(raw, _AccountUser) else raw
