"""One request, from the door to the answer: who asks, may they, is it well-formed, was it answered before; then the handler.

Every route is served by this one function; a handler sees only what came through.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
from aiohttp import web

from syncd.admin import bodies, doors, repeats
from syncd.admin.desk import Desk
from syncd.admin.problems import Refusal
from syncd.admin.routes import FORM, JSON, MULTIPART, Call, Face, Reach, Route
from syncd.domain.access import Person
from syncd.operations import segments
from syncd.operations.access import Session

_encode: Final = msgspec.json.Encoder().encode


def serving(route: Route, desk: Desk) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The aiohttp handler of a route."""

    async def serve(request: web.Request) -> web.StreamResponse:
        if route.face is not Face.ASSET and (reasons := desk.reasons()):
            raise Refusal(503, reasons[0], headers={"Retry-After": "5"})
        if "\0" in request.path:
            raise Refusal(404, "")
        caller, session = await doors.who(request, route, desk)
        if session is not None and route.is_safe:
            doors.not_embedded(request)
        if not route.is_safe and (session is not None or route.role is None):
            doors.came_from_us(request, desk)
        doors.allowed(route, caller)
        if route.paced:
            desk.pace.keep(caller.id, route.name)
        return await _let_in(request, route, desk, caller, session)

    return serve


async def _let_in(
    request: web.Request, route: Route, desk: Desk, caller: Person, session: Session | None
) -> web.StreamResponse:
    query = bodies.query(request, route)
    given, raw, form = None, b"", None
    if route.body is not None or route.streamed:
        given = bodies.media_type(request, route)
        form = await bodies.form(request, route.most_streamed) if given == MULTIPART else None
        raw = b"" if given in route.streamed else await bodies.read(request, route)
    elif not route.is_safe and await bodies.read(request, route):
        raise Refusal(400, "this takes no body")
    if session is not None and not route.is_safe:
        doors.carries(session, _token(request, form.fields if form else bodies.fields(raw) if given == FORM else {}))
    if route.reach is Reach.SEGMENT:
        await segments.within(desk.database, caller, request.match_info["segment"])
    call = Call(
        http=request,
        desk=desk,
        caller=caller,
        parts=request.match_info,
        query=query,
        body=_body(route, given, raw, form),
        stream=form.file if form else bodies.stream(request, route.most_streamed) if given in route.streamed else None,
        media=given or "",
        session=session,
    )
    if call.stream is None:
        return await _once(call, route, raw)
    async with _place(desk, route):
        return await _once(call, route, raw)


def _body(route: Route, given: str | None, raw: bytes, form: bodies.Form | None) -> Any:
    if route.body is None or given is None:
        return None
    if form is not None:
        return bodies.filled(form.fields, route.body)
    return bodies.decoded(raw, given, route.body) if given in route.takes else None


@asynccontextmanager
async def _place(desk: Desk, route: Route) -> AsyncIterator[None]:
    """A place among the streams of a kind; Refusal where none becomes free for a while."""
    places = desk.streams[route.subject]
    try:
        async with asyncio.timeout(bodies.PATIENCE):
            await places.acquire()
    except TimeoutError:
        raise Refusal(503, "others send at the moment: try again", headers={"Retry-After": "30"}) from None
    try:
        yield
    finally:
        places.release()


async def _once(call: Call, route: Route, raw: bytes) -> web.StreamResponse:
    """The answer, or the one that this request's key was answered with before."""
    key = repeats.key_of(call.request) if route.starts_work else None
    if key is None:
        return await _answered(call, route)
    return await repeats.once(call, route, key, raw, _answered)


def _token(request: web.Request, fields: Mapping[str, Any]) -> str | None:
    found = request.headers.get(doors.CSRF_HEADER) or fields.get(doors.CSRF_FIELD)
    return found if isinstance(found, str) else None


async def _answered(call: Call, route: Route) -> web.StreamResponse:
    answer: Any = await route.handler(call)
    if isinstance(answer, web.StreamResponse):
        return answer
    if isinstance(answer, AsyncGenerator):
        return await _flown(call, route, answer)
    if route.answer is None:
        return web.Response(status=204)
    return web.Response(status=route.status, body=_encode(answer), content_type=JSON)


async def _flown(call: Call, route: Route, parts: AsyncGenerator[bytes]) -> web.StreamResponse:
    """Part by part. The head goes out with the first one, so that a refusal before it is a problem like any other."""
    first = await anext(parts, b"")
    response = web.StreamResponse(headers={"Content-Type": f"{route.answers_with}; charset=utf-8"})
    if route.file_name:
        response.headers["Content-Disposition"] = f'attachment; filename="{route.file_name}"'
    await response.prepare(call.request)
    await response.write(first)
    async for part in parts:
        await response.write(part)
    await response.write_eof()
    return response
