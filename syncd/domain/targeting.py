"""Whom a campaign targets: facets, their entities, and the criteria that combine them (references 000, 001, 004).

Criteria are checked here before a call is spent on them. What is wrong comes back as sentences, all of them at once;
`misuses` are those that hold for any criteria, insights and forecasts add their own.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

AUDIENCES: Final = "audienceMatchingSegments"
FACET_URN: Final = "urn:li:adTargetingFacet:"

_GEOGRAPHY: Final = frozenset({"locations", "profileLocations"})
_MATCHED: Final = frozenset({AUDIENCES, "dynamicSegments"})
_PERSONAL: Final = frozenset({"ageRanges", "genders", "interfaceLocales"})
_TITLES: Final = "titles"
_SENIORITIES: Final = "seniorities"

FACETS: Final = frozenset(
    {
        *_GEOGRAPHY,
        *_MATCHED,
        *_PERSONAL,
        *("jobFunctions", _SENIORITIES, _TITLES, "yearsOfExperienceRanges", "skills", "interests", "productInterests"),
        *("industries", "staffCountRanges", "growthRate", "employers", "groups"),
        *("degrees", "fieldsOfStudy", "schools", "memberBehaviors"),
        *("bingContinent", "bingCountry", "bingCity", "bingState"),
    }
)
"""Facets that may be given by their short name; any other needs its whole URN, so that a slip is not a call."""
_KINDS: Final = {
    "jobFunctions": "function",
    "skills": "skill",
    "interests": "interest",
    "interfaceLocales": "locale",
    _SENIORITIES: "seniority",
}
"""What the entities of a facet are, where the references show them and they are of one kind: places have several."""

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}")
_ENTITY: Final = re.compile(r"urn:li:[A-Za-z]+:(?:\([^\s()]{1,200}\)|[^\s,()]{1,200})")

Clause = Mapping[str, tuple[str, ...]]
"""Facet names with their entities' URNs: whoever has any of them."""


class Finder(StrEnum):
    """How the entities of a facet are found. A facet names the finders it has; another one is refused."""

    ALL = "AD_TARGETING_FACET"
    TYPEAHEAD = "TYPEAHEAD"
    SIMILAR = "SIMILAR_ENTITIES"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facet:
    name: str
    urn: str
    entity_types: tuple[str, ...]
    finders: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    name: str
    urn: str
    facet: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """Whoever is in every clause of `include` and not in `exclude`."""

    include: tuple[Clause, ...]
    exclude: Clause = field(default_factory=dict)

    @property
    def included(self) -> set[str]:
        """The names of the facets that include somebody."""
        return {name for clause in self.include for name in clause}


def facet_name(text: str) -> str | None:
    """The name of the facet that `text` means: a short name that is known, or any whole URN."""
    name = text.removeprefix(FACET_URN)
    known = name in FACETS or (text.startswith(FACET_URN) and _NAME.fullmatch(name))
    return name if known else None


def targeting(
    audience: str | None, include: Iterable[tuple[str, Collection[str]]], exclude: Iterable[tuple[str, Collection[str]]]
) -> Criteria:
    """An ad segment, if there is one, narrowed by facets. A facet given twice is one clause: whoever has any of all its
    entities.
    """
    clauses = [{name: urns} for name, urns in _merged(include).items()]
    return Criteria(
        include=({AUDIENCES: (audience,)}, *clauses) if audience else tuple(clauses), exclude=_merged(exclude)
    )


def _merged(pairs: Iterable[tuple[str, Collection[str]]]) -> dict[str, tuple[str, ...]]:
    merged: dict[str, tuple[str, ...]] = {}
    for name, urns in pairs:
        merged[name] = tuple(dict.fromkeys((*merged.get(name, ()), *urns)))
    return merged


def audiences(clauses: Iterable[Clause]) -> set[str]:
    """The URNs that name an audience of some ad account, in whatever facet they stand; all others are the same for
    everybody.
    """
    return {
        urn
        for clause in clauses
        for name, urns in clause.items()
        for urn in urns
        if name in _MATCHED or "segment" in urn.lower()
    }


def misuses(criteria: Criteria) -> Iterator[str]:
    """What no targeting criteria may be."""
    if not criteria.include or not all(criteria.include):
        yield "targeting criteria include at least one facet"
    for clause in (*criteria.include, criteria.exclude):
        for name, urns in clause.items():
            if not _NAME.fullmatch(name):
                yield f"{name!r} is no facet"
            elif not urns:
                yield f"facet {name} has no entity"
            for urn in urns:
                if not _ENTITY.fullmatch(urn):
                    yield f"{urn!r} is no entity of facet {name}: give a URN, `syncd entities` finds them"
                elif name in _KINDS and urn.split(":")[2] != _KINDS[name]:
                    yield f"{urn!r} is no entity of facet {name}: those are urn:li:{_KINDS[name]}:…"
    places = {
        name: {number for number, clause in enumerate(criteria.include) if name in clause}
        for name in (_TITLES, _SENIORITIES)
    }
    if any(one != other for one in places[_TITLES] for other in places[_SENIORITIES]):
        yield "seniorities cannot be combined with job titles: include one of them"


def misuses_for_insights(criteria: Criteria) -> Iterator[str]:
    """Insights need a place and a second attribute, unless a matched audience is targeted (reference 000)."""
    yield from misuses(criteria)
    included = criteria.included
    if included & _MATCHED:
        return
    if not included & _GEOGRAPHY:
        yield "insights need a place: include locations or profileLocations, or a matched audience"
    if not included - _GEOGRAPHY - _PERSONAL:
        yield "insights need a second facet beside the place, other than age, gender and language"


def misuses_for_forecasts(criteria: Criteria) -> Iterator[str]:
    """Forecasts need a place and know no exclusion, whatever is targeted (reference 004)."""
    yield from misuses(criteria)
    if criteria.exclude:
        yield "a forecast cannot exclude anybody: leave --exclude out"
    if not criteria.included & _GEOGRAPHY:
        yield "a forecast needs a place: include locations or profileLocations, like locations=urn:li:geo:103644278"
