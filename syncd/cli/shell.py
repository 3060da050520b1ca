"""What every command shares: whom it asks, settings read when they are needed, one event loop, and errors in one line.

A command never sees an exception of ours: the outermost group turns it into `syncd: …` on stderr and an exit code.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import cached_property, update_wrapper
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from click.exceptions import NoArgsIsHelpError

from syncd.cli.address import address
from syncd.cli.api import Api
from syncd.cli.asking import Face
from syncd.cli.client import client
from syncd.cli.direct import direct
from syncd.cli.showing import said
from syncd.errors import Rejected, SyncdError
from syncd.operations.opening import opened
from syncd.settings import Settings, load
from syncd.settings.reading import URL
from syncd.store.engine import Database

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

_INTERRUPTED: Final = 130


class Shell:
    """Where a command finds the settings and the database; `click.pass_obj` hands it over. Commands that ask what the API
    offers take an `Api` instead, by `pass_api`.
    """

    def __init__(self, config: Path | None) -> None:
        self.config: Final = config

    @cached_property
    def settings(self) -> Settings:
        self.at_home()
        return load(config=self.config)

    @property
    def database_url(self) -> str:
        return self.settings.database_url.get_secret_value()

    def at_home(self) -> None:
        """Refuses a command that works on this machine while the environment means a server."""
        if address() is not None:
            command = click.get_current_context().command_path
            raise Rejected(f"`{command}` works on this machine, not on an API: unset {URL} for it")

    def face(self) -> AbstractAsyncContextManager[Face]:
        """Who answers what the API offers: the server that the environment names, else this machine's database."""
        server = address()
        return client(server) if server is not None else direct(self.settings)

    def ask(self, work: Callable[[Database], Awaitable[T]]) -> T:
        """Runs one operation over the database, whose schema has been looked at first."""

        async def whole() -> T:
            async with opened(self.database_url) as database:
                return await work(database)

        return asyncio.run(whole())


def pass_api(command: F) -> F:
    """Hands an `Api` to a command. Whether a command has one is what the reference says of it."""

    def handed(*arguments: Any, **options: Any) -> Any:
        context = click.get_current_context()
        return context.invoke(command, context.with_resource(Api(context.obj.face)), *arguments, **options)

    handed.asks_api = True  # type: ignore[attr-defined]  # read by `asks_api`
    return update_wrapper(handed, command)  # type: ignore[return-value]  # it takes one argument less


def asks_api(command: click.Command) -> bool:
    """Whether a command asks what the API offers."""
    return getattr(command.callback, "asks_api", False)


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
