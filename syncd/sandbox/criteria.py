"""Targeting criteria: read, and held against the rules that hold wherever they are used (references 000, 003, 004)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from .answers import RefusedError
from .catalogue import FACET, facet_of
from .options import SandboxOptions
from .people import Member, require_account
from .world import World

MATCHED = frozenset({"audienceMatchingSegments", "dynamicSegments"})
GEO = frozenset({"locations", "profileLocations"})
NARROW_NOTHING = frozenset({"ageRanges", "genders", "interfaceLocales"})
ACCOUNT = re.compile(r"urn:li:sponsoredAccount:\d+", re.ASCII)
CODE = "FAILED_VALIDATION_CONDITION"

Chosen = Mapping[str, Sequence[str]]
Shape = TypeVar("Shape")


class Clause(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    any_of: dict[str, list[str]] = msgspec.field(name="or")


class Include(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    all_of: list[Clause] = msgspec.field(name="and")


class WrittenCriteria(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """As it stands in a body; facets and entities are not looked at yet."""

    include: Include
    exclude: Clause | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """Facets by name, entities by the URN the catalogue has: one of each clause, and none that is excluded."""

    include: Sequence[Chosen]
    exclude: Chosen

    @property
    def facets(self) -> frozenset[str]:
        """Those that include."""
        return frozenset(facet for clause in self.include for facet in clause)

    @property
    def has_geo(self) -> bool:
        return bool(self.facets & GEO)

    @property
    def is_matched(self) -> bool:
        """Whether a matched audience or a dynamic segment is targeted."""
        return bool(self.facets & MATCHED)


def refused(options: SandboxOptions, why: str) -> RefusedError:
    """Criteria are refused with 422 (000) or 400 (001)."""
    return RefusedError(options.bad_criteria_status, f"Request fails structure validation: {why}", CODE)


def missing(options: SandboxOptions, field: str) -> RefusedError:
    message = f"Missing required fields in the request: {field}"
    return RefusedError(options.bad_criteria_status, message, CODE)


def read_request(world: World, body: bytes, shape: type[Shape]) -> Shape:
    """A body in its shape; what is missing, of another type or not known fails the structure's validation."""
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
        raise refused(world.options, str(wrong)) from wrong


def check_account(world: World, member: Member, account: str) -> None:
    """An account in its form, on which the member has a role."""
    if not ACCOUNT.fullmatch(account):
        raise refused(world.options, f"{account} is not a sponsored account")
    require_account(member, account)


def read_criteria(world: World, written: WrittenCriteria, account: str) -> Criteria:
    """The criteria by name; RefusedError for what is no facet, no entity of it, or no audience of the account."""
    clauses = [clause.any_of for clause in written.include.all_of]
    excluded = written.exclude.any_of if written.exclude is not None else {}
    if not clauses or not all(clauses):
        raise refused(world.options, "include must name at least one facet in each clause")
    criteria = Criteria(
        include=[dict(_read(world, clause, account)) for clause in clauses],
        exclude=dict(_read(world, excluded, account)),
    )
    _check_titles(world, criteria)
    return criteria


def _read(world: World, clause: Chosen, account: str) -> Iterator[tuple[str, list[str]]]:
    for urn, values in clause.items():
        facet = facet_of(urn)
        if facet is None:
            raise refused(world.options, f"{urn} is not an ad targeting facet")
        if not values:
            raise refused(world.options, f"{urn} has no values")
        if facet.name in MATCHED:
            for value in values:
                _check_audience(world, value, account)
            yield facet.name, list(values)
            continue
        known = [facet.entity(value) for value in values]
        if None in known:
            raise refused(world.options, f"{values[known.index(None)]} is not an entity of {urn}")
        yield facet.name, [entity.urn for entity in known if entity is not None]


def _check_audience(world: World, urn: str, account: str) -> None:
    segment = world.segments.behind(urn)
    if segment is None or segment.account != account:
        raise refused(world.options, f"{urn} is not an ad segment of {account}")
    if not segment.life.usable:
        raise refused(world.options, f"{urn} is {segment.life.status}: it cannot be used in targeting")


def _check_titles(world: World, criteria: Criteria) -> None:
    """Seniorities may not be ANDed with job titles (000); in one clause, ORed, they may stand."""
    titled = [number for number, clause in enumerate(criteria.include) if "titles" in clause]
    ranked = [number for number, clause in enumerate(criteria.include) if "seniorities" in clause]
    if any(one != other for one in titled for other in ranked):
        raise refused(world.options, f"{FACET}seniorities may not be combined with {FACET}titles")
