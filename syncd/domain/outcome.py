"""What an answer of LinkedIn's means to the caller: the table of `linkedin-api.md` §1 as values.

`meaning` turns an answer other than success into one of these; `Delivered` is a streaming request's success, element
by element. The union is closed: whoever acts on an outcome matches all of it (`assert_never`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class Scope(StrEnum):
    """Whose limit a 429 names. Label `scope` of `syncd_throttled_total`."""

    MINUTE = "minute"
    MEMBER_DAY = "member_day"
    APPLICATION_DAY = "application_day"
    SEGMENT_LIMIT = "segment_limit"
    UNKNOWN = "unknown"


class Fate(StrEnum):
    """What became of one element."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    AGAIN = "again"


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete HTTP answer. `message` and `code` are LinkedIn's own words, empty where the body had none;
    `retry_after` is in seconds.
    """

    status: int
    message: str = ""
    code: str = ""
    service_code: int | None = None
    retry_after: float | None = None
    uuid: str = ""
    body: bytes = field(default=b"", repr=False)
    created_id: str = ""

    @property
    def words(self) -> str:
        said = ": ".join(part for part in (self.code, self.message) if part)
        return f"{self.status} {said}".strip()


@dataclass(frozen=True, slots=True)
class Refusal:
    """One element LinkedIn did not take: its position in the request, the status and LinkedIn's words."""

    position: int
    fate: Fate
    status: int
    words: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """Every element was answered; those not listed were accepted."""

    exceptions: tuple[Refusal, ...]
    uuid: str


@dataclass(frozen=True, slots=True)
class Throttled:
    scope: Scope
    retry_after: float | None
    words: str


@dataclass(frozen=True, slots=True)
class TokenRefused:
    """401: the access token is not (or not yet) good."""

    words: str


@dataclass(frozen=True, slots=True)
class NotAllowed:
    """403: the application or the member may not do this."""

    words: str


@dataclass(frozen=True, slots=True)
class NotThere:
    """404: not yet visible, or deleted."""

    words: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """409: a concurrent change; the same again later."""

    words: str


@dataclass(frozen=True, slots=True)
class Refused:
    """400, 413, 422 that may be about an element: bisect. `too_large` only splits."""

    status: int
    words: str
    too_large: bool = False


@dataclass(frozen=True, slots=True)
class Misconfigured:
    """An error about the call: park, never bisect."""

    words: str


@dataclass(frozen=True, slots=True)
class Sunset:
    """426: the API version is not served any more."""

    words: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """Nobody knows whether the request was applied. `lingering`: it may still be applied later."""

    words: str
    lingering: bool
    uuid: str = ""


Failure = Throttled | TokenRefused | NotAllowed | NotThere | Conflict | Refused | Misconfigured | Sunset | Unclear
Outcome = Delivered | Failure

_ABOUT_THE_CALL: Final = frozenset(
    {
        "VERSION_MISSING",
        "NONEXISTENT_VERSION",
        "METHOD_NOT_ALLOWED",
        "RESOURCE_NOT_FOUND",
        "SEGMENT_CREATION_NOT_ALLOWED_FOR_TEST_ACCOUNTS",
    }
)
_ABOUT_THE_SEGMENT: Final = re.compile(
    r"list[_ ]upload|rest\.?li|\bheader\b|\bexpired\b"
    r"|segment\b.{0,60}\b(type|state|status)\b|\b(type|state|status)\b.{0,20}\bsegment",
    re.IGNORECASE,
)
"""A guess that is too narrow costs a bisection of 27 requests, which then parks the segment all the same."""
_GATEWAY: Final = frozenset({408, 502, 504})
_ANOTHER_TIME: Final = frozenset({401, 403, 408, 409, 423, 425, 429})


def meaning(answer: Answer) -> Failure:
    """What an answer that is not a success asks of the caller (`linkedin-api.md` §1, second table)."""
    match answer.status:
        case 429:
            return Throttled(_scope(answer), answer.retry_after, answer.words)
        case 401:
            return TokenRefused(answer.words)
        case 403:
            return NotAllowed(answer.words)
        case 404:
            return NotThere(answer.words)
        case 409:
            return Conflict(answer.words)
        case 426:
            return Sunset(answer.words)
        case 413:
            return Refused(answer.status, answer.words, too_large=True)
        case 400 | 422:
            if answer.code in _ABOUT_THE_CALL or _ABOUT_THE_SEGMENT.search(answer.message):
                return Misconfigured(answer.words)
            return Refused(answer.status, answer.words)
        case 405 | 406 | 410 | 411 | 414 | 415:
            return Misconfigured(answer.words)
        case status:
            return Unclear(answer.words, lingering=status in _GATEWAY, uuid=answer.uuid)


def element_fate(status: int) -> Fate:
    """What the status of one element means: 2xx taken; a refusal of data is final; anything else goes again."""
    if 200 <= status < 300:
        return Fate.ACCEPTED
    if 400 <= status < 500 and status not in _ANOTHER_TIME:
        return Fate.REFUSED
    return Fate.AGAIN


def _scope(answer: Answer) -> Scope:
    """Which limit a 429 names; the texts are those of reference 002."""
    if answer.code == "SEGMENT_LIMIT_EXCEEDED":
        return Scope.SEGMENT_LIMIT
    if "APPLICATION_AND_MEMBER DAY" in answer.message:
        return Scope.MEMBER_DAY
    if "APPLICATION DAY" in answer.message:
        return Scope.APPLICATION_DAY
    if answer.message.strip().lower() == "too many requests":
        return Scope.MINUTE
    return Scope.UNKNOWN
