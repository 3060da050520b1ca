"""Whom syncd must not add again: people who were erased or have opted out, known by a keyed hash only.

A list of who wants to be forgotten must not name them. Each is one digest under a key of its own: whoever holds the
database without that key can neither read the list nor ask it about a guessed address. The key is never changed, for
no digest could be made anew: nobody remembers of whom.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Iterable, Sequence
from enum import StrEnum
from hashlib import blake2b
from typing import Final

_BYTES: Final = 16
_SUBJECT: Final = b"\x20"
"""A tag that no identity has."""
_SPARSE: Final = 16
"""Places of the sieve for each digest in it: one in so many strangers is looked up in vain."""
_SMALLEST: Final = 1 << 16


class Suppressed(StrEnum):
    """Why somebody is not added."""

    ERASURE = "erasure"
    OPT_OUT = "opt_out"


class SuppressionKey:
    """The key of the list; its repr shows nothing of it."""

    def __init__(self, text: str) -> None:
        self._key: Final = urlsafe_b64decode(text)
        self.id: Final = self.digest(b"syncd").hex()
        """What the key is called in public, so that another one is noticed."""

    def __repr__(self) -> str:
        return "SuppressionKey()"

    def digests(self, identities: Iterable[bytes]) -> list[bytes]:
        """Of many."""
        key = self._key
        return [blake2b(identity, key=key, digest_size=_BYTES).digest() for identity in identities]

    def digest(self, identity: bytes) -> bytes:
        """Of an identity (`domain.identity`), or of what `subject` makes of the CRM's id."""
        return blake2b(identity, key=self._key, digest_size=_BYTES).digest()


def subject(segment: str, name: str) -> bytes:
    """The CRM's id of a person in a segment, to be digested like an identity."""
    return _SUBJECT + segment.encode() + b"\0" + name.encode("utf-8", "surrogatepass")


class Sieve:
    """Lets through every digest that is on the list, and few others: of 5,000 strangers some three hundred are looked up,
    and none while the list is much shorter than the sieve is wide.
    """

    def __init__(self, digests: Iterable[bytes] = (), *, expected: int = 0) -> None:
        self._size: Final = max(_SMALLEST, 1 << (_SPARSE * max(expected, 1) - 1).bit_length())
        self._bits: Final = bytearray(self._size >> 3)
        self.holds = 0
        self.add(digests)

    @property
    def is_full(self) -> bool:
        return self.holds * _SPARSE > self._size

    def add(self, digests: Iterable[bytes]) -> None:
        for digest in digests:
            place = int.from_bytes(digest[:8]) & (self._size - 1)
            self._bits[place >> 3] |= 1 << (place & 7)
            self.holds += 1

    def passes(self, digest: bytes) -> bool:
        """Whether the list may hold it."""
        return bool(self.passing([digest]))

    def passing(self, digests: Sequence[bytes]) -> list[int]:
        """The positions of those that the list may hold."""
        bits, mask, number = self._bits, self._size - 1, int.from_bytes
        return [
            position
            for position, digest in enumerate(digests)
            if bits[(place := number(digest[:8]) & mask) >> 3] >> (place & 7) & 1
        ]
