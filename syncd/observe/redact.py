"""The last thing that happens to a log record before it is rendered: no address, hash, token or password passes.

Promise 5 (`design.md` §1) does not depend on the care of whoever logs. Too much is taken rather than too little. Each
pattern is anchored, so that hostile text costs linear time.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Final

LONGEST: Final = 4000
"""Characters of a string that are kept."""
MOST: Final = 100
"""Items of a collection that are kept."""
DEEPEST: Final = 12

_NAMES: Final = (
    r"(?:proxy-)?authorization|(?:access|refresh|id|csrf|session)_?token|"
    r"client_?secret|secret_?keys?|api_?key|passw(?:or)?d|passphrase"
)
_SECRET_KEY: Final = re.compile(_NAMES + r"|(?:set-)?cookie|token|secret|e-?mail|first_name|last_name", re.IGNORECASE)
_HARMLESS: Final = re.compile(r"[a-z0-9_.:-]{0,31}|[A-Z_]{0,31}")

# RFC 5322's atoms, dots and all that is not ASCII: what an address consists of beside its @.
_ATOM: Final = r"[^\x00-\x20\x7f\"(),:;<>@\[\\\]\s]"


def _url(found: re.Match[str]) -> str:
    scheme, owner, place, query = found.groups()
    return scheme + ("[secret]@" if owner else "") + place + ("?[query]" if query else "")


_RULES: Final[tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...]] = tuple(
    (re.compile(pattern, re.IGNORECASE), instead)
    for pattern, instead in (
        # what PostgreSQL and SQLAlchemy say of the values they stumbled over
        (r"(?s)(?-i:(DETAIL:|\[parameters:)).*", r"\1 [withheld]"),
        # an @ behind the first / ? or #: a password that was not encoded, or an address
        (r"(?<![a-z0-9+.-])([a-z][a-z0-9+.-]*://)[^\s/?#\"<>]*[/?#][^\s\"<>]*@[^\s\"<>]*", r"\1[withheld]"),
        (r"(?<![a-z0-9+.-])([a-z][a-z0-9+.-]*://)([^\s/?#\"<>]*@)?([^\s?#\"'<>@]*)([?#][^\s\"'<>]*)?", _url),
        (r"\?[^\s?=\"'<>]{1,100}=[^\s\"'<>]*", "?[query]"),
        (r"\b((?:set-)?cookie[\"']?\s*[:=])[^\n]*", r"\1 [secret]"),
        (
            (
                rf"(?<![a-z0-9])({_NAMES})([\"']?\s*[:=]\s*(?:b(?=[\"']))?)"
                r"(?:\"[^\"]*\"|'[^']*'|(?:(?:bearer|basic)\s+)?[^\s\"',;&})\]]+)"
            ),
            r"\1\2[secret]",
        ),
        (r"\b(bearer|basic)\s+[\w.~+/=-]{8,}", r"\1 [secret]"),
        (r"\"[^\"\n]{1,64}\"(?:@|%40)\S*", "[email]"),
        (rf"(?<!{_ATOM}){_ATOM}+(?:@|%40|\\u0040)(?:{_ATOM}|@)*", "[email]"),
        (r"[0-9a-f]{32,}", "[hash]"),
        (r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", "[device]"),
        (r"(?<![\w-])[\w-]{43}=(?![\w=])", "[secret]"),  # a Fernet key
        (r"\beyJ[\w-]{5,}(?:\.[\w-]+)*", "[secret]"),  # a JSON web token
        # anything long that mixes digits, small and capital letters
        (
            r"(?<![\w+/-])(?=[\w+/-]*[0-9])(?-i:(?=[\w+/-]*[a-z])(?=[\w+/-]*[A-Z]))[\w+/-]{40,}={0,2}(?:\.[\w-]+)*",
            "[secret]",
        ),
    )
)


def text(value: str) -> str:
    """One line of printable characters that names no person and holds no secret."""
    if _HARMLESS.fullmatch(value):
        return value
    if len(value) > LONGEST:
        whole = value[:LONGEST].rsplit(None, 1)
        value = (whole[0] if len(whole) > 1 else "") + " [cut]"
    for pattern, instead in _RULES:
        value = pattern.sub(instead, value)
    if not value.isprintable():
        value = "".join(one if one.isprintable() else _escaped(one) for one in value)
    return value


def anything(value: object, depth: int = 0) -> object:
    """A value as strings, numbers, lists and dictionaries that may be logged, keys included."""
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case str():
            return text(shown(value))
        case bytes() | bytearray() | memoryview():
            return f"[{len(value)} bytes]"
        case BaseException():
            return f"{type(value).__name__}: {text(shown(value))}"
    if depth >= DEEPEST:
        return "[deeper]"
    if isinstance(value, Mapping):
        return {
            _key(key): "[secret]" if _is_secret(key, one) else anything(one, depth + 1)
            for key, one in islice(value.items(), MOST)
        }
    if isinstance(value, list | tuple | set | frozenset):
        return _items(value, len(value), depth)
    return text(shown(value))


def shown(value: object) -> str:
    """`str`, of things whose `__str__` may itself be broken."""
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001  # whatever it is, a log line must not fail of it
        return f"<{type(value).__name__} fails to show itself: {type(error).__name__}>"


def _items(values: Iterable[object], count: int, depth: int) -> list[object]:
    kept = [anything(one, depth + 1) for one in islice(values, MOST)]
    return kept if count <= MOST else [*kept, f"[{count - MOST} more]"]


def _key(key: object) -> str:
    if isinstance(key, tuple):
        return "/".join(text(shown(part)) for part in key)
    return text(shown(key))


def _is_secret(key: object, value: object) -> bool:
    return isinstance(key, str) and not isinstance(value, int | None) and _SECRET_KEY.fullmatch(key) is not None


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
