"""Where files are uploaded to: another path of this server, as LinkedIn's is another host.

A call needs the token, but neither version nor protocol.
"""

from aiohttp import web

from .answers import JSON, Answer, RefusedError
from .faults import Facts
from .gate import Admitted, conduct
from .journal import Entry
from .lists import MOST_BYTES, read_list
from .people import Member, require_scope, require_writer
from .shelf import Media
from .uploads import PATH, SCOPE, TICKET
from .world import World

CSV = "text/csv"


async def receive(request: web.Request) -> web.StreamResponse:
    return await conduct(request, _admit)


def _admit(world: World, request: web.Request, body: bytes, entry: Entry) -> Admitted:
    entry.resource, entry.method = "uploads", "UPLOAD"
    token = world.directory.authenticate(request.headers.get("Authorization"))
    entry.member, entry.application = token.member.key, token.member.application
    require_scope(token, SCOPE)
    if request.content_type != CSV:
        raise RefusedError(415, f"The request must have Content-Type {CSV}")
    if len(body) > MOST_BYTES:
        raise RefusedError(413, "Request Entity Too Large")
    ticket = request.query.get(TICKET, "")
    # A body of people is not looked into for faults: it may be twenty megabytes.
    facts = Facts(resource=entry.resource, member=entry.member, segment="", method=entry.method, body=b"")
    return Admitted(facts=facts, answer=lambda: _keep(world, token.member, entry, ticket, body))


def _keep(world: World, member: Member, entry: Entry, ticket: str, body: bytes) -> Answer:
    owner = world.shelf.tickets.get(ticket)
    if owner is None:
        raise RefusedError(404, "The upload address is unknown or was used already", "NOT_FOUND")
    require_writer(member, owner)
    del world.shelf.tickets[ticket]
    media = Media(owner=owner, list=read_list(body))
    name = f"AAYAAgAoAAoAAQAAAAAAA{ticket}"
    world.shelf.media[f"urn:li:media:{name}"] = media
    entry.elements = media.list.rows
    if media.list.plain_emails:
        world.journal.violate(entry, "plain_email", f"{media.list.plain_emails} rows hold an address, not a hash")
    world.journal.applied(entry)
    location = f"urn:li:media:{name}" if world.options.upload_location == "urn" else f"{PATH}{name}"
    return Answer(status=201, content_type=JSON, headers={"Location": location})
