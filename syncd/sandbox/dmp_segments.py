"""`/dmpSegments` and its destinations (linkedin-api.md §3)."""

import msgspec

from .answers import NO_CONTENT, Answer, RefusedError, bad_request, json_answer, segment_limit
from .call import Call
from .people import require_reader, require_scope, require_writer
from .restli import delete_each, page, read_body, read_patch
from .segments import TYPES, UPLOADED, Segment
from .world import World

SCOPES = ("rw_dmp_segments", "rw_ads")

CREATE_ONLY = ("account", "type", "sourcePlatform", "sourceSegmentId")


class Destination(msgspec.Struct, forbid_unknown_fields=True):
    destination: str


class NewSegment(msgspec.Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    name: str
    account: str
    source_platform: str
    type: str
    source_segment_id: str | None = None
    destinations: list[Destination] = []
    access_policy: str | None = None


def create(world: World, call: Call) -> Answer:
    require_scope(call.token, *SCOPES)
    new = read_body(call.body, NewSegment)
    _require_scope(call, new.type)
    require_writer(call.member, new.account)
    if new.type not in TYPES:
        raise bad_request(f"type must be one of {', '.join(sorted(TYPES))}")
    for destination in new.destinations:
        _check_destination(destination)
    if new.account in world.options.test_accounts:
        code = "SEGMENT_CREATION_NOT_ALLOWED_FOR_TEST_ACCOUNTS"
        raise RefusedError(400, "Segments cannot be created for test accounts", code)
    siblings = world.segments.of_account(new.account)
    if len(siblings) >= world.options.segments_per_account:
        raise segment_limit(world.options.segments_per_account)
    segment = world.segments.create(
        account=new.account,
        name=new.name,
        type_=new.type,
        source_platform=new.source_platform,
        source_segment_id=new.source_segment_id,
        rates=world.rates,
    )
    call.entry.segment = str(segment.id)
    _look_for_twins(world, call, segment, siblings)
    if new.access_policy is not None:
        world.journal.violate(call.entry, "read_only_field", "accessPolicy")
    world.journal.applied(call.entry)
    return world.created(str(segment.id))


def _look_for_twins(world: World, call: Call, segment: Segment, siblings: list[Segment]) -> None:
    key = (segment.source_platform, segment.source_segment_id)
    if key[1] and any((other.source_platform, other.source_segment_id) == key for other in siblings):
        world.journal.violate(call.entry, "duplicate_segment", f"{segment.account} {key[1]}")


def get(world: World, call: Call) -> Answer:
    return json_answer(200, world.segments.document(_readable(world, call)))


def find(world: World, call: Call) -> Answer:
    require_scope(call.token, *SCOPES)
    if call.target.value("q") != "account":
        raise bad_request("dmpSegments has no such finder; it has q=account")
    account = call.target.required("account")
    require_reader(call.member, account)
    found = [
        segment
        for segment in world.segments.of_account(account)
        if world.segments.shown(segment, world.options.visible_after)
        and call.target.value("sourcePlatform") in {None, segment.source_platform}
        and call.target.value("sourceSegmentId") in {None, segment.source_segment_id}
    ]
    return json_answer(200, page(call.target, found, world.segments.document, world.options))


def update(world: World, call: Call) -> Answer:
    segment = _writable(world, call, call.segment_id)
    changes = read_patch(call.body)
    for name in CREATE_ONLY:
        if name in changes:
            raise RefusedError(422, f"{name}::CreateOnly field present in a partial_update request")
    if changes.keys() - {"name"} or not isinstance(changes.get("name", ""), str):
        raise bad_request("only name can be patched")
    segment.name = changes.get("name", segment.name)
    segment.modified = world.clock.now()
    world.journal.applied(call.entry)
    return NO_CONTENT


def delete(world: World, call: Call) -> Answer:
    world.segments.delete(_writable(world, call, call.segment_id))
    world.journal.applied(call.entry)
    return NO_CONTENT


def batch_delete(world: World, call: Call) -> Answer:
    answer = delete_each(call.target, lambda one: world.segments.delete(_writable(world, call, one)))
    if answer["results"]:
        world.journal.applied(call.entry)
    return json_answer(200, answer)


def add_destination(world: World, call: Call) -> Answer:
    segment = _writable(world, call, call.segment_id)
    destination = read_body(call.body, Destination)
    _check_destination(destination)
    segment.destinations.setdefault(destination.destination, world.clock.now())
    world.journal.applied(call.entry)
    return world.created(destination.destination)


def list_destinations(world: World, call: Call) -> Answer:
    segment = _readable(world, call)
    names = list(segment.destinations)
    shown = page(call.target, names, lambda name: world.segments.destination(segment, name), world.options)
    return json_answer(200, shown)


def get_destination(world: World, call: Call) -> Answer:
    segment = _readable(world, call)
    name = call.target.parts[3]
    if name not in segment.destinations:
        raise RefusedError(404, f"Destination {name} was not found", "NOT_FOUND")
    return json_answer(200, world.segments.destination(segment, name))


def _check_destination(destination: Destination) -> None:
    if destination.destination != "LINKEDIN":
        raise bad_request(f"Unknown destination {destination.destination}")


def _require_scope(call: Call, segment_type: str) -> None:
    """Lists need no more than rw_ads; streams belong to the Audiences program (reference 002)."""
    require_scope(call.token, *(SCOPES if segment_type in UPLOADED else SCOPES[:1]))


def _readable(world: World, call: Call) -> Segment:
    require_scope(call.token, *SCOPES)
    segment = world.segments.visible(call.segment_id, world.options.visible_after)
    _require_scope(call, segment.type)
    require_reader(call.member, segment.account)
    return segment


def _writable(world: World, call: Call, segment_id: str) -> Segment:
    require_scope(call.token, *SCOPES)
    segment = world.segments.visible(segment_id, world.options.visible_after)
    _require_scope(call, segment.type)
    require_writer(call.member, segment.account)
    return segment
