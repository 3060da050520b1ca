"""The benchmarks run, and find that syncd was right; how fast it was is not judged here."""

from __future__ import annotations

import pytest

from tests.benchmarks.figures import table
from tests.benchmarks.picture import picture
from tests.benchmarks.suite import BENCHMARKS, at_once, machine


@pytest.mark.timeout(600)
def test_every_benchmark_runs_and_finds_the_results_right() -> None:
    figures = at_once()
    assert {figure.measure for figure in figures} == {name for names in BENCHMARKS for name in names}
    assert all(value >= 0 for figure in figures for value in figure.values)
    assert table(figures).count("\n") == len(figures) + 1
    assert picture(figures).count("<g ") == sum(1 for figure in figures if figure.series)
    assert machine()["postgresql"]
