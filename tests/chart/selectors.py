"""Reading PromQL just far enough: which metrics and selectors an expression names.

No parser, and none is needed: an expression is ours, and a real Prometheus parses it in another test.
"""

from __future__ import annotations

import re
from typing import Final

from syncd.observe import catalogue
from syncd.observe.series import Histogram

_STRINGS: Final = re.compile(r'"[^"]*"')
_METRIC: Final = re.compile(r"\b(?:syncd[_:]|process_)[a-zA-Z0-9_:]*")
_SELECTOR: Final = re.compile(r'\b((?:syncd[_:]|process_)[a-zA-Z0-9_:]*)(\{(?:[^}"]|"[^"]*")*\})?')

EXPORTED: Final = frozenset(
    name
    for one in (*catalogue.ALL, *catalogue.PROCESS)
    for name in (
        (f"{one.name}_bucket", f"{one.name}_count", f"{one.name}_sum") if isinstance(one, Histogram) else (one.name,)
    )
)
"""Series names as a scrape has them."""


def metrics(expr: str) -> set[str]:
    """The names of an expression's metrics."""
    return set(_METRIC.findall(_STRINGS.sub('""', expr)))


def selectors(expr: str) -> set[str]:
    """Its selectors with their matchers, without ranges, functions and comparisons."""
    return {f"{name}{matchers or ''}" for name, matchers in _SELECTOR.findall(expr)}


def definition(name: str) -> str:
    """The documented metric that a series belongs to."""
    for suffix in ("_bucket", "_count", "_sum"):
        if (bare := name.removesuffix(suffix)) != name and bare in {one.name for one in catalogue.ALL}:
            return bare
    return name
