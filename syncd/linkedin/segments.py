"""DMP segments: find, read, create, rename, delete (`linkedin-api.md` §3; reference 002)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import msgspec

from syncd.domain.outcome import Failure, Unclear
from syncd.linkedin import batchdelete
from syncd.linkedin.answers import created, decoded, failed, is_id
from syncd.linkedin.batchdelete import Deletions
from syncd.linkedin.paging import pages
from syncd.linkedin.transport import Transport

_PATH: Final = "/dmpSegments"
_LINKEDIN: Final = "LINKEDIN"


@dataclass(frozen=True, slots=True, kw_only=True)
class DmpSegment:
    """A segment as LinkedIn describes it. Counts are None until LinkedIn knows them; `created` in seconds since 1970.
    Status, matches, size and `destination_segment` (the ad segment's URN) are those of the destination LINKEDIN.
    """

    id: int
    name: str
    account: str
    type: str
    source_platform: str
    source_segment_id: str
    input_count: int | None
    matched_count: int | None
    audience_size: int | None
    status: str
    destination_segment: str
    created: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSegment:
    """What a segment is created from. `kind`: `user`, `company` or LinkedIn's own type name."""

    name: str
    account: str
    source_platform: str
    source_segment_id: str
    kind: str
    destinations: tuple[str, ...] = (_LINKEDIN,)


class _Destination(msgspec.Struct, rename="camel"):
    destination: str = ""
    destination_segment_id: str | None = None
    status: str | None = None
    matched_count: int | None = None
    audience_size: int | None = None


class _Segment(msgspec.Struct, rename="camel"):
    id: int | str
    name: str | None = None
    account: str | None = None
    type: str | None = None
    source_platform: str | None = None
    source_segment_id: str | None = None
    input_count: int | None = None
    created: float | None = None
    destinations: list[_Destination] | None = None


async def find(
    transport: Transport, *, token: str, account: str, source_segment_id: str, source_platform: str
) -> tuple[DmpSegment, ...] | Failure:
    """The account's segments that carry our key. A server that ignores the filter answers with more: they are left
    out here, so that only ours is ever taken over.
    """
    query = (
        f"{_of(account)}&sourcePlatform={quote(source_platform, safe='')}"
        f"&sourceSegmentId={quote(source_segment_id, safe='')}"
    )
    found: list[DmpSegment] = []
    async for page in _listed(transport, token, query):
        if not isinstance(page, list):
            return page
        found += (
            segment
            for segment in page
            if segment.source_segment_id == source_segment_id and segment.source_platform in {source_platform, ""}
        )
    return tuple(found)


def of_account(transport: Transport, *, token: str, account: str) -> AsyncIterator[list[DmpSegment] | Failure]:
    """All segments of an account, a page of up to 100 and a request at a time; a failure is the last item."""
    return _listed(transport, token, _of(account))


async def get(transport: Transport, *, token: str, dmp_id: int) -> DmpSegment | Failure:
    answer = await transport.call("GET", f"{_PATH}/{dmp_id}", token=token)
    raw = decoded(answer, _Segment)
    if not isinstance(raw, _Segment):
        return raw
    if str(raw.id) != str(dmp_id):
        return Unclear("success with another segment than the one asked for", lingering=False)
    return _segment(raw)


async def create(transport: Transport, *, token: str, segment: NewSegment) -> int | Failure:
    """The new segment's id. Nothing may be streamed to it for 5 s (reference 002)."""
    body = {
        "name": segment.name,
        "account": segment.account,
        "sourcePlatform": segment.source_platform,
        "sourceSegmentId": segment.source_segment_id,
        "type": str(segment.kind).upper(),
        "destinations": [{"destination": name} for name in segment.destinations],
    }
    made = created(await transport.call("POST", _PATH, token=token, body=msgspec.json.encode(body)))
    if not isinstance(made, str):
        return made
    return int(made) if is_id(made) else Unclear("success with a segment that has no number for an id", lingering=False)


async def rename(transport: Transport, *, token: str, dmp_id: int, name: str) -> Failure | None:
    """Gives the segment another name; names need not be unique."""
    body = msgspec.json.encode({"patch": {"$set": {"name": name}}})
    path = f"{_PATH}/{dmp_id}"
    return failed(await transport.call("POST", path, token=token, body=body, restli_method="PARTIAL_UPDATE"))


async def delete(transport: Transport, *, token: str, dmp_id: int) -> Failure | None:
    """Deletes the segment and all that was sent to it; one that is gone already answers `NotThere`."""
    return failed(await transport.call("DELETE", f"{_PATH}/{dmp_id}", token=token))


async def delete_all(transport: Transport, *, token: str, dmp_ids: Collection[int]) -> Deletions | Failure:
    """Deletes several segments in one call, which says of each what became of it."""
    return await batchdelete.delete(transport, token=token, path=_PATH, ids=[str(one) for one in dmp_ids])


async def _listed(transport: Transport, token: str, query: str) -> AsyncIterator[list[DmpSegment] | Failure]:
    async for page in pages(transport, token=token, path=_PATH, query=query, shape=_Segment):
        if not isinstance(page, list):
            yield page
            return
        try:
            segments = [_segment(one) for one in page]
        except ValueError:
            yield Unclear("success with a segment that has no number for an id", lingering=False)
            return
        yield segments


def _of(account: str) -> str:
    return f"q=account&account={quote(account, safe='')}"


def _segment(raw: _Segment) -> DmpSegment:
    if not is_id(str(raw.id)):
        raise ValueError("no id")
    destinations = raw.destinations or []
    served = next((one for one in destinations if one.destination == _LINKEDIN), _Destination())
    return DmpSegment(
        id=int(raw.id),
        name=raw.name or "",
        account=raw.account or "",
        type=raw.type or "",
        source_platform=raw.source_platform or "",
        source_segment_id=raw.source_segment_id or "",
        input_count=raw.input_count,
        matched_count=served.matched_count,
        audience_size=served.audience_size,
        status=served.status or "",
        destination_segment=served.destination_segment_id or "",
        created=None if raw.created is None else raw.created / 1000,
    )
