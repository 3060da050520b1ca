"""The benchmarks run, and find that syncd was right; how fast it was is not judged here."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.drains import steady
from tests.benchmarks.figures import QUICK, Figure, merged, table
from tests.benchmarks.picture import picture
from tests.benchmarks.suite import BENCHMARKS, at_once, machine
from tests.benchmarks.transform import transform


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_benchmark_runs_and_finds_the_results_right() -> None:
    figures = at_once()
    assert {figure.measure for figure in figures} == {name for names in BENCHMARKS for name in names}
    assert all(value >= 0 for figure in figures for value in figure.values)
    assert picture(figures).count("<g ") == sum(1 for figure in figures if figure.series)


async def test_people_go_from_payload_to_wire(tmp_path: Path) -> None:
    (figure,) = await transform(tmp_path, QUICK)
    assert figure.measure == "B3"
    assert figure.median > 0


def test_runs_of_one_benchmark_become_one_line_with_median_and_spread() -> None:
    runs = [[Figure(measure="B9", what="rate", unit="/s", values=[value], target=11_000)] for value in (9_000, 12_000)]
    (figure,) = merged(runs)
    assert (figure.median, figure.spread, figure.met) == (10_500, 3_000, False)
    assert table([figure]).endswith("| B9 | rate | 10,500 /s | 3,000 | 2 | ≥ 11,000 | missed |")


def test_the_steady_rate_leaves_the_ramp_and_the_end_out() -> None:
    series = [(0.0, 0), (1.0, 10), *((float(second), second * 100) for second in range(4, 100)), (200.0, 10_000)]
    assert steady(series) == pytest.approx(100)


def test_what_was_measured_on_is_recorded() -> None:
    assert machine()["postgresql"]
    assert machine()["cores"]
