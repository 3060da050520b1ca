"""`python -m syncd.settings.reference` writes `docs/configuration.md` from the models; a test holds the two together."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Final

from syncd.settings.catalogue import Described, describe
from syncd.settings.reading import CONFIG, DEFAULT_FILE

FILE: Final = Path(__file__).parents[2] / "docs" / "configuration.md"
_OPENING: Final = f"""\
# Configuration

Written by `python -m syncd.settings.reference`; do not edit. Settings come from a YAML file, which `{CONFIG}` or
`syncd --config` names (default: `{DEFAULT_FILE}`; [a copy that explains itself](../config/syncd.yaml)), and from
`SYNCD_*` variables, which stand over it: `SYNCD_LIMITS__USERS_PER_MINUTE=400` sets `limits.users_per_minute`. `${{NAME}}` in
a value of the file is that variable's value, `$${{NAME}}` stays `${{NAME}}`. They are read at start and then frozen: a change
needs a restart, except what the files of tokens hold. An unknown setting or a bad value ends the start with exit code 78
and one line that names every problem and shows no secret. The chart's `config` takes the same names
([helm/README.md](../helm/README.md)).
"""
_HEAD: Final = "| setting | variable | type | default | meaning |\n| --- | --- | --- | --- | --- |"
_LIST: Final = "A list: its variable takes it whole, as JSON; what has no variable is a key of each entry.\n\n"


def reference() -> str:
    """The whole page."""
    return "\n".join([_OPENING, *_sections()])


def _sections() -> Iterator[str]:
    """One table a group; a list stands with what its entries hold."""
    settings = describe()
    lists = {setting.name.partition("[]")[0] for setting in settings if "[]" in setting.name}

    def group(setting: Described) -> str:
        return setting.name if setting.name in lists else setting.name.rpartition(".")[0].removesuffix("[]")

    for name, members in groupby(settings, group):
        title = f"## `{name}`" if name else "## Outside any group"
        rows = "\n".join(map(_row, members))
        yield f"{title}\n\n{_LIST if name in lists else ''}{_HEAD}\n{rows}\n"


def _row(setting: Described) -> str:
    cells = (
        f"`{setting.name}`",
        f"`{setting.env}`" if setting.env else "–",
        setting.type.replace("|", "\\|"),
        f"`{setting.default}`" if setting.default is not None else "–",
        setting.comment.replace("|", "\\|").replace("<", "&lt;"),
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(reference(), encoding="utf-8")
