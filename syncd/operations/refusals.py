"""What a person is told when LinkedIn does not do as asked: its own words, what helps, and the id its support asks for."""

from __future__ import annotations

from typing import assert_never

from syncd.domain.outcome import (
    Conflict,
    CreateOnly,
    Failure,
    InvalidRequest,
    KeyNotFound,
    Misconfigured,
    NoRole,
    NotAllowed,
    NothingToUpdate,
    NotProvisioned,
    NotThere,
    ParameterMissing,
    Refused,
    Scope,
    ServerFailed,
    Sunset,
    Throttled,
    TokenRefused,
    Unclear,
)
from syncd.errors import BadConfiguration, Rejected, SyncdError, Transient


def told(failure: Failure) -> SyncdError:
    """The error to raise; its class says what the caller does next, its one line what LinkedIn said."""
    uuid = f" (x-li-uuid {failure.uuid})" if failure.uuid else ""
    said = f"LinkedIn says {failure.words}{uuid}"
    match failure:
        case Throttled():
            return _throttled(failure, said)
        case TokenRefused():
            return SyncdError(f"the token is refused, `syncd check` says more: {said}")
        case NotAllowed():
            return SyncdError(f"{_barred(failure)}: {said}")
        case NotThere():
            return Rejected(f"{_absent(failure)}: {said}")
        case Conflict():
            return Transient(f"somebody else changes it at the moment, try again: {said}")
        case Refused():
            return Rejected(f"{_refused(failure)}: {said}")
        case Misconfigured():
            return BadConfiguration(f"the call itself is wrong: {said}")
        case Sunset():
            return BadConfiguration(f"set linkedin.api_version to one that is served: {said}")
        case ServerFailed():
            return Transient(f"LinkedIn failed, try again later: {said}")
        case Unclear():
            return Transient(f"LinkedIn could not be asked, try again later: {failure.words}{uuid}")
        case _:
            assert_never(failure)


def _throttled(failure: Throttled, said: str) -> SyncdError:
    if failure.scope is Scope.SEGMENT_LIMIT:
        return SyncdError(f"the ad account is full, delete some of its segments: {said}")
    wait = "a minute" if failure.retry_after is None else f"{failure.retry_after:.0f} s"
    return Transient(f"a limit is reached, try again in {wait}: {said}")


def _barred(failure: NotAllowed) -> str:
    match failure:
        case NotProvisioned():
            return "the application was not given this API, or the token lacks its scope"
        case NoRole():
            return "the member's role in the ad account does not allow this"
        case _:
            return "LinkedIn does not allow this"


def _absent(failure: NotThere) -> str:
    match failure:
        case NothingToUpdate():
            return "there is nothing to update"
        case KeyNotFound():
            return "nothing has that id"
        case _:
            return "LinkedIn does not know it"


def _refused(failure: Refused) -> str:
    match failure:
        case ParameterMissing():
            return "something required is missing"
        case CreateOnly():
            return "that is set once and stays"
        case InvalidRequest():
            return "LinkedIn does not take what was asked for"
        case _:
            return "LinkedIn refuses what was asked for"
