"""What is wrong with JSON, in words that quote nothing of it: a field's name or a value may be somebody's address."""

from __future__ import annotations

import re
from typing import Final

import msgspec

_QUOTES: Final = (
    (re.compile(r"unknown field `.*?`(?= - at|$)", re.DOTALL), "a field that is not known here"),
    (re.compile(r"Invalid enum value .*?(?= - at|$)", re.DOTALL), "None of the values allowed"),
    (re.compile(r"Invalid value .*?(?= - at|$)", re.DOTALL), "None of the values allowed"),
)


def said(problem: msgspec.ValidationError) -> str:
    """Msgspec's sentence without what it quotes."""
    words = str(problem)
    for pattern, instead in _QUOTES:
        words = pattern.sub(instead, words)
    return words
