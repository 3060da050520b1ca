"""Uploaded files: the addresses given out and not yet used, and what came there."""

import hashlib
from dataclasses import dataclass, field

from .lists import ReadList


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """A file that was sent, and for which account."""

    owner: str
    list: ReadList


@dataclass(slots=True)
class Shelf:
    """Addresses are derived from the seed and a counter, so that a run can be repeated."""

    seed: int
    tickets: dict[str, str] = field(default_factory=dict)
    media: dict[str, Media] = field(default_factory=dict)
    given: int = 0

    def give(self, owner: str) -> str:
        self.given += 1
        ticket = hashlib.blake2b(f"{self.seed}:upload:{self.given}".encode(), digest_size=12).hexdigest()
        self.tickets[ticket] = owner
        return ticket
