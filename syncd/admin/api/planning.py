"""Planning: what can be targeted, who is in an audience, what a budget may bring."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final

import msgspec

from syncd.admin.api.wire import Text
from syncd.admin.routes import Call, Reach, Route
from syncd.domain.access import Role
from syncd.domain.forecast import Objective, Optimization
from syncd.domain.insight import MOST_GROUPS, Grouping, Order
from syncd.operations import forecasts, insights, targeting
from syncd.operations.forecasts import ForecastReport
from syncd.operations.insights import InsightReport
from syncd.operations.targeting import MOST, EntityList, FacetList
from syncd.operations.targets import Facets, facet

Urns = Annotated[list[Annotated[str, msgspec.Meta(min_length=1, max_length=300)]], msgspec.Meta(max_length=200)]
Narrowed = Annotated[dict[str, Urns], msgspec.Meta(max_length=30)]


class Search(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Some letters of a name, or facets, or both; `facet` may be repeated."""

    text: Annotated[str, msgspec.Meta(max_length=200)] = ""
    facet: Text | Annotated[list[Text], msgspec.Meta(max_length=30)] = []
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST)] = 20


class AskInsights(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`include` and `exclude` are facets with the URNs of their entities; `fresh` passes over answers of the last day."""

    groupings: Annotated[list[Grouping], msgspec.Meta(min_length=1, max_length=len(Grouping))]
    include: Narrowed = {}
    exclude: Narrowed = {}
    order: Order = Order.SHARE
    most: Annotated[int, msgspec.Meta(ge=1, le=MOST_GROUPS)] = 5
    fresh: bool = False


class AskForecast(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Days in UTC; the budget in US dollars."""

    objective: Objective
    optimization: Optimization | None = None
    include: Narrowed = {}
    exclude: Narrowed = {}
    start: date | None = None
    end: date | None = None
    budget: Annotated[int, msgspec.Meta(ge=1, le=10**9)] | None = None
    audience_network: bool = True
    audience_expansion: bool = True


def narrowed(given: dict[str, list[str]]) -> Facets:
    """Raises Rejected for a facet that is not known."""
    return tuple((facet(name), tuple(urns)) for name, urns in given.items())


async def _facets(call: Call) -> FacetList:
    desk = call.desk
    return await targeting.facets(desk.database, desk.settings, desk.clock, accounts=call.caller.accounts)


async def _entities(call: Call) -> EntityList:
    wanted: Search = call.query
    named = (wanted.facet,) if isinstance(wanted.facet, str) else tuple(wanted.facet)
    desk, accounts = call.desk, call.caller.accounts
    return await targeting.entities(
        desk.database, desk.settings, wanted.text, named, wanted.limit, desk.clock, accounts=accounts
    )


async def _insights(call: Call) -> InsightReport:
    wanted: AskInsights = call.body
    request = insights.Request(
        segment=call.part("segment"),
        groupings=tuple(dict.fromkeys(wanted.groupings)),
        include=narrowed(wanted.include),
        exclude=narrowed(wanted.exclude),
        order=wanted.order,
        most=wanted.most,
        fresh=wanted.fresh,
        accounts=call.caller.accounts,
    )
    return await insights.ask(call.desk.database, call.desk.settings, request, call.desk.clock)


async def _forecast(call: Call) -> ForecastReport:
    wanted: AskForecast = call.body
    request = forecasts.Request(
        segment=call.part("segment"),
        objective=wanted.objective,
        optimization=wanted.optimization,
        include=narrowed(wanted.include),
        exclude=narrowed(wanted.exclude),
        start=wanted.start,
        end=wanted.end,
        budget=wanted.budget,
        audience_network=wanted.audience_network,
        audience_expansion=wanted.audience_expansion,
        accounts=call.caller.accounts,
    )
    return await forecasts.ask(call.desk.database, call.desk.settings, request, call.desk.clock)


ROUTES: Final = (
    Route(
        method="GET",
        path="/api/v1/facets",
        handler=_facets,
        summary="What can be targeted",
        subject="planning",
        role=Role.VIEWER,
        reach=Reach.FILTERED,
        answer=FacetList,
    ),
    Route(
        method="GET",
        path="/api/v1/entities",
        handler=_entities,
        summary="Entities of facets, by some letters of their name",
        subject="planning",
        role=Role.VIEWER,
        reach=Reach.FILTERED,
        query=Search,
        answer=EntityList,
    ),
    Route(
        method="POST",
        path="/api/v1/segments/{segment}/insights",
        handler=_insights,
        summary="Who is in its audience",
        subject="planning",
        role=Role.VIEWER,
        reach=Reach.SEGMENT,
        body=AskInsights,
        answer=InsightReport,
    ),
    Route(
        method="POST",
        path="/api/v1/segments/{segment}/forecast",
        handler=_forecast,
        summary="What a budget may bring for it",
        subject="planning",
        role=Role.VIEWER,
        reach=Reach.SEGMENT,
        body=AskForecast,
        answer=ForecastReport,
    ),
)
