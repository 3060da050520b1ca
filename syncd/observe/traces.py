"""Exceptions as data: where it broke and how it is called, and nothing of what the variables held."""

from __future__ import annotations

import sys
from pathlib import Path
from traceback import walk_tb
from types import TracebackType
from typing import Final

from syncd.observe.redact import shown

MOST_FRAMES: Final = 50
MOST_ERRORS: Final = 20
LONGEST_MESSAGE: Final = 500

_HOME: Final = f"{Path(__file__).parents[2]}/"
_PYTHON: Final = f"/python{sys.version_info.major}.{sys.version_info.minor}/"

Trace = dict[str, object]


def traces(error: BaseException) -> list[Trace]:
    """The error, what caused it and what it groups; a flat list, the error first.

    Of a message only the first line is kept: databases put the row they refused into the others.
    """
    found: list[Trace] = []
    seen: set[int] = set()
    waiting: list[tuple[BaseException, str]] = [(error, "raised")]
    while waiting and len(found) < MOST_ERRORS:
        one, how = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        found.append(
            {"type": _name(type(one)), "message": _message(one), "how": how, "frames": _frames(one.__traceback__)}
        )
        if one.__cause__ is not None:
            waiting.append((one.__cause__, "cause"))
        elif one.__context__ is not None and not one.__suppress_context__:
            waiting.append((one.__context__, "context"))
        if isinstance(one, BaseExceptionGroup):
            waiting.extend((member, "member") for member in one.exceptions)
    return found


def _message(error: BaseException) -> str:
    lines = shown(error).splitlines()
    return lines[0][:LONGEST_MESSAGE] if lines else ""


def _frames(trace: TracebackType | None) -> list[Trace]:
    frames: list[Trace] = [
        {"file": _place(frame.f_code.co_filename), "line": line, "function": frame.f_code.co_qualname}
        for frame, line in walk_tb(trace)
    ]
    return frames[-MOST_FRAMES:]


def _place(file: str) -> str:
    """A file's path without what only this machine knows."""
    for mark in ("/site-packages/", _PYTHON, _HOME):
        if mark in file:
            return file.rpartition(mark)[2]
    return file


def _name(kind: type[BaseException]) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
