"""Errors as RFC 9457 has them: every refusal of ours, of aiohttp's and of the framework below has the same shape.

A page's errors are pages; whoever makes pages says how (`PAGE`). What was not meant to happen says nothing of itself, and
is logged by its kind only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final, TypeAlias

import msgspec
import structlog
from aiohttp import web

from syncd.errors import Absent, BadConfiguration, Clashing, Denied, Fatal, Rejected, SyncdError, Transient
from syncd.operations.access import WrongPassword
from syncd.operations.pace import Wait

MEDIA_TYPE: Final = "application/problem+json"
CONFIGURATION: Final = "urn:syncd:problem:configuration"
"""The type of what the server's own configuration lacks; the status alone says what every other problem is."""
FAILED: Final = "urn:syncd:problem:failed"
"""The type of what could not be done although nothing is wrong with the request."""
_RETRY: Final = "5"
_log = structlog.get_logger("syncd.http")


class Flaw(msgspec.Struct, frozen=True, kw_only=True):
    """One of several things that are wrong: where, and why."""

    line: int
    detail: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error. `detail` is a sentence for people; `errors` names every line that is wrong."""

    type: str
    title: str
    status: int
    detail: str = ""
    errors: list[Flaw] = []


class Refusal(Exception):
    """Raised to answer with a problem."""

    def __init__(
        self, status: int, detail: str, *, headers: Mapping[str, str] | None = None, errors: list[Flaw] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.errors = errors or []


Render: TypeAlias = Callable[[web.Request, Problem], web.Response]
PAGE: Final[web.AppKey[Render]] = web.AppKey("page_of_problem")
"""How the console shows a problem; without it, every problem is JSON."""


def problem(status: int, detail: str, errors: list[Flaw] | None = None, kind: str = "about:blank") -> Problem:
    title = HTTPStatus(status).phrase if status in _STATUSES else "Error"
    return Problem(type=kind, title=title, status=status, detail=detail, errors=errors or [])


_STATUSES: Final = frozenset(int(one) for one in HTTPStatus)


def of(error: Exception) -> tuple[Problem, dict[str, str]]:
    """What an exception is to whoever asked, with the headers that belong to it."""
    match error:
        case Refusal():
            return problem(error.status, error.detail, error.errors), error.headers
        case web.HTTPException():
            kept = {name: error.headers[name] for name in ("Allow", "Location", "Retry-After") if name in error.headers}
            return problem(error.status, ""), kept
        case Wait():
            return problem(429, str(error)), {"Retry-After": f"{error.seconds + 1:.0f}"}
        case SyncdError():
            return _ours(error)
        case _:
            _log.error("request_failed", kind=type(error).__name__)
            return problem(500, "something went wrong here; the log says what"), {}


def _ours(error: SyncdError) -> tuple[Problem, dict[str, str]]:
    match error:
        case WrongPassword():
            return problem(401, str(error)), {}
        case Absent():
            return problem(404, str(error)), {}
        case Clashing():
            return problem(409, str(error)), {}
        case Denied():
            return problem(403, str(error)), {}
        case Rejected():
            return problem(422, str(error)), {}
        case Transient():
            return problem(503, str(error)), {"Retry-After": _RETRY}
        case BadConfiguration():
            return problem(409, str(error), kind=CONFIGURATION), {}
        case Fatal():
            _log.error("request_failed", kind=type(error).__name__, words=str(error))
            return problem(500, "something went wrong here; the log says what"), {}
        case _:
            return problem(409, str(error), kind=FAILED), {}


def response(request: web.Request, shown: Problem, headers: Mapping[str, str]) -> web.Response:
    """As a page where a page was asked for, else as JSON."""
    render = request.app.get(PAGE)
    answer = (
        render(request, shown)
        if render is not None and wants_page(request)
        else web.Response(status=shown.status, body=msgspec.json.encode(shown), content_type=MEDIA_TYPE)
    )
    answer.headers.update(headers)
    return answer


def wants_page(request: web.Request) -> bool:
    """Whether a person is asking: anything but the API, from what reads HTML."""
    return not request.path.startswith("/api/") and "text/html" in request.headers.get("Accept", "")
