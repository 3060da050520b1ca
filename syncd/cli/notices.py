"""LinkedIn's notices under a table: the words, and where the link of their last two leads."""

from __future__ import annotations

from collections.abc import Iterable

import click

from syncd.domain.notices import Notice


def show(notices: Iterable[Notice]) -> None:
    """Each on a line of its own, below what it is about, where a reader's eye rests last."""
    click.echo()
    for notice in notices:
        click.echo(f"{notice.text}: {notice.url}")
