"""OAuth 2.0 as values: what to ask, and what the answer means. No I/O (`linkedin-api.md` §2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from syncd.domain.outcome import Answer, Unclear
from syncd.domain.token import Tokens
from syncd.linkedin.guard import is_token
from syncd.linkedin.words import LENIENT

_FINAL: Final = frozenset({400, 401, 403})
_PASSING: Final = frozenset({"server_error", "temporarily_unavailable"})
_SAME_END: Final = 60.0


@dataclass(frozen=True, slots=True)
class Again:
    """Nothing is decided; ask again in `wait` seconds."""

    wait: float
    words: str = ""


@dataclass(frozen=True, slots=True)
class Dead:
    """Only a person can help: new consent, another file, another configuration."""

    words: str


Verdict = Again | Dead


class _Granted(msgspec.Struct):
    access_token: str
    expires_in: float | None = None
    refresh_token: str | None = None
    refresh_token_expires_in: float | None = None


def token_url(oauth_url: str) -> str:
    return f"{oauth_url.rstrip('/')}/accessToken"


def authorization_url(oauth_url: str, *, client_id: str, redirect_uri: str, state: str, scopes: Sequence[str]) -> str:
    """Where a person consents. `state` comes back with the code and is compared by the caller."""
    asked = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "state": state,
        "scope": " ".join(scopes),
    }
    return f"{oauth_url.rstrip('/')}/authorization?{urlencode(asked, quote_via=quote)}"


def refreshing(refresh: str, client_id: str, client_secret: str) -> dict[str, str]:
    """The form that turns a refresh token into an access token."""
    return {
        "grant_type": "refresh_token",
        "refresh_token": refresh,
        "client_id": client_id,
        "client_secret": client_secret,
    }


def redeeming(code: str, redirect_uri: str, client_id: str, client_secret: str) -> dict[str, str]:
    """The form that turns the code of a consent into tokens."""
    return {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "client_id": client_id,
        "client_secret": client_secret,
    }


def granted(answer: Answer | Unclear, old: Tokens, now: float) -> Tokens | Verdict:
    """What the token URL said. `Again(0)` leaves the wait to the caller. A refusal in OAuth's own words is final;
    anything a gateway may have said is not.
    """
    if isinstance(answer, Unclear):
        return Again(0.0, answer.words)
    if answer.status in _FINAL and (answer.code or answer.message) and answer.code not in _PASSING:
        return Dead(answer.words)
    if not 200 <= answer.status < 300:
        return Again(answer.retry_after or 0.0, answer.words)
    try:
        new = msgspec.json.decode(answer.body, type=_Granted)
    except LENIENT:
        return Again(0.0, f"{answer.status} without a token")
    if not is_token(new.access_token) or (new.refresh_token and not is_token(new.refresh_token)):
        return Again(0.0, f"{answer.status} without a token")
    return Tokens(
        access=new.access_token,
        access_ends=_after(now, new.expires_in),
        refresh=new.refresh_token or old.refresh,
        refresh_ends=_refresh_ends(new, old, now),
        source=old.source,
    )


def _after(now: float, seconds: float | None) -> float | None:
    return now + seconds if seconds is not None and seconds > 0 else None


def _refresh_ends(new: _Granted, old: Tokens, now: float) -> float | None:
    """The end of a refresh token stands still while it is used: the same token keeps the end it had, whatever the
    answer counts from, unless the answer names an earlier one.
    """
    named = _after(now, new.refresh_token_expires_in)
    same = new.refresh_token in {None, "", old.refresh}
    if not same or old.refresh_ends is None:
        return named if named is not None or not same else old.refresh_ends
    return named if named is not None and named < old.refresh_ends - _SAME_END else old.refresh_ends
