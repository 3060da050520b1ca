"""Who is in a segment, in as few bytes as a Python set allows, and what LinkedIn would tell of it.

A member is a key: one tag byte and the raw digest (33 bytes for a SHA-256), so that several million fit into a test
machine. Text keys (`SHA256_EMAIL:<hex>` …) exist only on the control API and in the record.
"""

from collections.abc import Iterable, Iterator
from zlib import crc32

from . import matching
from .matching import SLOTS

SHA256 = b"\x01"
SHA512 = b"\x02"
GOOGLE = b"\x03"
NAMES = b"\x04"
COMPANY = b"\x05"

_NAMES_OF_TAGS = {SHA256: "SHA256_EMAIL", SHA512: "SHA512_EMAIL", GOOGLE: "GOOGLE_AID", NAMES: "NAMES"}
_TAGS_OF_NAMES = {name: tag for tag, name in _NAMES_OF_TAGS.items()}

LAST_SLOT = SLOTS - 1

HOUR = 3_600
WEEK = 7 * 24 * HOUR
MATCHES_LAST = 90 * 24 * HOUR


def key_text(key: bytes) -> str:
    """`SHA256_EMAIL:<hex>`, `SHA512_EMAIL:<hex>`, `GOOGLE_AID:<id>`, `NAMES:<json>`, or a company's canonical JSON."""
    tag, rest = key[:1], key[1:]
    if tag == COMPANY:
        return rest.decode()
    value = rest.hex() if tag in {SHA256, SHA512} else rest.decode()
    return f"{_NAMES_OF_TAGS[tag]}:{value}"


def text_key(text: str) -> bytes:
    """The inverse of `key_text`; ValueError when it is no key."""
    if text.startswith("{"):
        return COMPANY + text.encode()
    name, _, value = text.partition(":")
    tag = _TAGS_OF_NAMES.get(name)
    if tag is None or not value:
        raise ValueError(f"not a membership key: {text[:40]!r}")
    return tag + (bytes.fromhex(value) if tag in {SHA256, SHA512} else value.encode())


class Membership:
    """A set of keys with the numbers of reference 002: inputs and matches of seven days, audience of everything.

    `tallies` says what each key is worth (`matching`); it is summed as keys come and go, never over the whole set.
    """

    __slots__ = ("_keys", "_last_add", "_recent", "_tallies", "_worth")

    def __init__(self, tallies: tuple[int, ...]) -> None:
        self._keys: set[bytes] = set()
        self._tallies = tallies
        self._worth = 0
        self._recent: dict[int, list[int]] = {}
        self._last_add = 0.0

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._keys)

    def __contains__(self, key: bytes) -> bool:
        return key in self._keys

    def add(self, keys: Iterable[bytes], now: float) -> None:
        sent = set(keys)
        worth = self._sum(sent)
        hour = self._recent.setdefault(int(now // HOUR), [0, 0])
        hour[0] += len(sent)
        hour[1] += matching.matched(worth)
        self._last_add = now
        self._worth += worth - self._sum(self._keys.intersection(sent))
        self._keys |= sent

    def discard(self, keys: Iterable[bytes]) -> None:
        gone = self._keys.intersection(keys)
        self._worth -= self._sum(gone)
        self._keys.difference_update(gone)

    def purge(self) -> None:
        """EXPIRED, or a new list: inputs and matches are gone (reference 002)."""
        self._keys = set()
        self._worth = 0
        self._recent.clear()

    def input_count(self, now: float) -> int:
        """Sent in the last seven days and still there; hours are not split."""
        return min(self._recently(now, 0), len(self._keys))

    def matched_count(self, now: float) -> int:
        return min(self._recently(now, 1), matching.matched(self._worth))

    def audience(self, now: float) -> int:
        """Everything matched that has not opted out; matches are removed after 90 days without a new one."""
        return matching.audience(self._worth) if self.matches_last(now) else 0

    def matches_last(self, now: float) -> bool:
        return now - self._last_add < MATCHES_LAST

    def reached(self) -> Iterator[bytes]:
        """The keys that bring anybody into the audience."""
        tallies = self._tallies
        return (key for key in self._keys if tallies[crc32(key) & LAST_SLOT] >> matching.AUDIENCE)

    def _recently(self, now: float, column: int) -> int:
        oldest = int((now - WEEK) // HOUR)
        for hour in [hour for hour in self._recent if hour <= oldest]:
            del self._recent[hour]
        return sum(counts[column] for counts in self._recent.values())

    def _sum(self, keys: set[bytes]) -> int:
        """The one thing done for every key of every batch: kept to a checksum and a look-up."""
        tallies, checksum, last = self._tallies, crc32, LAST_SLOT
        return sum([tallies[checksum(key) & last] for key in keys])
