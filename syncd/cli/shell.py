"""What every command shares: settings read when they are needed, one event loop, and errors in one line.

A command never sees an exception of ours: the outermost group turns it into `syncd: …` on stderr and an exit code.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from click.exceptions import NoArgsIsHelpError

from syncd.cli.showing import said
from syncd.errors import SyncdError
from syncd.operations.opening import opened
from syncd.settings import Settings, load
from syncd.store.engine import Database

T = TypeVar("T")

_INTERRUPTED: Final = 130


class Shell:
    """Where a command finds the settings and the database; `click.pass_obj` hands it over."""

    def __init__(self, config: Path | None) -> None:
        self.config: Final = config

    @cached_property
    def settings(self) -> Settings:
        return load(config=self.config)

    @property
    def database_url(self) -> str:
        return self.settings.database_url.get_secret_value()

    def ask(self, work: Callable[[Database], Awaitable[T]]) -> T:
        """Runs one operation over the database, whose schema has been looked at first."""

        async def whole() -> T:
            async with opened(self.database_url) as database:
                return await work(database)

        return asyncio.run(whole())


class Commands(click.Group):
    """The outermost group: every error ends as one line and an exit code."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Like click's, except for how errors look; embedded (`standalone_mode=False`) it is click's."""
        extra["windows_expand_args"] = windows_expand_args
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode, **extra)
        try:
            code = super().main(args, prog_name, complete_var, False, **extra)
        except NoArgsIsHelpError as help_wanted:
            help_wanted.show()
            code = help_wanted.exit_code
        except click.Abort:
            code = told("interrupted", _INTERRUPTED)
        except click.ClickException as error:
            code = told(error.format_message(), error.exit_code)
        except SyncdError as error:
            code = told(str(error), error.exit_code)
        except BrokenPipeError:
            sys.stderr.close()  # nobody listens: Python shall not complain about that when it flushes
            code = 1
        sys.exit(code if isinstance(code, int) else 0)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """In the order in which one needs them, not by the alphabet."""
        return list(self.commands)


def told(words: str, code: int) -> int:
    """One line on stderr; the code it ends with."""
    click.echo(f"syncd: {said(words)}", err=True)
    return code
