"""Whose sight ends at some ad accounts: every statement that lists rows for a caller passes here.

Whoever asks for a list says for whom, `None` being everybody's: there is no default that could be forgotten.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, true

Scope: TypeAlias = Collection[str] | None
"""The ad accounts somebody may see; None for all."""


def seen(account: ColumnElement[Any], scope: Scope) -> ColumnElement[bool]:
    """Whether what is of an ad account may be seen."""
    return true() if scope is None else account.in_(scope)
