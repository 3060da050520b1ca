"""Options that several commands of planning share: whom else to target, whom not, and where the picture goes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from syncd.operations import targets

F = TypeVar("F", bound=Callable[..., Any])


def facet_options(command: F) -> F:
    """`--include` and `--exclude`."""
    include = click.option(
        "--include",
        multiple=True,
        metavar="FACET=URN[,URN…]",
        help="Only people with one of these; repeated for further facets, all of which must hold.",
    )
    exclude = click.option("--exclude", multiple=True, metavar="FACET=URN[,URN…]", help="Nobody with one of these.")
    return include(exclude(command))


def narrowed(pairs: tuple[str, ...]) -> dict[str, list[str]]:
    """`FACET=URN[,URN…]` as the API takes it; a facet that is repeated holds all it was given. Raises Rejected."""
    found: dict[str, list[str]] = {}
    for name, urns in targets.facets(pairs):
        found.setdefault(name, []).extend(urns)
    return found


def svg_option(command: F) -> F:
    """`--svg FILE`."""
    return click.option(
        "--svg",
        type=click.Path(dir_okay=False, writable=True, path_type=Path),
        callback=_placed,
        help="Draw the chart into this file.",
    )(command)


def _placed(context: click.Context, option: click.Parameter, file: Path | None) -> Path | None:
    """Looks at the folder before LinkedIn is asked: calls are not spent on a picture that has no place."""
    if file is not None and not (file.parent.is_dir() and os.access(file.parent, os.W_OK)):
        raise click.BadParameter(f"{file.parent} is no folder that can be written to", context, option)
    return file
