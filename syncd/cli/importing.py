"""`syncd import`: a file of people or companies becomes outbox rows, all of it or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from syncd.cli.progress import progress
from syncd.cli.shell import Shell
from syncd.cli.showing import as_program, json_option
from syncd.domain.change import Action
from syncd.errors import Rejected
from syncd.operations import importing
from syncd.operations.importing import Order, Survey
from syncd.store.engine import Database

_SHOWN: Final = 20


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--segment", required=True, metavar="KEY", help="The segment they join or leave.")
@click.option(
    "--action",
    type=click.Choice(["ADD", "REMOVE"], case_sensitive=False),
    default="ADD",
    show_default=True,
    help="Join or leave.",
)
@click.option("--subject-column", metavar="NAME", help="The column with the CRM's id of each person or company.")
@click.option("--map", "mapping", multiple=True, metavar="COLUMN=FIELD", help="What a column holds; may be repeated.")
@click.option(
    "--delimiter", default=",", show_default=True, metavar="CHARACTER", help="Between columns; 'tab' for a tab."
)
@click.option("--skip-rejects", is_flag=True, help="Import the good lines although others cannot be sent.")
@json_option
@click.pass_obj
def import_(
    shell: Shell,
    *,
    file: Path,
    segment: str,
    action: str,
    subject_column: str | None,
    mapping: tuple[str, ...],
    delimiter: str,
    skip_rejects: bool,
    as_json: bool,
) -> None:
    """Put all lines of a CSV or NDJSON file into the outbox, in one transaction.

    Every line is checked first. If some cannot be sent, nothing is imported, unless --skip-rejects says so.
    A CSV file needs a header (email, first name, … or name, website, …) and is in UTF-8.
    """
    order = Order(
        path=file,
        segment=segment,
        action=Action(action),
        subject_column=subject_column,
        mapping=dict(_pair(text) for text in mapping),
        delimiter=_delimiter(delimiter),
    )
    survey, written = shell.ask(lambda database: _imported(database, shell, order, skip_rejects=skip_rejects))
    if as_json:
        as_program({"imported": written, "skipped": survey.rejected, "reasons": dict(survey.reasons)})
        return
    if survey.ignored_columns:
        click.echo(f"columns that are not used: {', '.join(survey.ignored_columns)}")
    skipped = f", {survey.rejected:,} lines were skipped" if survey.rejected else ""
    click.echo(f"{written:,} rows are in the outbox{skipped}")


async def _imported(database: Database, shell: Shell, order: Order, *, skip_rejects: bool) -> tuple[Survey, int]:
    size = order.path.stat().st_size
    with order.path.open("rb") as file:
        importer = await importing.importer(database, shell.settings, order, file)
        with progress("checking", size) as step:
            survey = importer.survey(step)
        if survey.rejected:
            _list_rejects(survey)
            if not skip_rejects:
                raise Rejected(
                    f"nothing was imported: {survey.rejected:,} of {survey.rejected + survey.rows:,} lines cannot be sent "
                    "(--skip-rejects imports the others)"
                )
        with progress("importing", size) as step:
            return survey, await importer.write(database, survey, step)


def _list_rejects(survey: Survey) -> None:
    for reject in survey.rejects[:_SHOWN]:
        click.echo(f"line {reject.line}: {reject.reason}: {reject.detail}", err=True)
    if survey.rejected > _SHOWN:
        counted = ", ".join(f"{reason} {count:,}" for reason, count in survey.reasons.most_common())
        click.echo(f"… and {survey.rejected - _SHOWN:,} more; in all: {counted}", err=True)


def _pair(text: str) -> tuple[str, str]:
    column, sign, name = text.partition("=")
    if not sign or not column or not name:
        raise Rejected("--map takes COLUMN=FIELD, like --map Mail=email")
    return column, name


def _delimiter(text: str) -> str:
    sign = "\t" if text in {"tab", "\\t"} else text
    if len(sign) != 1 or sign in '"\r\n':
        raise Rejected("--delimiter takes one character, or tab")
    return sign
