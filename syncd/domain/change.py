"""A change is one outbox row: a person or company joins or leaves a segment.

Its rank orders it among all changes of an identity: the source epoch first, the outbox id next, the part of the row
last (a company whose metadata changes leaves and joins in one row). The rank is one integer, so that the database
compares it as it compares any number.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final, NewType

Rank = NewType("Rank", int)

_PART_BITS: Final = 2
_ID_BITS: Final = 46
MAX_ID: Final = (1 << _ID_BITS) - 1
MAX_EPOCH: Final = (1 << 15) - 1


class Part(IntEnum):
    """Which element of a row: the departure a change implies comes before its arrival; a resync ranks above both."""

    FIRST = 0
    SECOND = 1
    RESYNC = 2


def rank(epoch: int, outbox_id: int, part: Part = Part.FIRST) -> Rank:
    """The rank of a row's element: 15 bits of source epoch, 46 of outbox id, 2 of part."""
    if not 0 <= epoch <= MAX_EPOCH or not 0 <= outbox_id <= MAX_ID:
        raise ValueError(f"no rank holds epoch {epoch} and outbox id {outbox_id}")
    return Rank(((epoch << _ID_BITS | outbox_id) << _PART_BITS) | part)


def ranks(epoch: int, rows: Sequence[int]) -> list[Rank]:
    """`rank` of each of many rows in the order of their ids."""
    if not rows:
        return []
    zero = rank(epoch, rows[0]) - (rows[0] << _PART_BITS)
    rank(epoch, rows[-1])
    return [zero + (row << _PART_BITS) for row in rows]  # type: ignore[misc]  # Rank() costs a call a row


def outbox_id(of: Rank) -> int:
    return (of >> _PART_BITS) & MAX_ID


class Action(StrEnum):
    ADD = "ADD"
    REMOVE = "REMOVE"


def adds(action: str) -> bool | None:
    """Whether an action as the CRM wrote it is an ADD; None where it is nothing syncd knows."""
    return _ADDS.get(action)


_ADDS: Final[dict[str, bool]] = {Action.ADD: True, Action.REMOVE: False}


class Kind(StrEnum):
    """What a segment holds."""

    USER = "user"
    COMPANY = "company"


class Reason(StrEnum):
    """Why a change is dead. Part of the dead letter, of `syncd_dead_letters{reason}` and of the documentation."""

    UNKNOWN_ACTION = "unknown_action"
    BAD_PAYLOAD = "bad_payload"
    BAD_SUBJECT = "bad_subject"
    NO_IDENTIFIER = "no_identifier"
    INVALID_EMAIL = "invalid_email"
    HASH_IN_EMAIL = "hash_in_email"
    EMAIL_IN_HASH = "email_in_hash"
    INVALID_HASH = "invalid_hash"
    HASH_OF_NOTHING = "hash_of_nothing"
    IDENTIFIERS_DISAGREE = "identifiers_disagree"
    INVALID_GOOGLE_AID = "invalid_google_aid"
    INVALID_ORGANIZATION_URN = "invalid_organization_urn"
    FIELD_TOO_LONG = "field_too_long"
    CRASHED_INTAKE = "crashed_intake"
    SUPPRESSED = "suppressed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Changes:
    """Rows of the outbox as the CRM wrote them, column by column, in the order of their ids (an object for each row would
    cost as much as what is done with it). `adds` says whether each joins (None for an action that is neither), `payloads` are
    JSON texts, `created` milliseconds since 1970. Its repr shows none of the CRM's words.
    """

    rows: Sequence[int] = ()
    adds: Sequence[bool | None] = ()
    subjects: Sequence[str | None] = ()
    payloads: Sequence[str] = ()
    created: Sequence[int] = ()

    @classmethod
    def of(cls, rows: Iterable[tuple[int, bool | None, str | None, str, int]]) -> Changes:
        """Rows as the columns they are made of."""
        return cls(*zip(*rows, strict=True))

    def __repr__(self) -> str:
        return f"Changes({len(self.rows)} rows)"

    def __len__(self) -> int:
        return len(self.rows)
