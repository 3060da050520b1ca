"""`syncd entities`: the values of a facet, and the URNs by which criteria name them."""

from __future__ import annotations

import click

from syncd.cli import notices
from syncd.cli.shell import Shell
from syncd.cli.showing import Column, as_program, json_option, listing
from syncd.operations import targeting as operations


@click.command()
@click.argument("search", default="")
@click.option("--facet", "named", multiple=True, metavar="FACET", help="Only in this facet; may be repeated.")
@click.option("--limit", "most", type=int, default=10, show_default=True, help="How many a facet, 1 to 100.")
@json_option
@click.pass_obj
def entities(shell: Shell, *, search: str, named: tuple[str, ...], most: int, as_json: bool) -> None:
    """Find entities of facets by some letters of their name.

    Without --facet in every facet that can be searched; without SEARCH the first of a facet that can be listed.
    """
    found = shell.ask(lambda database: operations.entities(database, shell.settings, search, named, most))
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
