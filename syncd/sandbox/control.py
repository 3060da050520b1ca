"""The control API under `/_sandbox`: what a test, an operator or a demo does to LinkedIn behind its back."""

from collections.abc import AsyncIterator, Iterable
from typing import Any, Literal, TypeVar

import msgspec
from aiohttp import web

from .faults import ArmedFault, Fault
from .oauth import pair_document
from .options import SCOPES
from .people import EVERY_ACCOUNT, ROLES, AccessToken
from .world import WORLD, World

Shape = TypeVar("Shape")

LINES_AT_ONCE = 10_000


def reply(value: object, status: int = 200) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(value) + b"\n", content_type="application/json")


async def read(request: web.Request, shape: type[Shape]) -> Shape:
    """The body in that shape; 400 with the reason otherwise."""
    try:
        return msgspec.json.decode(await request.read() or b"{}", type=shape)
    except msgspec.DecodeError as wrong:
        raise refuse(str(wrong)) from wrong


def refuse(reason: str, status: int = 400) -> web.HTTPException:
    kind = web.HTTPNotFound if status == 404 else web.HTTPBadRequest
    return kind(text=msgspec.json.encode({"error": reason}).decode(), content_type="application/json")


async def stream_lines(request: web.Request, lines: Iterable[bytes], content_type: str) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": content_type})
    await response.prepare(request)
    async for chunk in _chunks(lines):
        await response.write(chunk)
    await response.write_eof()
    return response


async def _chunks(lines: Iterable[bytes]) -> AsyncIterator[bytes]:
    gathered: list[bytes] = []
    for line in lines:
        gathered.append(line)
        if len(gathered) == LINES_AT_ONCE:
            yield b"\n".join(gathered) + b"\n"
            gathered.clear()
    if gathered:
        yield b"\n".join(gathered) + b"\n"


async def summary(request: web.Request) -> web.Response:
    world = request.app[WORLD]
    return reply(
        {
            "now": world.clock.now(),
            "real": world.clock.real(),
            "clock_factor": world.clock.factor,
            "segments": len(world.segments),
            "requests": world.journal.opened,
            "by_status": world.journal.by_status,
            "violations": len(world.journal.violations),
            "faults": len(world.faults.armed),
            "held": world.holds.waiting,
            "members": [
                {"key": member.key, "urn": member.urn, "application": member.application, "roles": member.roles}
                for member in world.directory.members.values()
            ],
            "options": world.options,
        }
    )


async def requests(request: web.Request) -> web.StreamResponse:
    since = request.query.get("since", "0")
    if not since.isdecimal():
        raise refuse("since must be a number")
    entries = request.app[WORLD].journal.since(int(since))
    lines = (msgspec.json.encode(entry) for entry in entries)
    return await stream_lines(request, lines, "application/x-ndjson")


async def limits(request: web.Request) -> web.Response:
    world = request.app[WORLD]
    return reply(world.quotas.report(world.clock.real(), world.options))


async def violations(request: web.Request) -> web.Response:
    return reply(request.app[WORLD].journal.violations)


async def list_faults(request: web.Request) -> web.Response:
    return reply([_armed(armed) for armed in request.app[WORLD].faults.armed.values()])


async def add_faults(request: web.Request) -> web.Response:
    """One fault, or a list of them."""
    wanted = await read(request, Fault | list[Fault])  # type: ignore[arg-type]  # msgspec takes unions
    book = request.app[WORLD].faults
    armed = [book.add(fault) for fault in (wanted if isinstance(wanted, list) else [wanted])]
    return reply({"ids": [one.id for one in armed]}, status=201)


async def delete_faults(request: web.Request) -> web.Response:
    book = request.app[WORLD].faults
    number = request.match_info.get("id")
    if number is None:
        book.clear()
    elif not book.remove(int(number)):
        raise refuse(f"there is no fault {number}", 404)
    return reply({"armed": len(book.armed)})


def _armed(armed: ArmedFault) -> dict[str, Any]:
    return {"id": armed.id, "seen": armed.seen, "played": armed.played, "fault": armed.fault}


async def release(request: web.Request) -> web.Response:
    return reply({"released": request.app[WORLD].holds.release()})


class ClockChange(msgspec.Struct, forbid_unknown_fields=True):
    advance: float = 0.0
    factor: float | None = None


async def change_clock(request: web.Request) -> web.Response:
    world = request.app[WORLD]
    change = await read(request, ClockChange)
    world.clock.advance(change.advance)
    if change.factor is not None:
        world.configure({"clock_factor": change.factor})
    return reply({"now": world.clock.now(), "factor": world.clock.factor})


async def change_options(request: web.Request) -> web.Response:
    world = request.app[WORLD]
    changes = await read(request, dict[str, Any])
    try:
        world.configure(changes)
    except msgspec.ValidationError as wrong:
        raise refuse(str(wrong)) from wrong
    return reply(world.options)


class TokenOrder(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`issue` a pair, `expire` or `revoke` (one token, or all of a member; `refresh` takes the grants too), set a `role`."""

    do: Literal["issue", "expire", "revoke", "role"] = "issue"
    member: str | None = None
    token: str | None = None
    refresh_token: str | None = None
    application: str | None = None
    client_secret: str | None = None
    scope: str = SCOPES
    account: str = EVERY_ACCOUNT
    role: str | None = None
    expires_in: int | None = None
    refresh_expires_in: int | None = None
    spread: float = 0.0
    refresh: bool = False


async def change_tokens(request: web.Request) -> web.Response:
    world = request.app[WORLD]
    order = await read(request, TokenOrder)
    if order.role is not None and order.role not in ROLES:
        raise refuse(f"role must be one of {', '.join(sorted(ROLES))}")
    match order.do:
        case "issue":
            return reply(_issue(world, order), status=201)
        case "role":
            if order.member is None:
                raise refuse("member is required")
            world.directory.enrol(order.member, world.options.application).roles[order.account] = order.role
            return reply({"member": order.member, "account": order.account, "role": order.role})
        case "expire" | "revoke":
            return reply({"tokens": _end(world, order)})


def _issue(world: World, order: TokenOrder) -> dict[str, object]:
    if order.member is None:
        raise refuse("member is required")
    application = order.application or world.options.application
    world.directory.secrets.setdefault(application, order.client_secret or world.options.client_secret)
    known = order.member in world.directory.members
    member = world.directory.enrol(order.member, application)
    if order.role is not None or not known:
        member.roles[order.account] = order.role or "CAMPAIGN_MANAGER"
    ttl = order.refresh_expires_in or world.options.refresh_token_ttl
    grant = world.directory.consent(member, ttl, order.refresh_token, order.scope)
    lifetime = world.options.access_token_ttl if order.expires_in is None else order.expires_in
    pair = world.directory.issue(grant, lifetime, spread=order.spread, value=order.token)
    return {"member": member.key, "application": member.application, **pair_document(pair)}


def _end(world: World, order: TokenOrder) -> int:
    ended = [token for token in world.directory.tokens.values() if _meant(order, token)]
    for token in ended:
        if order.do == "expire":
            token.expires_at = world.clock.now()
        else:
            token.revoked = True
    if order.refresh or order.refresh_token is not None:
        for grant in world.directory.grants.values():
            if order.refresh_token == grant.refresh_token or order.member == grant.member.key:
                grant.revoked = True
    return len(ended)


def _meant(order: TokenOrder, token: AccessToken) -> bool:
    return token.value == order.token if order.token is not None else token.member.key == order.member
