"""`syncd forecast`: what a budget may bring."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

import click

from syncd.admin.api.planning import AskForecast
from syncd.cli import notices
from syncd.cli.api import Api
from syncd.cli.narrowing import facet_options, narrowed, svg_option
from syncd.cli.plots import area
from syncd.cli.shell import pass_api
from syncd.cli.showing import Column, as_program, json_option, listing
from syncd.cli.svg import draw
from syncd.domain.charts import Line
from syncd.domain.forecast import Objective, Optimization, Spot, value_at
from syncd.operations.forecasts import ForecastReport

_ROWS: Final = 10
_DAY: Final = click.DateTime(["%Y-%m-%d"])


@click.command()
@click.argument("segment")
@click.option("--budget", type=int, metavar="DOLLARS", help="US dollars, 100 or more: what just this one may bring.")
@click.option(
    "--objective",
    required=True,
    type=click.Choice([one.value for one in Objective], case_sensitive=False),
    help="What the campaign is for.",
)
@click.option(
    "--optimization",
    type=click.Choice([one.value for one in Optimization], case_sensitive=False),
    help="What is bought; default: reach for awareness, views for video.",
)
@facet_options
@click.option("--from", "start", type=_DAY, help="First day, in the future; default: today.")
@click.option("--to", "end", type=_DAY, help="Last day, at most 90 days on; default: in 90 days.")
@click.option("--no-audience-network", is_flag=True, help="On LinkedIn only, not on its partners' pages.")
@click.option("--no-expansion", is_flag=True, help="Nobody who is merely like the audience; adds the share reached.")
@svg_option
@json_option
@pass_api
def forecast(
    api: Api,
    *,
    segment: str,
    budget: int | None,
    objective: str,
    optimization: str | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    start: datetime | None,
    end: datetime | None,
    no_audience_network: bool,
    no_expansion: bool,
    svg: Path | None,
    as_json: bool,
) -> None:
    """Forecast reach, impressions and frequency over the budget for a campaign that targets SEGMENT.

    A forecast needs a place: --include locations=urn:li:geo:… (`syncd entities germany --facet locations`).
    """
    wanted = AskForecast(
        objective=Objective(objective),
        optimization=Optimization(optimization) if optimization else None,
        include=narrowed(include),
        exclude=narrowed(exclude),
        start=start.date() if start else None,
        end=end.date() if end else None,
        budget=budget,
        audience_network=not no_audience_network,
        audience_expansion=not no_expansion,
    )
    found = api.ask("POST /segments/{segment}/forecast", ForecastReport, wanted, segment=segment)
    if svg is not None:
        draw(svg, f"Forecast for {found.segment}", _lines(found), found.notices)
    if as_json:
        as_program(found)
        return
    _show(found)
    notices.show(found.notices)


def _lines(found: ForecastReport) -> list[Line]:
    forecast = found.forecast
    lines = [
        Line("Reach: people", forecast.reach, _whole),
        Line("Impressions", forecast.impressions, _whole),
        Line("Frequency: impressions a person", forecast.frequency, _fraction),
    ]
    if forecast.share is not None:
        lines.append(Line("Share: percent of the audience", forecast.share, _fraction))
    return lines


def _show(found: ForecastReport) -> None:
    reach = found.forecast.reach
    spots = reach.spots[:: max(1, len(reach.spots) // _ROWS)]
    rows = sorted({*(spot.budget for spot in spots), *([float(found.budget)] if found.budget else [])})
    columns = [Column("budget ($)", lambda row: f"{row:,.0f}", number=True)]
    columns += [Column(_short(line), _cell(line, line.curve.target), number=True) for line in _lines(found)]
    listing(rows, columns, as_json=False, empty="LinkedIn forecasts nothing")
    for line in _lines(found):
        click.echo()
        click.echo("\n".join(area(line.title, line.curve, line.said)))
    if found.budget is not None:
        click.echo()
        told = [f"{_short(line)} {line.said(line.curve.target.value)}" for line in _lines(found) if line.curve.target]
        click.echo(f"for ${found.budget:,}: {'; '.join(told)}")


def _short(line: Line) -> str:
    return line.title.partition(":")[0].lower()


def _cell(line: Line, target: Spot | None) -> Callable[[float], str | None]:
    """A curve's value in one row of the table; the plan's own budget has LinkedIn's own figure."""

    def cell(budget: float) -> str | None:
        value = target.value if target and target.budget == budget else value_at(line.curve, budget)
        return None if value is None else line.said(value)

    return cell


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _fraction(value: float) -> str:
    return f"{value:,.1f}"
