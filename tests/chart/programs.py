"""Programs and packages that tests need and the usual installation does not bring: skipped without them, failed in CI."""

from __future__ import annotations

import shutil
from importlib.util import find_spec

from tests.chart.tools import missing

_FROM: dict[str, str] = dict.fromkeys(("prometheus", "promtool"), "apt-get install --no-install-recommends prometheus")


def program(name: str) -> str:
    """The path of a program."""
    return shutil.which(name) or missing(f"{name} is missing: {_FROM[name]}")


def package(name: str) -> None:
    """Goes on only if it is installed."""
    if find_spec(name) is None:
        missing(f"{name} is missing: make .venv/.deploy")
