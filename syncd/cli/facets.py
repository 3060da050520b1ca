"""`syncd facets`: what a campaign can target."""

from __future__ import annotations

import click

from syncd.cli import notices
from syncd.cli.api import Api
from syncd.cli.shell import pass_api
from syncd.cli.showing import Column, as_program, json_option, listing
from syncd.operations.targeting import FacetList


@click.command()
@json_option
@pass_api
def facets(api: Api, *, as_json: bool) -> None:
    """List what can be targeted, and how the entities of each facet are found."""
    found = api.ask("GET /facets", FacetList)
    if as_json:
        as_program(found)
        return
    columns = (
        Column("facet", lambda one: one.name),
        Column("holds", lambda one: ", ".join(one.entity_types)),
        Column("found by", lambda one: ", ".join(one.finders)),
        Column("URN", lambda one: one.urn),
    )
    listing(found.facets, columns, as_json=False, empty="LinkedIn has no facets")
    notices.show(found.notices)
