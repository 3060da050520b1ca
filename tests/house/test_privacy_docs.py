"""`docs/privacy.md` and `docs/alerts.md` name everything that is kept, and everything that is told."""

from __future__ import annotations

import re
from pathlib import Path

from syncd.domain.alerts import Kind
from syncd.settings import Retention
from syncd.store.places import PERSONAL
from syncd.store.schema import metadata

DOCS = Path(__file__).parents[2] / "docs"
PRIVACY = (DOCS / "privacy.md").read_text(encoding="utf-8")
ALERTS = (DOCS / "alerts.md").read_text(encoding="utf-8")


def rows(text: str) -> list[list[str]]:
    """The cells of every table's rows, without the heads."""
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")
    ]
    return [row for row in cells if re.fullmatch(r"`\w+`", row[0])]


def test_every_table_of_the_schema_is_documented_and_no_other() -> None:
    documented = sorted(row[0].strip("`") for row in rows(PRIVACY))
    assert documented == sorted(table.name for table in metadata.sorted_tables)


def test_a_table_that_holds_persons_says_what() -> None:
    empty = {row[0].strip("`") for row in rows(PRIVACY) if row[2] == "–"}
    assert empty & {place.partition(".")[0] for place in PERSONAL} == set()


def test_every_retention_stands_beside_its_table_with_its_default() -> None:
    for name, field in Retention.model_fields.items():
        assert re.search(rf"\b{field.default:,} days[^|]*\(`retention\.{name}`\)", PRIVACY), name


def test_every_kind_of_alert_is_documented_and_no_other() -> None:
    assert sorted(row[0].strip("`") for row in rows(ALERTS)) == sorted(Kind)
