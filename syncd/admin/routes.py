"""A route as a value: what is served where, for whom, and what goes in and out.

The server, the OpenAPI document and the test of roles are all derived from these values, so that none of them can forget
one. A route that names no role is open to everybody; there are few, and a test lists them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any, Final, TypeAlias

from aiohttp import web

from syncd.admin.desk import Desk
from syncd.domain.access import Person, Role
from syncd.operations.access import Session

MEBIBYTE: Final = 1_048_576
JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
FORM: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data"
"""A form that carries a file, which is streamed."""


class Reach(Enum):
    """How a caller whose accounts are limited is held to them."""

    NOWHERE = "nothing of any ad account is in it"
    SEGMENT = "{segment} in the path must be of one of their accounts, else it does not exist"
    FILTERED = "the handler shows and does only what is of their accounts"
    EVERYWHERE = "only for callers of all accounts"


class Face(StrEnum):
    """What speaks: programs get JSON, people get pages. Errors look accordingly."""

    API = "api"
    PAGE = "page"
    ASSET = "asset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, looked at and let through. `parts` are those of the path; `query` and `body` are what the route declares,
    decoded and validated; `stream` is the body where the route takes one unread, and `media` the type of the body.
    """

    desk: Desk
    caller: Person
    parts: Mapping[str, str]
    query: Any = None
    body: Any = None
    stream: AsyncIterator[bytes] | None = None
    media: str = ""
    session: Session | None = None
    """None for a program with a token."""
    http: web.Request | None = None
    """None for the command line, which asks without a server."""

    @property
    def request(self) -> web.Request:
        """For what has no meaning without HTTP: cookies, pages, who is at the other end."""
        assert self.http is not None
        return self.http

    def part(self, name: str) -> str:
        """A part of the path."""
        return self.parts[name]

    def number(self, name: str) -> int:
        """A part of the path that the route declares as `{name:[0-9]{1,18}}`."""
        return int(self.parts[name])


Handler: TypeAlias = Callable[[Call], Awaitable[object]]
"""Returns the answer as the declared type, or a whole response of its own, or what is no JSON part by part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """`answer` is the type of what is returned: JSON of it is the response. `takes` are media types a body may have; a
    streamed body is not read before the handler. What is answered part by part is a file of that name. What `starts_work`
    takes an idempotency key; an answer that is `shown_once` is not kept under it. What is `paced` cannot be taken back, and
    is done only so often a minute. A `passive` request, which a page makes by itself, prolongs no session.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    subject: str
    role: Role | None
    reach: Reach
    face: Face = Face.API
    query: type | None = None
    body: type | None = None
    answer: Any = None
    status: int = 200
    answers_with: str = JSON
    file_name: str = ""
    takes: tuple[str, ...] = (JSON,)
    streamed: tuple[str, ...] = ()
    starts_work: bool = False
    shown_once: bool = False
    paced: bool = False
    passive: bool = False
    most_bytes: int = MEBIBYTE
    most_streamed: int = MEBIBYTE
    schema_of: type | None = field(default=None)
    """Documents a streamed body: the type of one line."""

    def __post_init__(self) -> None:
        if self.reach is Reach.SEGMENT and "{segment" not in self.path:
            raise ValueError(f"{self.path} has no {{segment}}")
        if self.role is None and self.reach is not Reach.NOWHERE:
            raise ValueError(f"{self.path} is open to everybody, so nothing of an ad account may be in it")

    @property
    def is_safe(self) -> bool:
        return self.method in {"GET", "HEAD"}

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"
