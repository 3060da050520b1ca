"""`syncd templates`: saved audience templates."""

from __future__ import annotations

import sys
from typing import Final

import click

from syncd.admin.api.templates import NewTemplate, TemplatePatch, Unwanted, Which
from syncd.cli import notices
from syncd.cli.api import Api
from syncd.cli.kinds import ACCOUNT
from syncd.cli.narrowing import facet_options, narrowed
from syncd.cli.remote import show_deleted
from syncd.cli.shell import pass_api
from syncd.cli.showing import Column, as_program, facts, json_option, listing
from syncd.domain.targeting import Clause
from syncd.errors import Rejected
from syncd.linkedin.templates import SortField, SortOrder
from syncd.operations.deletions import Deleted
from syncd.operations.templates import Saved, TemplateList, TemplateReport

_ACCOUNT_HELP: Final = "urn:li:sponsoredAccount:…; default: the only one of the configuration."


def _targets(one: TemplateReport) -> str:
    without = f" without {', '.join(one.exclude)}" if one.exclude else ""
    return " and ".join("/".join(clause) for clause in one.include) + without


_COLUMNS: Final = (
    Column("id", lambda one: one.id),
    Column("name", lambda one: one.name),
    Column("people", lambda one: one.members, number=True),
    Column("targets", _targets),
    Column("modified", lambda one: one.modified),
)


@click.group()
def templates() -> None:
    """Save targeting criteria under a name, for campaigns to use."""


@templates.command("list")
@click.option("--account", type=ACCOUNT, metavar="URN", help=_ACCOUNT_HELP)
@click.option(
    "--sort",
    type=click.Choice([one.value for one in SortField], case_sensitive=False),
    default=SortField.NAME.value,
    show_default=True,
    help="By what.",
)
@click.option("--descending", is_flag=True, help="The last first.")
@json_option
@pass_api
def list_(api: Api, *, account: str | None, sort: str, descending: bool, as_json: bool) -> None:
    """All templates of an ad account."""
    order = SortOrder.DESCENDING if descending else SortOrder.ASCENDING
    which = Which(account=account, sort=SortField(sort), order=order)
    found = api.ask("GET /templates", TemplateList, which)
    if as_json:
        as_program(found)
        return
    listing(found.templates, _COLUMNS, as_json=False, empty="there are no templates: `syncd templates create`")
    notices.show(found.notices)


@templates.command()
@click.argument("template")
@json_option
@pass_api
def show(api: Api, *, template: str, as_json: bool) -> None:
    """One template with all it targets."""
    found = api.ask("GET /templates/{template}", TemplateList, template=template)
    if as_json:
        as_program(found)
        return
    for one in found.templates:
        facts(one, _lines(one), as_json=False)
    notices.show(found.notices)


@templates.command()
@click.option("--name", required=True, help="At most 100 characters.")
@click.option("--description", default="", help="At most 500 characters.")
@click.option("--segment", metavar="KEY", help="A segment it targets.")
@click.option("--account", type=ACCOUNT, metavar="URN", help="Without --segment: " + _ACCOUNT_HELP)
@facet_options
@json_option
@pass_api
def create(
    api: Api,
    *,
    name: str,
    description: str,
    segment: str | None,
    account: str | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    as_json: bool,
) -> None:
    """Save a template: of a segment, of facets, or of both."""
    wanted = NewTemplate(
        name=name,
        description=description,
        segment=segment,
        account=account,
        include=narrowed(include),
        exclude=narrowed(exclude),
    )
    made = api.ask("POST /templates", Saved, wanted)
    _show_saved(made, f"template {made.id} is saved: `syncd templates show {made.id}`", as_json=as_json)


@templates.command()
@click.argument("template")
@click.option("--name", help="Another name, at most 100 characters.")
@click.option("--description", help="Another description, at most 500 characters.")
@click.option("--segment", metavar="KEY", help="A segment it targets from now on, with --include and --exclude.")
@facet_options
@json_option
@pass_api
def update(
    api: Api,
    *,
    template: str,
    name: str | None,
    description: str | None,
    segment: str | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    as_json: bool,
) -> None:
    """Change a template's name, its description, or all it targets."""
    change = TemplatePatch(
        name=name,
        description=description,
        segment=segment,
        include=narrowed(include),
        exclude=narrowed(exclude),
    )
    changed = api.ask("PATCH /templates/{template}", Saved, change, template=template)
    _show_saved(changed, f"template {template} is changed", as_json=as_json)


@templates.command()
@click.argument("template", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_api
def delete(api: Api, *, template: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Delete templates; several go in one call."""
    if not yes:
        if not sys.stdin.isatty():
            raise Rejected("deleting templates needs --yes")
        click.confirm(f"Delete {', '.join(template)}?", abort=True)
    done = api.ask("POST /templates/delete", Deleted, Unwanted(templates=list(template)))
    show_deleted("template", done, as_json=as_json)


def _show_saved(saved: Saved, words: str, *, as_json: bool) -> None:
    """What was saved, under the notices that targeting is edited with."""
    if as_json:
        as_program(saved)
        return
    click.echo(words)
    notices.show(saved.notices)


def _lines(one: TemplateReport) -> list[tuple[str, object]]:
    return [
        ("template", one.id),
        ("name", one.name),
        ("description", one.description or None),
        ("ad account", one.account),
        ("people, about", one.members),
        ("created", one.created),
        ("modified", one.modified),
        *(("include" if number == 0 else "and", _clause(clause)) for number, clause in enumerate(one.include)),
        *((("exclude", _clause(one.exclude)),) if one.exclude else ()),
    ]


def _clause(clause: Clause) -> str:
    return " or ".join(f"{name}: {', '.join(urns)}" for name, urns in clause.items())
