"""Finding what can be targeted. A facet names the finders it has, and another one is refused (reference 001): so the
facets are read first, and one that cannot be searched is read whole and searched here.
"""

from __future__ import annotations

from dataclasses import dataclass

from syncd.domain.outcome import Failure
from syncd.domain.targeting import Entity, Facet, Finder
from syncd.linkedin import entities, facets
from syncd.linkedin.caller import Caller


@dataclass(frozen=True, slots=True)
class Unsearchable:
    """A facet that cannot be found in the way asked for; `words` say what can be done."""

    words: str


async def every_facet(caller: Caller) -> list[Facet] | Failure:
    """All facets, in LinkedIn's order."""
    return await caller.gather(lambda transport, token: facets.every(transport, token=token))


async def find(caller: Caller, text: str, names: tuple[str, ...], most: int) -> list[Entity] | Unsearchable | Failure:
    """At most `most` entities a facet, of the named facets or of all that can be searched. Without a text: the first."""
    known = await every_facet(caller)
    if not isinstance(known, list):
        return known
    wanted = [facet for facet in known if facet.name in names or (not names and Finder.TYPEAHEAD in facet.finders)]
    missing = sorted(set(names) - {facet.name for facet in wanted})
    if missing:
        return Unsearchable(f"LinkedIn has no facet {missing[0]}: `syncd facets` lists those there are")
    found: list[Entity] = []
    for facet in wanted:
        some = await _in_facet(caller, facet, text, most)
        if not isinstance(some, list):
            return some
        found += some[:most]
    return found


async def _in_facet(caller: Caller, facet: Facet, text: str, most: int) -> list[Entity] | Unsearchable | Failure:
    if text and Finder.TYPEAHEAD in facet.finders:
        return await caller.ask(
            lambda transport, token: entities.search(transport, token=token, facet=facet.name, text=text, most=most)
        )
    if Finder.ALL in facet.finders:
        every = await caller.gather(
            lambda transport, token: entities.of_facet(transport, token=token, facet=facet.name)
        )
        if not isinstance(every, list):
            return every
        return [one for one in every if text.casefold() in one.name.casefold()]
    if Finder.TYPEAHEAD in facet.finders:
        return Unsearchable(f"facet {facet.name} is found by search only: give some letters of a name")
    return Unsearchable(f"facet {facet.name} has no list of entities: its URNs come from elsewhere")
