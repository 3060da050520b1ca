"""Who is in an audience, what a budget may bring, and saved templates: asked of LinkedIn while somebody waits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from aiohttp import web
from markupsafe import Markup

from syncd.admin.console import frame
from syncd.admin.console.segment import told
from syncd.admin.routes import Call, Reach
from syncd.domain.charts import Line, picture
from syncd.domain.forecast import Objective, value_at
from syncd.domain.insight import LABELS, Grouping
from syncd.domain.notices import FORECASTS, TARGETING
from syncd.errors import SyncdError
from syncd.linkedin.templates import SortField, SortOrder
from syncd.operations import forecasts, insights
from syncd.operations.forecasts import ForecastReport
from syncd.operations.templates import Templates

_FIRST: Final = (Grouping.JOB_FUNCTIONS, Grouping.SENIORITIES)
_MOST: Final = 10
_ROWS: Final = 10


class By(frame.Said, frozen=True, kw_only=True, forbid_unknown_fields=True):
    by: str = ""


class Asked(frame.Said, frozen=True, kw_only=True, forbid_unknown_fields=True):
    objective: str = Objective.BRAND_AWARENESS.value
    place: str = ""
    budget: str = ""


class Account(frame.Said, frozen=True, kw_only=True, forbid_unknown_fields=True):
    account: str = ""


async def _insights(call: Call) -> web.Response:
    tale = await told(call)
    by, trouble, breakdowns = call.query.by, "", []
    wanted = (Grouping(by),) if by in set(Grouping) else _FIRST
    request = insights.Request(segment=tale.key, groupings=wanted, most=_MOST, accounts=call.caller.accounts)
    try:
        breakdowns = (await insights.ask(call.desk.database, call.desk.settings, request, call.desk.clock)).breakdowns
    except SyncdError as error:
        trouble = _sentence(error)
    return frame.page(
        call,
        "insights.html",
        title=f"Insights: {tale.name}",
        here="overview",
        path=frame.path_of(tale.key),
        story=tale,
        groupings=list(Grouping),
        labels=LABELS,
        by=by or wanted[0].value,
        breakdowns=breakdowns,
        trouble=trouble,
        notices=TARGETING,
    )


async def _forecast(call: Call) -> web.Response:
    tale = await told(call)
    asked: Asked = call.query
    trouble, found = "", None
    if asked.place:
        try:
            found = await _ask(call, tale.key, asked)
        except SyncdError as error:
            trouble = _sentence(error)
    lines = list(_lines(found)) if found else []
    return frame.page(
        call,
        "forecast.html",
        title=f"Forecast: {tale.name}",
        here="overview",
        path=frame.path_of(tale.key),
        story=tale,
        asked=asked,
        objectives=list(Objective),
        trouble=trouble,
        picture=_picture(tale.name, lines),
        titles=[line.title for line in lines],
        rows=_rows(lines),
        notices=FORECASTS,
    )


async def _ask(call: Call, key: str, asked: Asked) -> ForecastReport:
    request = forecasts.Request(
        segment=key,
        objective=Objective(asked.objective) if asked.objective in set(Objective) else Objective.BRAND_AWARENESS,
        include=(("locations", (asked.place,)),),
        budget=int(asked.budget) if asked.budget.isascii() and asked.budget.isdigit() else None,
        accounts=call.caller.accounts,
    )
    return await forecasts.ask(call.desk.database, call.desk.settings, request, call.desk.clock)


def _lines(found: ForecastReport) -> Iterator[Line]:
    forecast = found.forecast
    yield Line("Reach: people", forecast.reach, lambda value: f"{value:,.0f}")
    yield Line("Impressions", forecast.impressions, lambda value: f"{value:,.0f}")
    yield Line("Frequency: impressions a person", forecast.frequency, lambda value: f"{value:,.1f}")


def _picture(name: str, lines: list[Line]) -> Markup:
    drawn = picture(f"Forecast for {name}", lines, ()) if lines else ""
    return Markup(drawn)  # noqa: S704 - drawn by us, every text in it escaped


def _rows(lines: list[Line]) -> list[dict[str, Any]]:
    if not lines:
        return []
    spots = lines[0].curve.spots
    return [
        {"budget": spot.budget, "cells": [_cell(line, spot.budget) for line in lines]}
        for spot in spots[:: max(1, len(spots) // _ROWS)]
    ]


def _cell(line: Line, budget: float) -> str:
    value = value_at(line.curve, budget)
    return "–" if value is None else line.said(value)


async def _templates(call: Call) -> web.Response:
    settings = call.desk.settings
    whole = (await frame.of(call).watch.now()).within(call.caller.accounts)
    known = {one.account for one in whole.segments} | {one.account for one in settings.segments}
    accounts = sorted(account for account in known if call.caller.sees(account))
    account = call.query.account if call.query.account in accounts else next(iter(accounts), "")
    trouble, found = "", []
    if account:
        templates = Templates(
            database=call.desk.database, settings=settings, clock=call.desk.clock, accounts=call.caller.accounts
        )
        try:
            found = (await templates.listed(account, SortField.NAME, SortOrder.ASCENDING)).templates
        except SyncdError as error:
            trouble = _sentence(error)
    return frame.page(
        call,
        "templates.html",
        title="Templates",
        here="templates",
        accounts=accounts,
        account=account,
        found=found,
        trouble=trouble,
        notices=TARGETING,
    )


def _sentence(error: SyncdError) -> str:
    words = str(error)
    return f"{words[:1].upper()}{words[1:]}."


ROUTES: Final = (
    frame.got("/segments/{segment}/insights", _insights, "Who is in an audience", Reach.SEGMENT, query=By),
    frame.got("/segments/{segment}/forecast", _forecast, "What a budget may bring", Reach.SEGMENT, query=Asked),
    frame.got("/templates", _templates, "Saved templates", Reach.FILTERED, query=Account),
)
