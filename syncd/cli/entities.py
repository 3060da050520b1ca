"""`syncd entities`: the values of a facet, and the URNs by which criteria name them."""

from __future__ import annotations

import click

from syncd.admin.api.planning import Search
from syncd.cli import notices
from syncd.cli.api import Api
from syncd.cli.shell import pass_api
from syncd.cli.showing import Column, as_program, json_option, listing
from syncd.operations.targeting import EntityList


@click.command()
@click.argument("search", default="")
@click.option("--facet", "named", multiple=True, metavar="FACET", help="Only in this facet; may be repeated.")
@click.option("--limit", "most", type=int, default=10, show_default=True, help="How many a facet, 1 to 100.")
@json_option
@pass_api
def entities(api: Api, *, search: str, named: tuple[str, ...], most: int, as_json: bool) -> None:
    """Find entities of facets by some letters of their name.

    Without --facet in every facet that can be searched; without SEARCH the first of a facet that can be listed.
    """
    found = api.ask("GET /entities", EntityList, Search(text=search, facet=list(named), limit=most))
    if as_json:
        as_program(found)
        return
    columns = (
        Column("name", lambda one: one.name),
        Column("facet", lambda one: one.facet),
        Column("URN", lambda one: one.urn),
    )
    listing(found.entities, columns, as_json=False, empty="nothing of that name was found")
    notices.show(found.notices)
