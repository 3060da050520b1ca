"""Media planning: reach and impressions over budget (reference 004). Where the page's schema and its sample differ, the
sample is sent (`startDateOn`, `endDateOn`) and both are read (`singlePointMetric` as one object or a list of them).
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import msgspec

from syncd.domain.forecast import MICROS, Curve, Impressions, Plan, Reach, Spot
from syncd.domain.outcome import Failure, Unclear
from syncd.linkedin import criteria
from syncd.linkedin.answers import decoded
from syncd.linkedin.transport import Transport

_PATH: Final = "/mediaPlanning"
_CURRENCY: Final = "USD"


class _Point(msgspec.Struct, rename="camel"):
    budget_micros: float = 0
    metric_value: float = 0
    metric_lower: float | None = None
    metric_upper: float | None = None


class _Metrics(msgspec.Struct, rename="camel"):
    metric_curve: list[_Point] | None = None
    single_point_metric: _Point | list[_Point] | None = None


class _Value(msgspec.Struct, rename="camel"):
    reach_curve: _Metrics | None = None
    reach_percentage_curve: _Metrics | None = None
    impression_curve: _Metrics | None = None
    average_frequency: _Metrics | float | None = None


class _Answered(msgspec.Struct):
    value: _Value


async def reach(transport: Transport, *, token: str, plan: Plan) -> Reach | Failure:
    value = await _forecast(transport, token, "forecastReaches", plan)
    if not isinstance(value, _Value):
        return value
    if value.reach_curve is None:
        return _without("reach")
    share = value.reach_percentage_curve
    return Reach(reach=_curve(value.reach_curve), share=None if share is None else _curve(share))


async def impressions(transport: Transport, *, token: str, plan: Plan) -> Impressions | Failure:
    value = await _forecast(transport, token, "forecastImpressions", plan)
    if not isinstance(value, _Value):
        return value
    if value.impression_curve is None:
        return _without("impression")
    return Impressions(impressions=_curve(value.impression_curve), frequency=_frequency(value.average_frequency))


async def _forecast(transport: Transport, token: str, action: str, plan: Plan) -> _Value | Failure:
    body = msgspec.json.encode({"request": _request(plan)})
    found = decoded(await transport.call("POST", _PATH, token=token, query=f"action={action}", body=body), _Answered)
    return found.value if isinstance(found, _Answered) else found


def _request(plan: Plan) -> dict[str, Any]:
    """Only what was said: for the rest LinkedIn has defaults of its own."""
    request: dict[str, Any] = {
        "sponsoredAccountUrn": plan.account,
        "targetingCriteria": criteria.written(plan.criteria),
        "objectiveType": plan.objective,
        "currencyCode": _CURRENCY,
        "enableAudienceNetwork": plan.audience_network,
        "enableAudienceExpansion": plan.audience_expansion,
    }
    if plan.optimization is not None:
        request["optimizationType"] = plan.optimization
    if plan.start is not None:
        request["startDateOn"] = _day(plan.start)
    if plan.end is not None:
        request["endDateOn"] = _day(plan.end)
    if plan.budget is not None:
        request["targetBudgetMicros"] = plan.budget * MICROS
    return request


def _day(of: date) -> dict[str, int]:
    return {"day": of.day, "month": of.month, "year": of.year}


def _curve(metrics: _Metrics) -> Curve:
    spots = sorted((_spot(point) for point in metrics.metric_curve or ()), key=lambda spot: spot.budget)
    return Curve(tuple(spots), _single(metrics))


def _single(metrics: _Metrics) -> Spot | None:
    single = metrics.single_point_metric
    if isinstance(single, list):
        single = single[0] if single else None
    return None if single is None else _spot(single)


def _frequency(said: _Metrics | float | None) -> float | None:
    if not isinstance(said, _Metrics):
        return said
    spot = _single(said) or next(iter(_curve(said).spots), None)
    return None if spot is None else spot.value


def _spot(point: _Point) -> Spot:
    return Spot(point.budget_micros / MICROS, point.metric_value, point.metric_lower, point.metric_upper)


def _without(what: str) -> Unclear:
    return Unclear(f"success without a {what} curve", lingering=False)
