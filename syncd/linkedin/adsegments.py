"""Ad segments: what campaigns of an account can target, with its status (`linkedin-api.md` §3; reference 002)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from urllib.parse import quote

import msgspec

from syncd.domain.outcome import Failure
from syncd.linkedin.paging import pages
from syncd.linkedin.transport import Transport


@dataclass(frozen=True, slots=True, kw_only=True)
class AdSegment:
    urn: str
    name: str
    account: str
    status: str
    members: int | None


class _AdSegment(msgspec.Struct, rename="camel"):
    id: int | str
    name: str | None = None
    account: str | None = None
    status: str | None = None
    approximate_member_count: int | None = None


async def of_accounts(
    transport: Transport, *, token: str, accounts: Collection[str]
) -> AsyncIterator[list[AdSegment] | Failure]:
    """Page by page; a failure is the last item."""
    query = f"q=accounts&accounts=List({','.join(quote(one, safe='') for one in accounts)})"
    async for page in pages(transport, token=token, path="/adSegments", query=query, shape=_AdSegment):
        yield [_ad_segment(one) for one in page] if isinstance(page, list) else page


def _ad_segment(raw: _AdSegment) -> AdSegment:
    number = str(raw.id)
    return AdSegment(
        urn=number if number.startswith("urn:") else f"urn:li:adSegment:{number}",
        name=raw.name or "",
        account=raw.account or "",
        status=raw.status or "",
        members=raw.approximate_member_count,
    )
