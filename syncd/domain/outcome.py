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
    `retry_after` is in seconds; `created_id` and `location` are what a creation says of what it made.
    """

    status: int
    message: str = ""
    code: str = ""
    service_code: int | None = None
    retry_after: float | None = None
    uuid: str = ""
    body: bytes = field(default=b"", repr=False)
    created_id: str = ""
    location: str = field(default="", repr=False)

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
    uuid: str = ""


@dataclass(frozen=True, slots=True)
class TokenRefused:
    """401: the access token is not (or not yet) good."""

    words: str
    uuid: str = ""


@dataclass(frozen=True, slots=True)
class NotAllowed:
    """403: the application or the member may not do this."""

    words: str
    uuid: str = ""


@dataclass(frozen=True, slots=True)
class NotProvisioned(NotAllowed):
    """403 ACCESS_DENIED: the application lacks the API's product or the token its scope (references 000, 004)."""


@dataclass(frozen=True, slots=True)
class NoRole(NotAllowed):
    """403 USER_NOT_AUTHORIZED: the member's role in the ad account does not suffice (references 000, 004)."""


@dataclass(frozen=True, slots=True)
class NotThere:
    """404: not yet visible, or deleted."""

    words: str
    uuid: str = ""


@dataclass(frozen=True, slots=True)
class NothingToUpdate(NotThere):
    """404 Cannot find entity to update (reference 003)."""


@dataclass(frozen=True, slots=True)
class KeyNotFound(NotThere):
    """404 Key not found: nothing to read or delete under that id (reference 003)."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """409: a concurrent change; the same again later."""

    words: str
    uuid: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """400, 413, 422 that may be about an element: bisect. `too_large` only splits."""

    status: int
    words: str
    too_large: bool = False
    uuid: str = ""


@dataclass(frozen=True, slots=True)
class ParameterMissing(Refused):
    """400 Parameter '…' is required (reference 003)."""


@dataclass(frozen=True, slots=True)
class CreateOnly(Refused):
    """422 CreateOnly field present in a partial_update request (reference 003)."""


@dataclass(frozen=True, slots=True)
class InvalidRequest(Refused):
    """422 FAILED_VALIDATION_CONDITION: structure, required fields, criteria (references 000, 004)."""


@dataclass(frozen=True, slots=True)
class Misconfigured:
    """An error about the call: park, never bisect."""

    words: str
    uuid: str = ""


@dataclass(frozen=True, slots=True)
class Sunset:
    """426: the API version is not served any more."""

    words: str
    uuid: str = ""


@dataclass(frozen=True, slots=True)
class Unclear:
    """Nobody knows whether the request was applied. `lingering`: it may still be applied later."""

    words: str
    lingering: bool
    uuid: str = ""


@dataclass(frozen=True, slots=True)
class ServerFailed(Unclear):
    """500 INTERNAL_SERVER_ERROR: LinkedIn's own fault, and it says so (references 000, 004)."""


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
    """What an answer that is not a success asks of the caller (`linkedin-api.md` §1, second table). A row of a
    reference's own table is a kind of its own, which whoever does not care takes for what it is a kind of.
    """
    words, uuid = answer.words, answer.uuid
    match answer.status:
        case 429:
            return Throttled(_scope(answer), answer.retry_after, words, uuid)
        case 401:
            return TokenRefused(words, uuid)
        case 403:
            return _FORBIDDEN.get(answer.code, NotAllowed)(words, uuid)
        case 404:
            return _absence(answer)(words, uuid)
        case 409:
            return Conflict(words, uuid)
        case 426:
            return Sunset(words, uuid)
        case 413:
            return Refused(answer.status, words, too_large=True, uuid=uuid)
        case 400 | 422:
            if answer.code in _ABOUT_THE_CALL or _ABOUT_THE_SEGMENT.search(answer.message):
                return Misconfigured(words, uuid)
            return _refusal(answer)(answer.status, words, uuid=uuid)
        case 405 | 406 | 410 | 411 | 414 | 415:
            return Misconfigured(words, uuid)
        case 500 if answer.code == _SERVER_ERROR:
            return ServerFailed(words, lingering=False, uuid=uuid)
        case status:
            return Unclear(words, lingering=status in _GATEWAY, uuid=uuid)


def meaning_of_call(answer: Answer) -> Failure:
    """What it means where nothing is streamed: FAILED_VALIDATION_CONDITION is about what was asked for, even where its
    message speaks of a segment's state (references 000, 004).
    """
    if answer.status in {400, 422} and answer.code == _INVALID:
        return InvalidRequest(answer.status, answer.words, uuid=answer.uuid)
    return meaning(answer)


_FORBIDDEN: Final = {"ACCESS_DENIED": NotProvisioned, "USER_NOT_AUTHORIZED": NoRole}
_SERVER_ERROR: Final = "INTERNAL_SERVER_ERROR"
_INVALID: Final = "FAILED_VALIDATION_CONDITION"
_MISSING: Final = re.compile(r"Parameter '[^']{1,100}' is required")


def _absence(answer: Answer) -> type[NotThere]:
    if answer.message.startswith("Cannot find entity to update"):
        return NothingToUpdate
    return KeyNotFound if answer.message.startswith("Key not found") else NotThere


def _refusal(answer: Answer) -> type[Refused]:
    """Codes may be absent, and a message may stand where another page has the code: both are read."""
    if _MISSING.search(answer.message):
        return ParameterMissing
    if "CreateOnly field present" in answer.message:
        return CreateOnly
    return InvalidRequest if _INVALID in (answer.code, answer.message) else Refused


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
