"""Saved audience templates: targeting criteria under a name, for campaigns to use (reference 003)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from syncd.domain.targeting import Criteria, misuses

LONGEST_NAME: Final = 100
LONGEST_DESCRIPTION: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A template as LinkedIn keeps it. Times in seconds since 1970; what LinkedIn left out is None or empty."""

    id: str
    account: str
    name: str
    description: str
    criteria: Criteria
    members: int | None
    created: float | None
    modified: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A template to be made. Its account stands for good."""

    account: str
    name: str
    description: str
    criteria: Criteria


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is to be different; None stays."""

    name: str | None = None
    description: str | None = None
    criteria: Criteria | None = None


def misdrawn(wanted: Draft | Change) -> Iterator[str]:
    """What is wrong with a template or a change of one."""
    if wanted == Change():
        yield "nothing is to be changed: give a name, a description or facets"
    if wanted.name is not None and not wanted.name.strip():
        yield "a template has a name"
    if wanted.name is not None and len(wanted.name) > LONGEST_NAME:
        yield f"a template's name has at most {LONGEST_NAME} characters, this one {len(wanted.name)}"
    if wanted.description is not None and len(wanted.description) > LONGEST_DESCRIPTION:
        yield f"a description has at most {LONGEST_DESCRIPTION} characters, this one {len(wanted.description)}"
    if wanted.criteria is not None:
        yield from misuses(wanted.criteria)
