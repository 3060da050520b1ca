"""`python -m syncd.cli.reference` writes `docs/cli.md` from the commands themselves; a test holds the two together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from syncd.cli.commands import syncd

FILE: Final = Path(__file__).parents[2] / "docs" / "cli.md"
_WIDTH: Final = 100
_OPENING: Final = """\
# The command line

Written by `python -m syncd.cli.reference`; do not edit. Tables on a terminal, plain aligned text in a pipe, `--json`
for programs. Exit codes: 0 done, 1 failed, 2 bad input, 78 bad configuration; an error is one line on stderr.
"""


def reference() -> str:
    """The whole page."""
    return "\n".join([_OPENING, *_sections(syncd, None, "syncd")])


def _sections(command: click.Command, parent: click.Context | None, name: str) -> Iterator[str]:
    """One section a command, groups before what they hold."""
    settings = {**command.context_settings, "terminal_width": _WIDTH, "max_content_width": _WIDTH}
    context = click.Context(command, info_name=name, parent=parent, **settings)
    yield f"## `{context.command_path}`\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for key in command.list_commands(context):
            inner = command.get_command(context, key)
            if inner is not None:
                yield from _sections(inner, context, key)


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(reference(), encoding="utf-8")
