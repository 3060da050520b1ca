"""LinkedIn's own words, made fit to be kept.

A server may echo anything it was sent: a token, an address, a hash. Whatever it says passes here before it stands in
an outcome, a log or a dead letter (`design.md` §1, promise 5): control characters become spaces, secrets and
identifiers of persons become a bracketed name, the rest is cut. The patterns are anchored so that they take linear time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import quote

import msgspec

from syncd.domain.outcome import Answer

MOST: Final = 500
"""Characters of a message that are kept."""
_MOST_READ: Final = 4000
_SHORTEST_SECRET: Final = 6
_MOST_WAIT: Final = 86_400.0

_BEARER: Final = re.compile(r"\b(bearer)\s+(?=\S*\d)\S{8,}", re.IGNORECASE)
_ADDRESS: Final = re.compile(r"(?<!\S)[^\s@%]*(?:%(?!40)[^\s@%]*)*(?:@|%40)\S*")
_HASH: Final = re.compile(r"[0-9a-fA-F]{32,}")
_DEVICE: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_OPAQUE: Final = re.compile(r"(?<![\w.~+/=-])(?=[\w.~+/=-]*\d)(?=[\w.~+/=-]*[a-z])[\w.~+/=-]{40,}")
_SUPPORT_ID: Final = re.compile(r"[A-Za-z0-9+/=_-]{1,40}")
_CREATED_ID: Final = re.compile(r"[A-Za-z0-9:%_-]{1,200}")
_LOCATION: Final = re.compile(r"(?:urn:li:media:|/)[A-Za-z0-9:/._~+=-]{1,500}")

LENIENT: Final = (msgspec.MsgspecError, ValueError, RecursionError)
"""What decoding hostile bytes can raise."""


def clean(text: str, secrets: Iterable[str] = ()) -> str:
    """At most 500 printable characters of `text`, without `secrets`, e-mail addresses, hashes, device ids and tokens."""
    if len(text) > _MOST_READ:
        cut = text[:_MOST_READ].rsplit(None, 1)
        text = cut[0] if len(cut) > 1 else ""
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            for written in {secret, quote(secret, safe="")}:
                text = text.replace(written, "[secret]")
    text = "".join(character if character.isprintable() else " " for character in text)
    text = _BEARER.sub(r"\1 [secret]", text)
    text = _ADDRESS.sub("[email]", text)
    text = _HASH.sub("[hash]", text)
    text = _DEVICE.sub("[device]", text)
    return _OPAQUE.sub("[secret]", text)[:MOST].strip()


def complete(
    status: int, headers: Mapping[str, str], body: bytes, *, secrets: Iterable[str] = (), now: float = 0.0
) -> Answer:
    """The answer as a value: LinkedIn's words for an error, the body for a success."""
    secrets = tuple(secrets)
    said = {} if 200 <= status < 300 else _said(body)
    service = said.get("serviceErrorCode")
    return Answer(
        status=status,
        message=_text(said, ("message", "error_description"), secrets),
        code=_text(said, ("code", "error"), secrets)[:100],
        service_code=service if isinstance(service, int) and not isinstance(service, bool) else None,
        retry_after=retry_after(headers, now),
        uuid=support_id(headers, secrets),
        body=body if 200 <= status < 300 else b"",
        created_id=_created_id(headers, secrets),
        location=_location(headers, secrets),
    )


def support_id(headers: Mapping[str, str], secrets: Iterable[str] = ()) -> str:
    """`x-li-uuid`, which LinkedIn's support asks for; empty when it does not look like one."""
    found = headers.get("x-li-uuid", "")
    return found if _SUPPORT_ID.fullmatch(found) and not any(secret in found for secret in secrets if secret) else ""


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """`Retry-After` in seconds: a number, or a date measured against the answer's own `Date` (else against `now`)."""
    asked = headers.get("Retry-After", "").strip()
    if asked.isascii() and asked.isdigit() and len(asked) < 10:
        return min(float(asked), _MOST_WAIT)
    moment = _moment(asked)
    if moment is None:
        return None
    sent = _moment(headers.get("Date", ""))
    return min(max(moment - (now if sent is None else sent), 0.0), _MOST_WAIT)


def words_of(error: Any, secrets: Iterable[str] = ()) -> tuple[str, str]:
    """Code and message of a Rest.li error object, whatever it turned out to be."""
    if not isinstance(error, dict):
        return "", ""
    secrets = tuple(secrets)
    return _text(error, ("code",), secrets)[:100], _text(error, ("message",), secrets)


def _said(body: bytes) -> dict[str, Any]:
    try:
        said = msgspec.json.decode(body)
    except LENIENT:
        return {}
    return said if isinstance(said, dict) else {}


def _text(said: Mapping[str, Any], names: tuple[str, ...], secrets: tuple[str, ...]) -> str:
    found = next((said[name] for name in names if isinstance(said.get(name), str)), "")
    return clean(found, secrets)


def _created_id(headers: Mapping[str, str], secrets: tuple[str, ...]) -> str:
    found = headers.get("x-restli-id") or headers.get("x-linkedin-id") or ""
    return found if _CREATED_ID.fullmatch(found) and clean(found, secrets) == found else ""


def _location(headers: Mapping[str, str], secrets: tuple[str, ...]) -> str:
    """The name of an uploaded file, or its path: never a place to go to. Empty when it does not look like one."""
    found = headers.get("Location", "")
    return found if _LOCATION.fullmatch(found) and not any(secret in found for secret in secrets if secret) else ""


def _moment(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
