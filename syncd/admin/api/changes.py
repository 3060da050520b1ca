"""Changes: people and companies that join and leave, one, many, or a stream of lines; and what became of each row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec

from syncd.admin.problems import Flaw, Refusal
from syncd.admin.routes import MEBIBYTE, NDJSON, Call, Reach, Route
from syncd.domain.access import Role
from syncd.errors import Absent
from syncd.operations import changes, posting
from syncd.operations.changes import ChangeReport, Outcome
from syncd.operations.posting import MOST_LINES, Bad, BadLines, Posted

_MOST_BYTES: Final = 48 * MEBIBYTE
_NAMED: Final = 1_000
"""Bad lines that an answer to `partial` names, which is kept under its key; a refusal is not, and names every one."""


class Many(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For more than a thousand there is the stream."""

    changes: Annotated[list[Posted], msgspec.Meta(min_length=1, max_length=1_000)]


class How(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`partial` takes the good lines where some are bad."""

    partial: bool = False


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that stand in the outbox now. Of the bad lines, which only `partial` leaves out, the first thousand are named."""

    rows: int
    rejected: int
    errors: list[Flaw]
    more_errors: int


async def _post(call: Call) -> Taken:
    how: How = call.query
    if call.stream is None:
        many: Many = call.body
        return await _taken(call, [msgspec.json.encode(one) for one in many.changes], how)
    return await _taken(call, await _lines(call), how)


async def _lines(call: Call) -> list[bytes]:
    """The stream's lines. Raises Refusal for too many."""
    held = bytearray()
    if call.stream is not None:
        async for part in call.stream:
            held += part
    if held.count(b"\n") > MOST_LINES:
        raise Refusal(413, f"at most {MOST_LINES:,} lines in a request")
    lines = bytes(held).split(b"\n")
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines or len(lines) > MOST_LINES:
        raise Refusal(413 if lines else 400, f"send 1 to {MOST_LINES:,} lines, each a JSON object")
    return lines


async def _taken(call: Call, lines: list[bytes], how: How) -> Taken:
    known = await posting.known(call.desk.database, call.caller)
    order = posting.Order(by=call.caller.by(), known=known, partial=how.partial)
    try:
        verdict = await posting.post(call.desk.database, call.desk.settings, lines, order)
    except BadLines as refused:
        raise Refusal(422, str(refused), errors=_flaws(refused.verdict.bad)) from None
    named, rest = verdict.bad[:_NAMED], verdict.bad[_NAMED:]
    return Taken(rows=verdict.good, rejected=len(verdict.bad), errors=_flaws(named), more_errors=len(rest))


def _flaws(bad: Sequence[Bad]) -> list[Flaw]:
    return [Flaw(line=one.line, detail=one.detail) for one in bad]


async def _show(call: Call) -> ChangeReport:
    found = await changes.fate_of(call.desk.database, call.number("number"))
    known = await posting.known(call.desk.database, call.caller)
    foreign = found.segment not in known.kinds and call.caller.accounts is not None
    if found.outcome is Outcome.UNKNOWN or foreign:
        raise Absent("there is no such row" if foreign else found.explanation)
    return found


_PATH: Final = "/api/v1/changes"
ROUTES: Final = (
    Route(
        method="POST",
        path=_PATH,
        handler=_post,
        summary="Put changes into the outbox, all or none: up to 1,000 as JSON, up to 100,000 as lines of JSON",
        subject="changes",
        role=Role.OPERATOR,
        reach=Reach.FILTERED,
        query=How,
        body=Many,
        streamed=(NDJSON,),
        schema_of=Posted,
        answer=Taken,
        status=202,
        most_bytes=4 * MEBIBYTE,
        most_streamed=_MOST_BYTES,
        starts_work=True,
    ),
    Route(
        method="GET",
        path=_PATH + "/{number:[0-9]{1,18}}",
        handler=_show,
        summary="What became of one row of the outbox",
        subject="changes",
        role=Role.VIEWER,
        reach=Reach.FILTERED,
        answer=ChangeReport,
    ),
)
