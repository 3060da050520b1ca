"""The commands that run something: the daemon, the migrations, the sandbox."""

from __future__ import annotations

import asyncio
import resource
import sys

import click

from syncd.cli.shell import Shell
from syncd.errors import SyncdError
from syncd.operations.opening import upgrade
from syncd.store.migrate import NEEDED


@click.command()
@click.pass_obj
def run(shell: Shell) -> None:
    """Run the daemon until SIGTERM or SIGINT; it drains before it ends."""
    from syncd import service  # noqa: PLC0415 - only here is the whole of syncd needed

    settings = shell.settings
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold tokens and addresses
    try:
        asyncio.run(service.run(settings))
    except BaseExceptionGroup as group:
        ours = group.subgroup(SyncdError)
        if ours is None:
            raise
        raise _first(ours) from None


def _first(group: BaseExceptionGroup[SyncdError]) -> SyncdError:
    """What ended the daemon first; what else fell with it is in the log."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


@click.command()
@click.pass_obj
def migrate(shell: Shell) -> None:
    """Bring the database's schema up to date; safe to repeat."""
    before, after = asyncio.run(upgrade(shell.database_url))
    if after > NEEDED:
        click.echo(f"the schema is version {after}, of a later syncd, and works for this one, which needs {NEEDED}")
    elif before == after:
        click.echo(f"the schema is up to date: version {after}")
    else:
        click.echo(f"the schema went from version {before} to {after}")


@click.command(
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "allow_interspersed_args": False},
)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def sandbox(shell: Shell, options: tuple[str, ...]) -> None:
    """Run our own LinkedIn, to try things on; it needs no configuration.

    Options are those of the sandbox: --port, --clock 3600x, --latency, --users-per-minute … (`syncd sandbox --help`).
    """
    from syncd.sandbox.__main__ import main  # noqa: PLC0415 - nothing else needs it

    shell.at_home()
    sys.argv[1:] = options
    main()
