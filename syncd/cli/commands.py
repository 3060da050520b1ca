"""All commands of `syncd`, in the order `--help` shows them."""

from __future__ import annotations

from pathlib import Path

import click

from syncd import __version__
from syncd.cli import (
    accounts,
    auditing,
    batches,
    changes,
    checking,
    entities,
    erasing,
    facets,
    feeding,
    forecast,
    importing,
    insights,
    letters,
    members,
    remote,
    resyncs,
    running,
    segments,
    templates,
    upload,
    users,
)
from syncd.cli.demo import command as demo
from syncd.cli.shell import Commands, Shell


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="The YAML file with the settings; default: SYNCD_CONFIG, else config/syncd.yaml.",
)
@click.version_option(__version__, message="syncd %(version)s")
@click.pass_context
def syncd(context: click.Context, config: Path | None) -> None:
    """Keeps LinkedIn audiences equal to what a company's CRM says.

    Exit codes: 0 done, 1 failed, 2 bad input, 78 bad configuration.
    """
    context.obj = Shell(config)


for _command in (
    running.run,
    demo.demo,
    running.sandbox,
    running.migrate,
    checking.check,
    segments.segments,
    members.members,
    accounts.accounts,
    members.epoch,
    feeding.enqueue,
    importing.import_,
    changes.changes,
    resyncs.resync,
    resyncs.resyncs,
    batches.batches,
    letters.letters,
    erasing.erase,
    erasing.erasures,
    erasing.opt_outs,
    upload.upload,
    facets.facets,
    entities.entities,
    insights.insights,
    forecast.forecast,
    templates.templates,
    remote.ad_segments,
    users.users,
    users.tokens,
    auditing.audit,
):
    syncd.add_command(_command)
