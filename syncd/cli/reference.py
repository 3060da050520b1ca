"""`python -m syncd.cli.reference` writes `docs/cli.md` from the commands themselves; a test holds the two together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from syncd.cli.commands import syncd
from syncd.cli.shell import asks_api

FILE: Final = Path(__file__).parents[2] / "docs" / "cli.md"
_WIDTH: Final = 100
_OPENING: Final = """\
# The command line

Written by `python -m syncd.cli.reference`; do not edit. Tables on a terminal, plain aligned text in a pipe, `--json`
for programs. Exit codes: 0 done, 1 failed, 2 bad input, 78 bad configuration; an error is one line on stderr.

## Whom commands ask

```sh
export SYNCD_URL=https://syncd.example.com     # where the console is; a path before it is kept
export SYNCD_TOKEN_FILE=~/.syncd-token         # or SYNCD_TOKEN; `syncd tokens add` or an admin makes one
syncd segments list
```

With `SYNCD_URL` the commands of the first list ask that server's [API](api.md), with what the token's role and ad accounts
allow; they print the same and end with the same exit code. No settings are read then. Without it they work on the database
of this machine's [configuration](configuration.md), and may do everything. An empty `SYNCD_URL` is none.

The URL begins with `https://`, or with `http://` where it is this machine. The certificate is verified (`SSL_CERT_FILE` names
a file with other authorities), no redirect is followed, and the token goes into one header and nowhere else. What starts work
carries an Idempotency-Key: when an answer gets lost the request is sent once more, and not done twice. A server that says
nothing for five minutes is given up with exit code 1.

Ask the API: %(asking)s.

Work on this machine only, and say so where `SYNCD_URL` is set: %(at_home)s. `enqueue` and `import` write rows that nobody
has judged yet; `changes post` is for those who have a token.
"""


def reference() -> str:
    """The whole page."""
    asking, at_home = _listed(syncd, asks=True), _listed(syncd, asks=False)
    opening = _OPENING % {"asking": ", ".join(asking), "at_home": ", ".join(at_home)}
    return "\n".join([opening, *_sections(syncd, None, "syncd")])


def _listed(group: click.Group, *, asks: bool) -> list[str]:
    """Commands of which all ask the API, or none does; a group that has both is told apart."""
    found: list[str] = []
    for name, command in group.commands.items():
        if not isinstance(command, click.Group):
            found += [f"`{name}`"] if asks_api(command) is asks else []
            continue
        inner = [each for each, one in command.commands.items() if asks_api(one) is asks]
        if inner:
            found.append(f"`{name}`" if len(inner) == len(command.commands) else f"`{name} {'|'.join(inner)}`")
    return found


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
