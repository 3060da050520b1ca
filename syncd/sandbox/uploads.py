"""List uploads: an address for the file, and the segment that takes it (linkedin-api.md §5); `ambry` takes the file."""

import msgspec

from .answers import Answer, bad_request, json_answer
from .call import Call
from .people import require_scope, require_writer
from .restli import read_body
from .segments import UPLOADED
from .world import World

SCOPE = "rw_ads"
PATH = "/ambry/"
TICKET = "x-li-ambry-ep"


class UploadOrder(msgspec.Struct, forbid_unknown_fields=True):
    owner: str


class ListOrder(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    input_file: str


def act(world: World, call: Call) -> Answer:
    """`?action=generateUploadUrl`: where the file of an account may be sent, once."""
    require_scope(call.token, SCOPE)
    action = call.target.value("action")
    if action != "generateUploadUrl":
        raise bad_request(f"dmpSegments has no action {action}; it has generateUploadUrl")
    owner = read_body(call.body, UploadOrder).owner
    require_writer(call.member, owner)
    ticket = world.shelf.give(owner)
    return json_answer(200, {"value": f"{call.origin}{PATH}?{TICKET}={ticket}"})


def attach(world: World, call: Call) -> Answer:
    """`/dmpSegments/{id}/listUploads`: the segment's one list; a later one takes its place."""
    require_scope(call.token, SCOPE)
    order = read_body(call.body, ListOrder)
    segment = world.segments.visible(call.segment_id, world.options.visible_after)
    require_writer(call.member, segment.account)
    if segment.type not in UPLOADED:
        raise bad_request(f"DMP segment {segment.id} is of type {segment.type}: it takes a stream, no list uploads")
    media = world.shelf.media.get(order.input_file)
    if media is None or media.owner != segment.account:
        raise bad_request(f"inputFile {order.input_file} is no file of {segment.account}")
    call.entry.elements = media.list.rows
    flaw = media.list.flaw
    if flaw is None and media.list.kind != segment.type.removesuffix("_LIST_UPLOAD"):
        flaw = f"the list holds no rows for a {segment.type}"
    world.segments.take_list(segment, media.list.keys, flaw)
    world.journal.applied(call.entry)
    return world.created(str(world.shelf.given))
