"""`syncd upload`: a CSV file becomes a segment."""

from __future__ import annotations

from pathlib import Path

import click

from syncd.cli.progress import progress
from syncd.cli.shell import Shell
from syncd.cli.showing import as_program, json_option
from syncd.operations import uploading
from syncd.operations.uploading import Order, UploadReport
from syncd.store.engine import Database


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--segment", required=True, metavar="KEY", help="The segment it fills; made if it is not there yet.")
@click.option("--name", help="Name of a new segment at LinkedIn; default: its key.")
@click.option("--account", metavar="URN", help="Ad account of a new segment; default: the configuration's only one.")
@click.option("--skip-rejects", is_flag=True, help="Upload the good rows although others cannot be sent.")
@json_option
@click.pass_obj
def upload(
    shell: Shell,
    *,
    file: Path,
    segment: str,
    name: str | None,
    account: str | None,
    skip_rejects: bool,
    as_json: bool,
) -> None:
    """Upload a list of 300 to 300,000 contacts or companies; it replaces the list a segment had before.

    Rows are counted, and those that are repeated count once towards the 300; two rows of one e-mail with different
    names are two.

    FILE is a CSV in UTF-8 with some columns of one of LinkedIn's templates: email, firstname, lastname, jobtitle,
    employeecompany, country, googleaid; or companyname, companywebsite, companyemaildomain, linkedincompanypageurl,
    stocksymbol, industry, city, state, companycountry, zipcode. E-mails may be plain or SHA-256; only hashes leave
    this machine.
    """
    order = Order(path=file, segment=segment, name=name, account=account, skip_rejects=skip_rejects)
    report = shell.ask(lambda database: _uploaded(shell, database, order))
    if as_json:
        as_program(report)
        return
    skipped = sum(report.skipped.values())
    left_out = f", {skipped:,} rows were left out" if skipped else ""
    repeated = f", {report.repeated:,} of them repeated" if report.repeated else ""
    made = "a new segment" if report.new else "the segment"
    click.echo(
        f"{report.rows:,} rows are uploaded{repeated}{left_out}; {made} {report.segment} (LinkedIn's {report.dmp_id}) "
        "is being matched, which takes up to 48 h: `syncd segments show " + report.segment + "`"
    )


async def _uploaded(shell: Shell, database: Database, order: Order) -> UploadReport:
    with progress("hashing", order.path.stat().st_size) as step:
        return await uploading.upload(database, shell.settings, order, step)
