"""What commands ask of syncd: a route of the API, with what goes in and the type of what comes out.

A command asks and prints, and does not know who answers: a server at `SYNCD_URL`, or the route's own handler over this
machine's database. So what a command does stands in one place, and says the same by both.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final, Generic, Protocol, TypeVar

import msgspec

from syncd.admin.app import API
from syncd.admin.problems import CONFIGURATION, FAILED, Flaw, Problem
from syncd.admin.routes import Route
from syncd.errors import Absent, BadConfiguration, Clashing, Denied, Rejected, SyncdError, Transient
from syncd.operations import segments

T = TypeVar("T")

PREFIX: Final = "/api/v1"
_PART: Final = re.compile(r"\{(\w+)(?::((?:[^{}]|\{[^{}]*\})*))?\}")
_AT_ONCE: Final = 262_144


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask(Generic[T]):
    """One request. `parts` are those of the path, `given` is the query or the body, whichever the route declares; a `file`
    is a streamed body.
    """

    route: Route
    answer: type[T]
    parts: Mapping[str, str]
    given: msgspec.Struct | None = None
    file: BinaryIO | None = None

    @property
    def is_query(self) -> bool:
        return self.route.query is not None and isinstance(self.given, self.route.query)

    @property
    def media(self) -> str:
        """The type of a streamed body: by the file's name where a route takes several."""
        name = str(getattr(self.file, "name", ""))
        return self.route.streamed[0 if name.lower().endswith(".csv") else -1]

    async def stream(self) -> AsyncIterator[bytes]:
        """The file from its beginning."""
        assert self.file is not None
        self.file.seek(0)
        while part := self.file.read(_AT_ONCE):
            yield part


class Face(Protocol):
    """Who answers."""

    async def ask(self, ask: Ask[T]) -> T:
        """Raises SyncdError."""

    def lines(self, ask: Ask[bytes]) -> AsyncIterator[bytes]:
        """An answer that is no JSON, as it comes. Raises SyncdError."""


class Flawed(Rejected):
    """Several lines of what was sent are wrong."""

    def __init__(self, words: str, flaws: list[Flaw]) -> None:
        super().__init__(words)
        self.flaws: Final = flaws


def asked(
    name: str, answer: type[T], given: msgspec.Struct | None, parts: Mapping[str, object], file: BinaryIO | None = None
) -> Ask[T]:
    """A request by the name of its route, `POST /segments/{segment}/pause`. Raises Absent for a part that no path has."""
    route = _ROUTES[name]
    told = {key: str(value) for key, value in parts.items()}
    for key, pattern in _PART.findall(route.path):
        value = told[key]
        fits = segments.is_key(value) if key == "segment" else re.fullmatch(pattern or r"[^\0]+", value)
        if not fits or value in {".", ".."}:
            raise Absent(f"{value!r} is no {key}")
    return Ask(route=route, answer=answer, given=given, parts=told, file=file)


def filled(route: Route, parts: Mapping[str, str]) -> str:
    """The route's path with its parts."""
    return _PART.sub(lambda found: parts[found[1]], route.path)


_ROUTES: Final = {_PART.sub(r"{\1}", route.name).replace(PREFIX, "", 1): route for route in API}
_BY_STATUS: Final[Mapping[int, type[SyncdError]]] = {
    400: Rejected,
    401: Denied,
    403: Denied,
    404: Absent,
    408: Transient,
    409: Clashing,
    413: Rejected,
    415: Rejected,
    422: Rejected,
    429: Transient,
    502: Transient,
    503: Transient,
    504: Transient,
}
_BY_TYPE: Final[Mapping[str, type[SyncdError]]] = {CONFIGURATION: BadConfiguration, FAILED: SyncdError}


def error_of(problem: Problem) -> SyncdError:
    """What a problem is to whoever asked: the error that the same thing raises over the database."""
    words = problem.detail or f"the API says {problem.status} {problem.title}"
    if problem.errors:
        return Flawed(words, problem.errors)
    kind = _BY_TYPE.get(problem.type) or _BY_STATUS.get(problem.status, SyncdError)
    return kind(words)
