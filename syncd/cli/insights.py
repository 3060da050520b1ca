"""`syncd insights`: who is in the audience of a segment."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from syncd.admin.api.planning import AskInsights
from syncd.cli import notices
from syncd.cli.api import Api
from syncd.cli.narrowing import facet_options, narrowed, svg_option
from syncd.cli.plots import bar
from syncd.cli.shell import pass_api
from syncd.cli.showing import Column, as_program, json_option, listing, said
from syncd.cli.svg import draw
from syncd.domain.charts import Bar, Bars
from syncd.domain.insight import FEWEST, MOST_PEOPLE, Order
from syncd.operations.insights import Breakdown, InsightReport, groupings

_DEFAULT: Final = "jobFunctions,seniorities"


@click.command()
@click.argument("segment")
@click.option("--by", default=_DEFAULT, show_default=True, metavar="FACET[,FACET…]", help="How to group them.")
@facet_options
@click.option("--limit", "most", type=int, default=5, show_default=True, help="How many groups, 1 to 100.")
@click.option("--in-order", is_flag=True, help="Groups in their own order, not by size: years, sizes, seniorities.")
@click.option("--fresh", is_flag=True, help="Ask LinkedIn although it answered within the last day.")
@svg_option
@json_option
@pass_api
def insights(
    api: Api,
    *,
    segment: str,
    by: str,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    most: int,
    in_order: bool,
    fresh: bool,
    svg: Path | None,
    as_json: bool,
) -> None:
    """Show who is in the audience of SEGMENT: functions, seniorities, industries, places and more.

    An audience needs 300 people, a group 30; a person may be in several groups.
    """
    wanted = AskInsights(
        groupings=list(groupings(by)),
        include=narrowed(include),
        exclude=narrowed(exclude),
        order=Order.HIERARCHY if in_order else Order.SHARE,
        most=most,
        fresh=fresh,
    )
    found = api.ask("POST /segments/{segment}/insights", InsightReport, wanted, segment=segment)
    if svg is not None:
        panels = [_panel(one) for one in found.breakdowns]
        draw(svg, f"Who is in {found.segment}", panels, found.notices)
    if as_json:
        as_program(found)
        return
    for number, one in enumerate(found.breakdowns):
        if number:
            click.echo()
        _show(one)
    notices.show(found.notices)


def _show(one: Breakdown) -> None:
    click.echo(f"{one.label} of {_people(one)}, as of {said(one.at)}")
    most = max((group.count for group in one.groups), default=0)
    columns = (
        Column("group", lambda group: group.name),
        Column("people", lambda group: group.count, number=True),
        Column("share", lambda group: f"{group.percent} %", number=True),
        Column("", lambda group: bar(group.count, most), whole=True),
        Column("URN", lambda group: group.entity),
    )
    listing(one.groups, columns, as_json=False, empty=_nobody(one))


def _people(one: Breakdown) -> str:
    return f"fewer than {FEWEST} people" if one.total == 0 else f"{one.total:,} people"


def _nobody(one: Breakdown) -> str:
    if one.total == 0:
        return f"LinkedIn tells nothing of an audience below {FEWEST}"
    if one.total >= MOST_PEOPLE:
        return f"LinkedIn tells nothing of an audience above {MOST_PEOPLE:,}: narrow it with --include"
    return "no group of 30 or more"


def _panel(one: Breakdown) -> Bars:
    return Bars(
        f"{one.label} · {_people(one)} · {one.at:%Y-%m-%d}",
        [Bar(group.name, group.count, f"{group.count:,} · {group.percent} %") for group in one.groups],
    )
