"""Is this person in it? What is asked is hashed in the server, and neither kept nor shown again."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from aiohttp import web

from syncd.admin.console import frame, segment
from syncd.admin.routes import Call, Reach
from syncd.operations import presence


class Somebody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    person: Annotated[str, msgspec.Meta(max_length=300)] = ""
    csrf: str = ""


async def _look(call: Call) -> web.Response:
    given: Somebody = call.body
    found = await presence.look(call.desk.database, call.desk.settings, given.person, call.caller.accounts)
    return await segment.shown(call, found)


ROUTES: Final = (
    frame.posted("/segments/{segment}/presence", _look, "Is this person in it?", Reach.SEGMENT, body=Somebody),
)
