"""From values to HTML: one Jinja2 environment that escapes everything and knows no undefined name.

Numbers have their thousands apart, and a dash where there are none; times say how long ago, with the moment itself in
their title. What is long and only sometimes right (a wall of advice, an error of LinkedIn's) is text like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from syncd.admin.console import drawing

_HERE: Final = Path(__file__).parent
STATIC: Final = _HERE / "static"
NOTHING: Final = "–"
_STEPS: Final = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))


def environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {
        "number": number,
        "percent": percent,
        "span": span,
        "ago": ago,
        "moment": said,
        "tone": drawing.tone,
        "instant": instant,
        "coded": coded,
        "sentence": lambda words: words.partition(". ")[0].rstrip(".") + ".",
        "tidy": lambda word: str(word).replace("_", " "),
    }
    made.globals |= {"sparkline": drawing.sparkline, "bar": drawing.bar, "fingerprint": fingerprint}
    return made


def fingerprint(html: str) -> str:
    """Tells whether a fragment is what its reader has already."""
    return blake2b(html.encode(), digest_size=8).hexdigest()


def number(value: float | None, digits: int = 0) -> str:
    return NOTHING if value is None else f"{value:,.{digits}f}"


def percent(share: float | None) -> str:
    return NOTHING if share is None else f"{share:.0%}"


def span(seconds: float) -> str:
    """A duration in its largest unit: `3 min`, `2 h`, `5 d`."""
    for size, unit in _STEPS:
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def coded(words: str) -> Markup:
    """Words with commands between backticks, as advice writes them."""
    parts = words.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(one) if number % 2 else one for number, one in enumerate(parts)
    )


def instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def said(when: datetime | None) -> str:
    return NOTHING if when is None else when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


@pass_context
def ago(context: Context, when: datetime | None) -> Markup:
    """How long ago or ahead, as an element that holds the moment itself."""
    if when is None:
        return Markup('<span class="pale">{}</span>').format(NOTHING)
    now: datetime = context["now"]
    seconds = (now - when).total_seconds()
    words = "just now" if abs(seconds) < 60 else f"{span(seconds)} ago" if seconds > 0 else f"in {span(-seconds)}"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        when.isoformat(timespec="seconds"), said(when), words
    )


def render(made: Environment, name: str, context: Mapping[str, Any]) -> str:
    return made.get_template(name).render(context)
