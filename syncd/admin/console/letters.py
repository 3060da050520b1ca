"""Dead letters: counted, read, sent again or dropped."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from syncd.admin.console import frame
from syncd.admin.routes import Call, Reach
from syncd.domain.access import Role
from syncd.domain.change import Reason
from syncd.errors import Rejected
from syncd.operations import letters
from syncd.operations.letters import Which
from syncd.operations.paging import Slice


class Filter(frame.Said, frozen=True, kw_only=True, forbid_unknown_fields=True):
    segment: str = ""
    reason: str = ""
    cursor: str = ""


class Meant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which letters: of a segment for a reason, or one by its number."""

    segment: str | None = None
    reason: str | None = None
    ids: int | None = None
    sure: str = ""
    why: str = ""
    csrf: str = ""


async def _keys(call: Call) -> list[str]:
    whole = (await frame.of(call).watch.now()).within(call.caller.accounts)
    return [one.key for one in whole.segments]


async def _page(call: Call) -> web.Response:
    query: Filter = call.query
    which = Which(segment=query.segment or None, reason=query.reason or None, accounts=call.caller.accounts)
    counts = (await letters.listed(call.desk.database, which, 0)).counts
    newest = await letters.paged(call.desk.database, which, Slice(cursor=query.cursor or None))
    kept = {name: value for name, value in (("segment", query.segment), ("reason", query.reason)) if value}
    older = urlencode({**kept, "cursor": newest.next_cursor or ""})
    return frame.page(
        call,
        "letters.html",
        title="Dead letters",
        here="letters",
        which=which,
        keys=await _keys(call),
        reasons=[one.value for one in Reason],
        counts=counts,
        newest=newest.items,
        export=f"/api/v1/dead-letters/export?{urlencode(kept)}",
        older=f"/dead-letters?{older}" if newest.next_cursor else "",
        said=frame.said(call),
    )


def _meant(call: Call) -> Which:
    given: Meant = call.body
    ids = () if given.ids is None else (given.ids,)
    which = Which(segment=given.segment, reason=given.reason, ids=ids, accounts=call.caller.accounts)
    if which.all:
        raise Rejected("say which dead letters")
    return which


async def _retry(call: Call) -> web.Response:
    done = await letters.retry(call.desk.database, _meant(call), by=call.caller.by(call.body.why))
    frame.of(call).watch.outdate()
    return frame.see("/dead-letters", "retried", done.letters)


async def _ask(call: Call) -> web.Response:
    query: Filter = call.query
    if not query.segment or not query.reason:
        raise Rejected("say which dead letters: a segment and a reason")
    which = Which(segment=query.segment, reason=query.reason, accounts=call.caller.accounts)
    found = await letters.listed(call.desk.database, which, 0)
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
    done = await letters.drop(call.desk.database, _meant(call), by=call.caller.by(call.body.why))
    frame.of(call).watch.outdate()
    return frame.see("/dead-letters", "dropped", done.letters)


ROUTES: Final = (
    frame.got("/dead-letters", _page, "Dead letters", Reach.FILTERED, query=Filter),
    frame.posted("/dead-letters/retry", _retry, "Retry dead letters", Reach.FILTERED, body=Meant),
    frame.got("/dead-letters/drop", _ask, "Ask before dropping", Reach.FILTERED, role=Role.OPERATOR, query=Filter),
    frame.posted("/dead-letters/drop", _drop, "Drop dead letters", Reach.FILTERED, body=Meant, paced=True),
)
