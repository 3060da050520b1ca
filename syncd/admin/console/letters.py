"""Dead letters: counted, read, sent again or dropped."""

from __future__ import annotations

from typing import Final

import msgspec
from aiohttp import web

from syncd.admin.console import frame
from syncd.admin.routes import Call, Reach
from syncd.domain.access import Role
from syncd.domain.change import Reason
from syncd.errors import Rejected
from syncd.operations import letters
from syncd.operations.letters import LetterList, Which

_MOST: Final = 100


class Filter(frame.Said, frozen=True, kw_only=True, forbid_unknown_fields=True):
    segment: str = ""
    reason: str = ""


class Meant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which letters: of a segment for a reason, or one by its number."""

    segment: str | None = None
    reason: str | None = None
    ids: int | None = None
    sure: str = ""
    csrf: str = ""


async def _keys(call: Call) -> list[str]:
    whole = (await frame.of(call).watch.now()).within(call.caller.accounts)
    return [one.key for one in whole.segments]


async def _found(call: Call, which: Which, keys: list[str]) -> LetterList:
    """Only what is of the caller's accounts; a letter whose segment is gone is nobody's."""
    found = await letters.listed(call.desk.database, which, _MOST)
    if call.caller.accounts is None:
        return found
    mine = set(keys)
    return LetterList(
        counts=[one for one in found.counts if one.segment in mine],
        newest=[one for one in found.newest if one.segment in mine],
    )


async def _page(call: Call) -> web.Response:
    query: Filter = call.query
    keys = await _keys(call)
    which = Which(segment=query.segment if query.segment in keys else None, reason=query.reason or None)
    found = await _found(call, which, keys)
    return frame.page(
        call,
        "letters.html",
        title="Dead letters",
        here="letters",
        which=which,
        keys=keys,
        reasons=[one.value for one in Reason],
        counts=found.counts,
        newest=found.newest,
        older="",
        said=frame.said(call),
    )


async def _checked(call: Call) -> Which:
    """What a form means, if it is all of the caller's accounts."""
    given: Meant = call.body
    which = Which(segment=given.segment, reason=given.reason, ids=() if given.ids is None else (given.ids,))
    if which.all:
        raise Rejected("say which dead letters")
    if call.caller.accounts is not None:
        keys = await _keys(call)
        seen = await _found(call, Which(segment=given.segment, reason=given.reason), keys)
        if given.segment not in keys and not (given.ids and given.ids in {one.id for one in seen.newest}):
            raise Rejected("those dead letters are of no ad account of yours")
    return which


async def _retry(call: Call) -> web.Response:
    done = await letters.retry(call.desk.database, await _checked(call))
    frame.of(call).watch.outdate()
    return frame.see("/dead-letters", "retried", done.letters)


async def _ask(call: Call) -> web.Response:
    query: Filter = call.query
    keys = await _keys(call)
    if query.segment not in keys or not query.reason:
        raise Rejected("say which dead letters: a segment and a reason")
    which = Which(segment=query.segment, reason=query.reason)
    found = await _found(call, which, keys)
    return frame.page(
        call,
        "drop_letters.html",
        title="Drop dead letters",
        here="letters",
        which=which,
        letters=sum(one.letters for one in found.counts),
    )


async def _drop(call: Call) -> web.Response:
    if call.body.sure != "yes":
        raise Rejected("say that they are not needed any more")
    done = await letters.drop(call.desk.database, await _checked(call))
    frame.of(call).watch.outdate()
    return frame.see("/dead-letters", "dropped", done.letters)


ROUTES: Final = (
    frame.got("/dead-letters", _page, "Dead letters", Reach.FILTERED, query=Filter),
    frame.posted("/dead-letters/retry", _retry, "Retry dead letters", Reach.FILTERED, body=Meant),
    frame.got("/dead-letters/drop", _ask, "Ask before dropping", Reach.FILTERED, role=Role.OPERATOR, query=Filter),
    frame.posted("/dead-letters/drop", _drop, "Drop dead letters", Reach.FILTERED, body=Meant),
)
