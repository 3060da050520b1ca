"""What nearly every call wants from an answer: its body in a known shape, the id of what it made, or nothing at all."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from syncd.domain.outcome import Answer, Failure, Unclear, meaning_of_call
from syncd.linkedin.words import LENIENT

Shape = TypeVar("Shape")


def decoded(answer: Answer | Unclear, shape: type[Shape]) -> Shape | Failure:
    """The body of a success; one that does not hold what was asked for is unclear."""
    if isinstance(answer, Unclear):
        return answer
    if not 200 <= answer.status < 300:
        return meaning_of_call(answer)
    try:
        return msgspec.json.decode(answer.body, type=shape)
    except LENIENT:
        return malformed(answer)


def created(answer: Answer | Unclear) -> str | Failure:
    """The id of what was made, from whichever header it came in."""
    if isinstance(answer, Unclear):
        return answer
    if not 200 <= answer.status < 300:
        return meaning_of_call(answer)
    return answer.created_id or malformed(answer)


def failed(answer: Answer | Unclear) -> Failure | None:
    """What went wrong, if it did."""
    if isinstance(answer, Unclear):
        return answer
    return None if 200 <= answer.status < 300 else meaning_of_call(answer)


def malformed(answer: Answer) -> Unclear:
    """A success whose body or headers lack what was asked for."""
    return Unclear(f"{answer.status} without what was asked for", lingering=False, uuid=answer.uuid)


def is_id(text: str) -> bool:
    """Whether an id is a number that fits where we keep it."""
    return text.isascii() and text.isdigit() and len(text) <= 18
