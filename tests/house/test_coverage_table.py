"""README's table of LinkedIn's operations names modules and commands that exist, and leaves none of them out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

from syncd.cli.commands import syncd

ROOT = Path(__file__).parents[2]
PLUMBING = {"answers", "batchdelete", "caller", "criteria", "guard", "pacing", "paging", "tokenfiles", "transport"}
PLUMBING |= {"resources", "wire", "words", "__init__"}
"""Modules that serve the others; the rest of them are resources, or sign-in."""


def rows() -> Iterator[list[str]]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text.partition("| operation | module | used by |")[2].partition("\n\n")[0]
    for line in table.splitlines()[2:]:
        yield [cell.strip() for cell in line.strip("|").split(" | ")]


def test_every_module_of_a_resource_is_in_the_table_and_no_other() -> None:
    named = {row[1].strip("`") for row in rows()}
    assert named == {file.stem for file in (ROOT / "syncd" / "linkedin").glob("*.py")} - PLUMBING


def test_every_command_of_the_table_exists() -> None:
    named = {name for row in rows() for name in re.findall(r"`syncd ([a-z -]+)`", row[2])}
    assert len(named) > 15
    for name in named:
        command: click.Command | None = syncd
        for word in name.split():
            assert isinstance(command, click.Group)
            command = command.commands.get(word)
        assert command is not None, name
