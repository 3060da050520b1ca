"""What arguments may be, said before anybody is asked."""

from __future__ import annotations

import re
from typing import Any, Final

import click

from syncd.errors import Rejected

DATABASE_ID: Final = click.IntRange(1, 10**18 - 1)
_ACCOUNT: Final = re.compile(r"urn:li:sponsoredAccount:[0-9]{1,18}")


class _Account(click.ParamType[str]):
    name = "urn"

    def convert(self, value: Any, _option: click.Parameter | None, _context: click.Context | None) -> str:
        text = str(value)
        if not _ACCOUNT.fullmatch(text):
            raise Rejected(f"{text!r} is no ad account: it is written urn:li:sponsoredAccount:123456")
        return text


ACCOUNT: Final = _Account()
"""The URN of an ad account."""
