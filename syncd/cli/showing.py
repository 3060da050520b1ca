"""Reports on paper: a table on a terminal, aligned text in a pipe, JSON for programs. All three say the same."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, TypeVar

import click
import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

NOTHING: Final = "–"


def json_option(command: F) -> F:
    """`--json`: the report as a program wants it."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")(command)


@dataclass(frozen=True, slots=True)
class Column:
    """A column's head, how a value is found in a report, and whether it is a number. A `whole` one is never folded."""

    head: str
    value: Callable[[Any], object]
    number: bool = False
    whole: bool = False


def listing(reports: Sequence[Any], columns: Sequence[Column], *, as_json: bool, empty: str) -> None:
    """A table of reports; `empty` is what is said where there are none."""
    if as_json:
        as_program(reports)
        return
    if not reports:
        click.echo(empty)
        return
    rows = [[said(column.value(report)) for column in columns] for report in reports]
    if sys.stdout.isatty():
        Console(highlight=False).print(_table(rows, columns))
    else:
        click.echo("\n".join(_aligned(rows, columns)))


def facts(report: Any, lines: Iterable[tuple[str, object]], *, as_json: bool) -> None:
    """One report, a fact a line; facts that are None are left out."""
    if as_json:
        as_program(report)
        return
    told = [(name, said(value)) for name, value in lines if value is not None]
    width = max((len(name) for name, _ in told), default=0)
    for name, value in told:
        click.echo(f"{name:<{width}}  {value}")


def as_program(report: Any) -> None:
    """JSON, indented; times in ISO 8601, UTC."""
    click.echo(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())


def said(value: object) -> str:
    """A value as people read it, on one line and without control characters."""
    match value:
        case None | "":
            return NOTHING
        case bool(flag):
            return "yes" if flag else "no"
        case int(number):
            return f"{number:,}"
        case float(number):
            return f"{number:,.1f}"
        case datetime() as moment:
            return moment.strftime("%Y-%m-%d %H:%M:%S UTC")
        case other:
            text = " ".join(str(other).split())
            return "".join(letter if letter.isprintable() else "�" for letter in text)


def _table(rows: Sequence[Sequence[str]], columns: Sequence[Column]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        side: Literal["left", "right"] = "right" if column.number else "left"
        table.add_column(column.head, justify=side, overflow="fold", no_wrap=column.whole)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _aligned(rows: Sequence[Sequence[str]], columns: Sequence[Column]) -> Iterable[str]:
    heads = [column.head for column in columns]
    widths = [max(len(cell) for cell in cells) for cells in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        cells = (
            cell.rjust(width) if column.number else cell.ljust(width)
            for cell, width, column in zip(row, widths, columns, strict=True)
        )
        yield "  ".join(cells).rstrip()
