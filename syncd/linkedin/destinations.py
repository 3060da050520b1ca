"""Destinations of a DMP segment: where it serves. LinkedIn is the only one there is (`linkedin-api.md` §3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from syncd.domain.outcome import Failure
from syncd.linkedin.answers import decoded, failed
from syncd.linkedin.paging import pages
from syncd.linkedin.transport import Transport

LINKEDIN: Final = "LINKEDIN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """`ad_segment` is the URN that campaigns target; counts are None until LinkedIn knows them."""

    name: str
    ad_segment: str
    status: str
    matched_count: int | None
    audience_size: int | None


class _Destination(msgspec.Struct, rename="camel"):
    destination: str
    destination_segment_id: str | None = None
    status: str | None = None
    matched_count: int | None = None
    audience_size: int | None = None


async def add(transport: Transport, *, token: str, dmp_id: int) -> Failure | None:
    """Lets the segment serve at LinkedIn."""
    body = msgspec.json.encode({"destination": LINKEDIN})
    return failed(await transport.call("POST", _path(dmp_id), token=token, body=body))


async def get(transport: Transport, *, token: str, dmp_id: int, name: str = LINKEDIN) -> Destination | Failure:
    raw = decoded(await transport.call("GET", f"{_path(dmp_id)}/{name}", token=token), _Destination)
    return _destination(raw) if isinstance(raw, _Destination) else raw


async def every(transport: Transport, *, token: str, dmp_id: int) -> list[Destination] | Failure:
    found: list[Destination] = []
    async for page in pages(transport, token=token, path=_path(dmp_id), query="", shape=_Destination):
        if not isinstance(page, list):
            return page
        found += (_destination(one) for one in page)
    return found


def _path(dmp_id: int) -> str:
    return f"/dmpSegments/{dmp_id}/destinations"


def _destination(raw: _Destination) -> Destination:
    return Destination(
        name=raw.destination,
        ad_segment=raw.destination_segment_id or "",
        status=raw.status or "",
        matched_count=raw.matched_count,
        audience_size=raw.audience_size,
    )
