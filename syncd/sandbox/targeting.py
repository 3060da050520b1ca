"""`/adTargetingFacets` and `/adTargetingEntities` (reference 001): what can be targeted, and how it is found."""

from collections.abc import Callable, Sequence

from .answers import Answer, bad_request, json_answer
from .call import Call
from .catalogue import ALL, SIMILAR, TYPEAHEAD, Entity, Facet, facet_of, facets
from .people import require_scope
from .restli import page
from .world import World

URNS = "QUERY_USES_URNS"

Found = Sequence[tuple[Facet, Entity]]


def list_facets(world: World, call: Call) -> Answer:
    require_scope(call.token, "r_ads", "rw_ads")
    urn = world.options.facet_urn_field

    def show(facet: Facet) -> dict[str, object]:
        return {
            "facetName": facet.name,
            urn: facet.urn,
            "entityTypes": facet.entity_types,
            "availableEntityFinders": facet.finders,
        }

    return json_answer(200, page(call.target, list(facets().values()), show, world.options))


def find_entities(world: World, call: Call) -> Answer:
    require_scope(call.token, "r_ads", "rw_ads")
    named = call.target.required("q")
    finder = FINDERS.get(named)
    if finder is None:
        raise bad_request(f"adTargetingEntities has no finder {named}; it has {', '.join(FINDERS)}")
    if call.target.value("queryVersion") not in {None, URNS}:
        raise bad_request(f"Parameter 'queryVersion' must be {URNS}")
    return json_answer(200, page(call.target, finder(call), _show, world.options))


def _typeahead(call: Call) -> Found:
    """Names that hold the query, whatever its case; the catalogue's order is the order of relevance."""
    facet = _facet(call, TYPEAHEAD)
    query = call.target.required("query").casefold().strip()
    return [(facet, one) for one in facet.entities if query in one.name.casefold()]


def _all(call: Call) -> Found:
    facet = _facet(call, ALL)
    return [(facet, one) for one in facet.entities]


def _similar(call: Call) -> Found:
    """The neighbours of the given entities in the catalogue, which keeps what belongs together side by side."""
    facet = _facet(call, SIMILAR)
    call.target.required("entities")
    given = [facet.entity(urn) for urn in call.target.values("entities")]
    places = [facet.entities.index(one) for one in given if one is not None]
    near = {near for place in places for near in range(place - 2, place + 3)} - set(places)
    return [(facet, one) for place, one in enumerate(facet.entities) if place in near]


def _by_urn(call: Call) -> Found:
    """The entities of these URNs, in their order; unknown ones are left out."""
    call.target.required("urns")
    named = (_named(urn) for urn in call.target.values("urns"))
    return [found for found in named if found is not None]


def _named(urn: str) -> tuple[Facet, Entity] | None:
    """The first facet that knows the URN: several share the places."""
    known = ((facet, facet.entity(urn)) for facet in facets().values())
    return next(((facet, entity) for facet, entity in known if entity is not None), None)


def _facet(call: Call, finder: str) -> Facet:
    urn = call.target.required("facet")
    facet = facet_of(urn)
    if facet is None:
        raise bad_request(f"{urn} is not an ad targeting facet")
    if finder not in facet.finders:
        raise bad_request(f"Facet {facet.name} does not support the finder {finder}")
    return facet


def _show(found: tuple[Facet, Entity]) -> dict[str, object]:
    facet, entity = found
    return {"name": entity.name, "urn": entity.urn, "facetUrn": facet.urn}


FINDERS: dict[str, Callable[[Call], Found]] = {
    "typeahead": _typeahead,
    "adTargetingFacet": _all,
    "similarEntities": _similar,
    "urns": _by_urn,
}
