"""Which ad accounts a member may work in, and as what (`linkedin-api.md` §3). A VIEWER may not write segments; two
tokens with the same user URN are the same person, and share limits.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from syncd.domain.outcome import Failure
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
