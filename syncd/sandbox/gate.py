"""The way of every request through the sandbox: arrival, admission, faults, effect, log.

Arrival is when the headers are in, before the body is read: that is what rate limits count.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from . import answers, routes
from .answers import Answer, RefusedError
from .call import Call
from .effects import Exchange, NoAnswerError, play, whole
from .faults import Facts, RefuseElements
from .journal import Entry
from .quotas import QuotaKey
from .restli import Target, method_of, read_target
from .streaming import KINDS, read_leniently
from .versions import is_active
from .world import WORLD, World

PROTOCOL = "2.0.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A request that may be answered: what faults match on, and the answer to be made."""

    facts: Facts
    answer: Callable[[], Answer]
    refusals: list[tuple[RefuseElements, list[str]]] = field(default_factory=list)


Admission = Callable[[World, web.Request, bytes, Entry], Admitted]


async def serve_rest(request: web.Request) -> web.StreamResponse:
    return await conduct(request, admit)


async def conduct(request: web.Request, admission: Admission) -> web.StreamResponse:
    """Take a request through the gate; the log entry is finished whatever happens."""
    world = request.app[WORLD]
    entry = world.journal.open(world.clock.real())
    entry.agent = request.headers.get("User-Agent", "")
    entry.path = request.raw_path
    body = await request.read()
    status: int | None = None
    try:
        response = await _answer(request, world, entry, body, admission)
        status = response.status
    except NoAnswerError:
        response = web.Response(status=500)  # never sent: the connection is closed
    finally:
        world.journal.finish(entry, status)
        _record(world, entry, body)
    return response


async def _answer(
    request: web.Request, world: World, entry: Entry, body: bytes, admission: Admission
) -> web.StreamResponse:
    try:
        admitted = admission(world, request, body, entry)
    except RefusedError as refused:
        refusal = refused.answer()
        return await whole(Exchange(request=request, world=world, entry=entry, answer=lambda: refusal), refusal)
    plan = world.faults.choose(admitted.facts)
    admitted.refusals.extend(plan.refusals)
    entry.faults = plan.ids
    if delay := world.options.latency + plan.latency:
        await asyncio.sleep(delay)
    exchange = Exchange(request=request, world=world, entry=entry, answer=_settled(admitted.answer))
    return await play(plan.effect, exchange)


def _settled(answer: Callable[[], Answer]) -> Callable[[], Answer]:
    def settle() -> Answer:
        try:
            return answer()
        except RefusedError as refused:
            return refused.answer()

    return settle


def _record(world: World, entry: Entry, body: bytes) -> None:
    if world.record is None or entry.resource not in KINDS:
        return
    pending = entry.order is None
    world.record.finished(entry, read_leniently(entry.resource, body) if pending else None)


def admit(world: World, request: web.Request, body: bytes, entry: Entry) -> Admitted:
    """Check what LinkedIn checks before it looks at a resource, in its order: address, token, limits, headers."""
    target = read_target(request.method, request.raw_path, request.headers, body)
    method = method_of(target, request.headers.get("X-RestLi-Method"))
    _describe(entry, target, method, body)
    token = world.directory.authenticate(request.headers.get("Authorization"))
    entry.member, entry.application = token.member.key, token.member.application
    key = QuotaKey(entry.application, entry.member, entry.resource)
    throttled = world.quotas.arrive(key, entry.arrived, world.clock.day(), world.options)
    if throttled is not None:
        raise throttled
    _check_headers(world, request, target)
    if len(body) > world.options.max_body_bytes:
        raise RefusedError(413, "Request Entity Too Large")
    handler = routes.handler_of(target, method)
    origin = str(request.url.origin())
    call = Call(target=target, method=method, body=body, token=token, entry=entry, origin=origin)
    facts = Facts(resource=entry.resource, member=entry.member, segment=entry.segment, method=entry.method, body=body)
    return Admitted(facts=facts, answer=lambda: handler(world, call), refusals=call.refusals)


def _describe(entry: Entry, target: Target, method: str, body: bytes) -> None:
    entry.resource = routes.resource_of(target)
    entry.method = method
    if target.parts[0] == "dmpSegments" and len(target.parts) > 1:
        entry.segment = target.parts[1]
    if entry.resource in KINDS:
        entry.elements = body.count(b'"action"')


def _check_headers(world: World, request: web.Request, target: Target) -> None:
    version = request.headers.get("LinkedIn-Version")
    if not version:
        raise answers.version_missing()
    if not is_active(version, world.clock.now(), world.options.active_versions):
        raise answers.version_inactive(version)
    if request.headers.get("X-Restli-Protocol-Version") != PROTOCOL:
        raise answers.bad_request(f"The header X-Restli-Protocol-Version must be {PROTOCOL}")
    if target.verb == "POST" and not target.tunnelled and request.content_type != answers.JSON:
        raise RefusedError(415, f"The request must have Content-Type {answers.JSON}")
