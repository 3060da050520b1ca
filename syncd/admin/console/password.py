"""One's own account: what one may, and another password."""

from __future__ import annotations

from typing import Final

import msgspec
from aiohttp import hdrs, web

from syncd.admin import cookies
from syncd.admin.console import frame
from syncd.admin.routes import Call, Reach
from syncd.domain.access import Role
from syncd.errors import Denied, Rejected
from syncd.operations.pace import Wait
from syncd.operations.passwords import LONGEST, SHORTEST

_PATH: Final = "/account"


class New(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`password` is the one they have; `again` is the new one once more."""

    password: str = ""
    new: str = ""
    again: str = ""
    csrf: str = ""

    def __repr__(self) -> str:
        return "New(…)"


async def _page(call: Call) -> web.Response:
    return _shown(call, said=frame.said(call))


def _shown(call: Call, *, problem: str = "", said: str = "", status: int = 200) -> web.Response:
    return frame.page(
        call,
        "account.html",
        title="Your account",
        here="account",
        status=status,
        shortest=SHORTEST,
        longest=LONGEST,
        problem=problem,
        said=said,
    )


async def _change(call: Call) -> web.Response:
    """All their sessions end, and the one before this page begins anew."""
    given: New = call.body
    if given.new != given.again:
        return _shown(call, problem="the new password was typed in two ways: nothing was changed", status=422)
    try:
        begun = await cookies.change_password(call, given.password, given.new)
    except Wait as wait:
        answer = _shown(call, problem=str(wait), status=429)
        answer.headers[hdrs.RETRY_AFTER] = f"{wait.seconds + 1:.0f}"
        return answer
    except Denied:
        return _shown(call, problem="that is not the password you have: nothing was changed", status=422)
    except Rejected as refused:
        return _shown(call, problem=str(refused), status=422)
    response = frame.see(_PATH, "changed")
    cookies.give(response, call.desk, begun)
    return response


ROUTES: Final = (
    frame.got(_PATH, _page, "Your account", Reach.NOWHERE),
    frame.posted(f"{_PATH}/password", _change, "Change your password", Reach.NOWHERE, role=Role.VIEWER, body=New),
)
