"""Erasures and opt-outs. What somebody types is hashed in the server, and stands in no page, no address and no log."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from aiohttp import web

from syncd.admin.console import frame
from syncd.admin.routes import Call, Reach
from syncd.domain.access import Role
from syncd.errors import SyncdError
from syncd.operations import erasure, optouts
from syncd.operations.optouts import Suppression

_SOME: Final = 50
_LONGEST: Final = 300


class Below(frame.Said, frozen=True, kw_only=True, forbid_unknown_fields=True):
    below: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)] | None = None


class Erase(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    person: Annotated[str, msgspec.Meta(max_length=_LONGEST)] = ""
    reason: str = ""
    confirm: str = ""
    csrf: str = ""


class Opt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    person: Annotated[str, msgspec.Meta(max_length=_LONGEST)] = ""
    what: Literal["add", "remove", "check"] = "check"
    reason: str = ""
    csrf: str = ""


async def _page(call: Call) -> web.Response:
    return await _shown(call, below=call.query.below, said=frame.said(call))


async def _shown(
    call: Call,
    *,
    below: int | None = None,
    problem: str = "",
    said: str = "",
    checked: Suppression | Literal[False] | None = None,
) -> web.Response:
    found = await erasure.listed(call.desk.database, _SOME, below)
    trouble = (
        "" if call.desk.settings.erasure.key is not None else "Set erasure.key (SYNCD_ERASURE__KEY), then restart."
    )
    return frame.page(
        call,
        "erasure.html",
        title="Erasure and opt-outs",
        here="erasure",
        status=422 if problem else 200,
        erasures=found,
        counted=await optouts.counted(call.desk.database),
        confirmation=erasure.CONFIRMATION,
        older=f"/erasure?below={found[-1].id}" if len(found) == _SOME else "",
        trouble=trouble,
        checked=checked,
        problem=problem,
        said=said,
    )


async def _erase(call: Call) -> web.Response:
    given: Erase = call.body
    try:
        await erasure.begin(
            call.desk.database,
            call.desk.settings,
            given.person,
            by=call.caller.by(given.reason),
            confirmation=given.confirm,
        )
    except SyncdError as refused:
        return await _shown(call, problem=str(refused))
    frame.of(call).watch.outdate()
    return frame.see("/erasure", "erasing")


async def _opt(call: Call) -> web.Response:
    given: Opt = call.body
    database, settings = call.desk.database, call.desk.settings
    try:
        match given.what:
            case "add":
                added = await optouts.add(database, settings, [given.person], by=call.caller.by(given.reason))
                if added.refused:
                    return await _shown(call, problem="that is no e-mail address, and no SHA-256 or SHA-512")
                return frame.see("/erasure", "opted-out")
            case "remove":
                await optouts.remove(database, settings, given.person, by=call.caller.by(given.reason))
                return frame.see("/erasure", "opted-in")
            case "check":
                found = await optouts.check(database, settings, given.person)
                return await _shown(call, checked=found or False)
    except SyncdError as refused:
        return await _shown(call, problem=str(refused))


async def _evidence(call: Call) -> web.Response:
    number = call.number("number")
    document = await erasure.evidence(call.desk.database, number)
    return web.Response(
        body=msgspec.json.format(msgspec.json.encode(document), indent=2),
        content_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="erasure-{number}.json"'},
    )


_PATH: Final = "/erasure"
ROUTES: Final = (
    frame.got(_PATH, _page, "Erasures and opt-outs", Reach.EVERYWHERE, role=Role.ADMIN, query=Below),
    frame.posted(_PATH, _erase, "Erase a person", Reach.EVERYWHERE, role=Role.ADMIN, body=Erase, paced=True),
    frame.posted(f"{_PATH}/opt-outs", _opt, "Opt a person out", Reach.EVERYWHERE, role=Role.ADMIN, body=Opt),
    frame.got(
        _PATH + "/{number:[0-9]{1,18}}/evidence", _evidence, "Evidence of an erasure", Reach.EVERYWHERE, role=Role.ADMIN
    ),
)
