"""What a budget may bring for a segment: reach, impressions and frequency."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime

from syncd.domain.forecast import Objective, Optimization, Plan, misplanned
from syncd.domain.notices import FORECASTS, Notice
from syncd.operations import scopes, voices
from syncd.operations.refusals import told
from syncd.operations.targets import Facets, refuse, target
from syncd.operations.voices import Clock
from syncd.planning import forecasts
from syncd.planning.forecasts import Forecast
from syncd.settings import Settings
from syncd.store.engine import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to plan, see `domain.forecast.Plan`; `accounts` are those of a caller who may not name audiences of others."""

    segment: str
    objective: Objective
    optimization: Optimization | None = None
    include: Facets = ()
    exclude: Facets = ()
    start: date | None = None
    end: date | None = None
    budget: int | None = None
    audience_network: bool = True
    audience_expansion: bool = True
    accounts: Collection[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastReport:
    """`budget` in US dollars; curves as in `planning.forecasts.Forecast`."""

    notices: tuple[Notice, ...]
    segment: str
    objective: Objective
    budget: int | None
    forecast: Forecast


async def ask(database: Database, settings: Settings, request: Request, clock: Clock = Clock()) -> ForecastReport:
    whom = await target(database, settings, request.segment)
    plan = Plan(
        account=whom.account,
        criteria=whom.criteria(request.include, request.exclude),
        objective=request.objective,
        optimization=request.optimization,
        start=request.start,
        end=request.end,
        budget=request.budget,
        audience_network=request.audience_network,
        audience_expansion=request.audience_expansion,
    )
    await scopes.permit(database, request.accounts, plan.criteria)
    refuse([*misplanned(plan, datetime.fromtimestamp(clock.wall(), UTC).date()), *whom.too_few()])
    async with voices.speaking(settings, whom.member, database, clock) as caller:
        forecast = await forecasts.ask(caller, plan)
    if not isinstance(forecast, Forecast):
        raise told(forecast)
    return ForecastReport(
        notices=FORECASTS, segment=whom.key, objective=plan.objective, budget=plan.budget, forecast=forecast
    )
