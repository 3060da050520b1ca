"""The table of `docs/faults.md` tells the truth: every row has a line, every scenario it names is played, for that row."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.faults.runner import chosen

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
ROWS = {f"{part}{number}" for part, last in (("P", 16), ("A", 21), ("D", 10)) for number in range(1, last + 1)}
BOOK = chosen(quick=False)


def lines() -> Iterator[tuple[list[str], str]]:
    table = TEXT.partition("| row | scenarios")[2].partition("\n\n")[0]
    for line in table.splitlines()[2:]:
        rows, cell = line.strip("|").split("|", 1)
        yield rows.replace(",", " ").split(), cell


def meant(cell: str) -> Iterator[tuple[str, set[str]]]:
    """What stands in backticks, with the scenarios whose names hold its words; `…` stands for any."""
    for said in re.findall(r"`([^`]+)`", cell):
        words = [word.strip() for word in said.split("…") if word.strip()]
        yield said, {one.name for one in BOOK if all(word in one.name for word in words)}


def test_every_row_has_one_line() -> None:
    named = [row for rows, _ in lines() for row in rows]
    assert sorted(named) == sorted(ROWS)


def test_every_scenario_that_is_named_is_played_for_its_row() -> None:
    other = re.compile(r"tests/|make |--|/|time\.time$|enqueue$")  # what else stands in backticks
    for rows, cell in lines():
        for said, found in meant(cell):
            if other.match(said):
                assert not said.startswith("tests/") or (ROOT / said).exists(), said
            else:
                assert found, f"{rows}: nothing is called {said}"


def test_every_scenario_of_a_row_stands_in_its_line() -> None:
    told = {row: {name for _, found in meant(cell) for name in found} for rows, cell in lines() for row in rows}
    for one in BOOK:
        for row in ROWS.intersection(one.rows):
            assert any(one.name in told[beside] for beside in ROWS.intersection(one.rows)), f"{row}: {one.name}"
