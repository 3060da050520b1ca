"""Segments through the back door: look at members LinkedIn would never list, and change what nobody asked to change."""

from math import inf

import msgspec
from aiohttp import web

from .answers import RefusedError
from .control import read, refuse, reply, stream_lines
from .lifecycle import DOCUMENTED, Status
from .matching import Kind, audience, company_in, matched, slot_of, tallies
from .membership import COMPANY, key_text, text_key
from .population import population
from .segments import TYPES, Segment
from .world import WORLD, World


class ForeignSegment(msgspec.Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    account: str
    name: str = "Foreign segment"
    type: str = "USER"
    source_platform: str = "SANDBOX"
    source_segment_id: str | None = None


class SegmentChange(msgspec.Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """`campaign` says whether a draft or active campaign uses the segment; keys are written as `/members` lists them."""

    status: Status | None = None
    campaign: bool | None = None
    source_segment_id: str | None = None
    add: list[str] = []
    remove: list[str] = []
    clear: bool = False


async def list_segments(request: web.Request) -> web.Response:
    world = request.app[WORLD]
    return reply([view(world, segment) for segment in world.segments])


async def get_segment(request: web.Request) -> web.Response:
    world = request.app[WORLD]
    return reply(view(world, _segment(request)))


async def list_members(request: web.Request) -> web.StreamResponse:
    """One key per line, in no order; a snapshot, so that streaming may go on meanwhile."""
    keys = list(_segment(request).members)
    return await stream_lines(request, (key_text(key).encode() for key in keys), "text/plain; charset=utf-8")


async def who(request: web.Request) -> web.Response:
    """Whom LinkedIn finds behind a key of `/members`: nothing of this is ever said on the Rest API."""
    world = request.app[WORLD]
    try:
        key = text_key(request.query.get("key", ""))
    except ValueError as wrong:
        raise refuse(str(wrong)) from wrong
    kind: Kind = "COMPANY" if key[:1] == COMPANY else "USER"
    tally = tallies(kind, world.rates)[slot_of(key)]
    people = population(world.options.seed)
    found = {"matched": bool(matched(tally)), "audience": audience(tally)}
    if kind == "COMPANY":
        return reply(found | {"company": company_in(slot_of(key))})
    return reply(found | {"profile": people.profiles[people.pick(key)]})


async def create_segment(request: web.Request) -> web.Response:
    world = request.app[WORLD]
    new = await read(request, ForeignSegment)
    if new.type not in TYPES:
        raise refuse(f"type must be one of {', '.join(sorted(TYPES))}")
    segment = world.segments.create(
        account=new.account,
        name=new.name,
        type_=new.type,
        source_platform=new.source_platform,
        source_segment_id=new.source_segment_id,
        rates=world.rates,
    )
    segment.born_real = -inf  # it has been there all along
    return reply(view(world, segment), status=201)


async def change_segment(request: web.Request) -> web.Response:
    world = request.app[WORLD]
    segment = _segment(request)
    change = await read(request, SegmentChange)
    try:
        added = [text_key(text) for text in change.add]
        removed = [text_key(text) for text in change.remove]
    except ValueError as wrong:
        raise refuse(str(wrong)) from wrong
    if change.clear:
        segment.members.purge()
    if added:
        segment.members.add(added, world.clock.now())
    segment.members.discard(removed)
    if change.source_segment_id is not None:
        segment.source_segment_id = change.source_segment_id
    if change.campaign and not segment.life.usable:
        raise refuse(f"a segment in status {segment.life.status} cannot be used in a campaign's targeting")
    if change.campaign is not None:
        world.segments.put_in_campaign(segment, used=change.campaign)
    if change.status is not None:
        world.segments.force(segment, change.status)
    return reply(view(world, segment))


async def delete_segment(request: web.Request) -> web.Response:
    request.app[WORLD].segments.delete(_segment(request))
    return web.Response(status=204)


def _segment(request: web.Request) -> Segment:
    try:
        return request.app[WORLD].segments.get(request.match_info["id"])
    except RefusedError as refused:
        raise refuse(refused.message, 404) from refused


def view(world: World, segment: Segment) -> dict[str, object]:
    now = world.clock.now()
    return {
        "id": segment.id,
        "account": segment.account,
        "name": segment.name,
        "sourcePlatform": segment.source_platform,
        "sourceSegmentId": segment.source_segment_id,
        "type": segment.type,
        "status": segment.life.status,
        "since": segment.life.since,
        "campaign": segment.life.in_campaign,
        "size": len(segment.members),
        "inputCount": segment.members.input_count(now),
        "matchedCount": segment.members.matched_count(now),
        "audienceSize": world.segments.audience(segment),
        "listFlaw": segment.list_flaw,
        "transitions": [
            {
                "from": one.origin,
                "to": one.to,
                "at": one.at,
                "forced": one.forced,
                "documented": (one.origin, one.to) in DOCUMENTED,
            }
            for one in segment.transitions
        ],
    }
