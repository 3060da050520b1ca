"""Whom LinkedIn knows: a function of a member's key, so that ten million members need no table of people.

The CRC of a key decides everything. Its low twelve bits are a slot: the slot says whether LinkedIn finds anybody, and
whether that somebody opted out of third-party data and so counts as matched but not as audience (reference 002).
Who it is that was found, the high bits say (`population`). A company is a slot too: everybody who works there is the
audience.
"""

from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Literal
from zlib import crc32

from .companies import Company, companies

SLOTS = 4_096
# Matches count from bit 0 of a tally, the audience from here: one sum yields both.
AUDIENCE = 40

Kind = Literal["USER", "COMPANY"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What share of keys LinkedIn finds, and what share of the found has opted out."""

    match: float = 0.7
    opt_out: float = 0.05


def slot_of(key: bytes) -> int:
    return crc32(key) & (SLOTS - 1)


@cache
def tallies(kind: Kind, rates: Rates) -> tuple[int, ...]:
    """Slot by slot: one match, and the size of the audience it brings."""
    return tuple(_tally(kind, slot, rates) for slot in range(SLOTS))


def _tally(kind: Kind, slot: int, rates: Rates) -> int:
    if not _matches(slot, rates):
        return 0
    if kind == "COMPANY":
        return 1 | employees(company_in(slot)) << AUDIENCE
    opted_out = slot < rates.match * rates.opt_out * SLOTS
    return 1 if opted_out else 1 | 1 << AUDIENCE


def _matches(slot: int, rates: Rates) -> bool:
    return slot < rates.match * SLOTS


def matched(tally: int) -> int:
    return tally & ((1 << AUDIENCE) - 1)


def audience(tally: int) -> int:
    return tally >> AUDIENCE


@cache
def _shuffled() -> tuple[Company, ...]:
    """Slots of one company lie anywhere, so that the match rate is that of every company."""
    slots = [companies()[slot % len(companies())] for slot in range(SLOTS)]
    Random("slots").shuffle(slots)
    return tuple(slots)


def company_in(slot: int) -> Company:
    return _shuffled()[slot]


def employees(company: Company) -> int:
    """How many members say they work there: within the company's range, at most twenty thousand."""
    low, high = company.staff_counts
    return low + Random(company.id).randrange(min(high, 20_000) - low + 1)
