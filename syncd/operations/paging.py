"""Lists by the page: a cursor says where the next page begins, and means nothing to whoever holds it.

It holds the id of the last row that was shown, so rows that come or go meanwhile neither repeat nor hide another. What is
no cursor of the same list is refused; a forged one shows no more than the list would.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import msgspec

from syncd.errors import Rejected

T = TypeVar("T")

MOST: Final = 200
USUAL: Final = 50
_LONGEST: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Which part of a list is wanted."""

    cursor: str | None = None
    limit: int = USUAL

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MOST:
            raise Rejected(f"limit is 1 to {MOST}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """Some of a list; `next_cursor` is None at its end."""

    items: list[T]
    next_cursor: str | None = None


class _Mark(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    of: str
    last: int | str


def _mark(part: Slice, of: str) -> _Mark | None:
    if part.cursor is None:
        return None
    if len(part.cursor) > _LONGEST or not part.cursor.isascii():
        raise Rejected("cursor is none of ours: begin again without it")
    try:
        padded = part.cursor + "=" * (-len(part.cursor) % 4)
        mark = msgspec.json.decode(urlsafe_b64decode(padded), type=_Mark)
    except (ValueError, msgspec.MsgspecError):
        raise Rejected("cursor is none of ours: begin again without it") from None
    if mark.of != of or (isinstance(mark.last, int) and not 0 < mark.last < 2**63):
        raise Rejected("cursor is of another list: begin again without it")
    return mark


def after_id(part: Slice, of: str) -> int | None:
    """The id after which the slice begins. Raises Rejected for what is no cursor of this list."""
    mark = _mark(part, of)
    if mark is not None and not isinstance(mark.last, int):
        raise Rejected("cursor is of another list: begin again without it")
    return mark.last if mark is not None and isinstance(mark.last, int) else None


def after_key(part: Slice, of: str) -> str | None:
    """The same for lists in the order of a text."""
    mark = _mark(part, of)
    if mark is not None and (not isinstance(mark.last, str) or "\0" in mark.last):
        raise Rejected("cursor is of another list: begin again without it")
    return mark.last if mark is not None and isinstance(mark.last, str) else None


def page(found: Sequence[T], part: Slice, of: str, last: Callable[[T], int | str]) -> Page[T]:
    """A page of what was found, which is one more than asked for where there is a next page."""
    items = list(found[: part.limit])
    if len(found) <= part.limit:
        return Page(items=items)
    packed = msgspec.json.encode(_Mark(of=of, last=last(items[-1])))
    return Page(items=items, next_cursor=urlsafe_b64encode(packed).decode().rstrip("="))
