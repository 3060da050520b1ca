"""Shapes that several subjects share."""

from __future__ import annotations

from typing import Annotated

import msgspec

from syncd.domain.access import LONGEST_REASON
from syncd.operations.paging import MOST, USUAL, Slice

Key = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
Number = Annotated[int, msgspec.Meta(ge=1, le=10**18 - 1)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Account = Annotated[str, msgspec.Meta(pattern=r"^urn:li:sponsoredAccount:[0-9]{1,18}$")]
Reason = Annotated[str, msgspec.Meta(max_length=LONGEST_REASON)]
Cursor = Annotated[str, msgspec.Meta(max_length=400)]
Limit = Annotated[int, msgspec.Meta(ge=1, le=MOST)]


class Paged(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every list's query."""

    cursor: Cursor | None = None
    limit: Limit = USUAL

    @property
    def part(self) -> Slice:
        return Slice(cursor=self.cursor, limit=self.limit)


class Why(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why somebody does what they do; the audit keeps it, so it names nobody's e-mail."""

    reason: Reason = ""
