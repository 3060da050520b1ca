"""Targeting criteria as LinkedIn writes them: an `and` of `or`s by facet URN, less one `or` (reference 000)."""

from __future__ import annotations

import msgspec

from syncd.domain.targeting import FACET_URN, Clause, Criteria


class Any(msgspec.Struct):
    """Whoever has any of these."""

    facets: dict[str, list[str]] = msgspec.field(name="or", default_factory=dict)


class Both(msgspec.Struct):
    clauses: list[Any] = msgspec.field(name="and", default_factory=list)


class Wire(msgspec.Struct, omit_defaults=True):
    include: Both = msgspec.field(default_factory=Both)
    exclude: Any | None = None


def written(criteria: Criteria) -> Wire:
    exclude = Any(_urns(criteria.exclude)) if criteria.exclude else None
    return Wire(include=Both([Any(_urns(clause)) for clause in criteria.include]), exclude=exclude)


def read(wire: Wire) -> Criteria:
    return Criteria(
        include=tuple(_names(clause) for clause in wire.include.clauses),
        exclude=_names(wire.exclude) if wire.exclude is not None else {},
    )


def _urns(clause: Clause) -> dict[str, list[str]]:
    return {FACET_URN + name: list(urns) for name, urns in clause.items()}


def _names(raw: Any) -> Clause:
    return {facet.removeprefix(FACET_URN): tuple(urns) for facet, urns in raw.facets.items()}
