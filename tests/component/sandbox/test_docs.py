"""docs/sandbox.md says what there is: no more and no less."""

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from syncd.sandbox import create_app
from syncd.sandbox.__main__ import build_parser
from syncd.sandbox.companies import companies
from syncd.sandbox.faults import AnyEffect, Fault, Resource
from syncd.sandbox.geography import countries
from syncd.sandbox.lifecycle import Status
from syncd.sandbox.population import population
from syncd.sandbox.routes import ROUTES

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "sandbox.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def rows(title: str) -> list[list[str]]:
    """The cells of a section's tables, heads left out."""
    lines = [line.strip("|").split("|") for line in section(title).splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line] for line in lines][1:]


def test_every_option_is_described_with_its_help_and_its_choices() -> None:
    expected = []
    for one in build_parser()._actions:
        if one.dest in {"help", "host", "port"}:
            continue
        flags = " / ".join(f"`{flag}`" for flag in one.option_strings)
        choices = f" ({', '.join(map(str, one.choices))})" if one.choices else ""
        expected.append([flags, f"`{one.dest}`", f"{one.help}{choices}"])
    assert rows("Options") == expected


def test_every_resource_is_listed_with_its_methods() -> None:
    listed = {cells[0]: cells[1] for cells in rows("What it answers")}
    assert listed == {f"`/rest/{path}`": ", ".join(methods) for path, methods in ROUTES.items()}


def test_every_route_of_the_control_api_is_listed() -> None:
    found = {
        (route.method, route.resource.canonical)
        for route in create_app().router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    control = {f"`{verb} {path}`" for verb, path in found if path.startswith("/_sandbox")}
    assert {cells[0] for cells in rows("The control API")} == control
    others = {(verb, path) for verb, path in found if not path.startswith(("/_sandbox", "/rest"))}
    assert all(f"`{path}`" in PAGE or f"`{verb} {path}`" in PAGE for verb, path in others)


def test_every_kind_of_fault_and_every_resource_it_can_strike_is_named() -> None:
    kinds = [f"`{effect.__struct_config__.tag}`" for effect in get_args(AnyEffect)]
    assert sorted(cells[0] for cells in rows("Faults")) == sorted(kinds)
    named = section("Faults").partition("resources are\n")[2].partition(".")[0]
    assert re.findall(r"`(\w+)`", named) == list(get_args(Resource))


@pytest.mark.parametrize("recipe", re.findall(r"^\{.*\}$", PAGE, re.MULTILINE))
def test_every_recipe_is_a_fault(recipe: str) -> None:
    msgspec.json.decode(recipe, type=Fault)


def test_every_violation_is_named() -> None:
    sources = (ROOT / "syncd" / "sandbox").glob("*.py")
    rules = {rule for file in sources for rule in re.findall(r'violate\([\w.]+, "(\w+)"', file.read_text())}
    told = section("The control API").partition("Violations:")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", told)) == rules


def test_every_option_that_settles_a_contradiction_exists() -> None:
    flags = {flag for one in build_parser()._actions for flag in one.option_strings}
    told = re.findall(r"`(--[\w-]+)`", section("Where the sources contradict each other"))
    assert len(told) >= 12
    assert set(told) <= flags


def test_every_status_has_its_row() -> None:
    told = [name for cells in rows("The clock") for name in cells[0].split(", ")]
    assert sorted(told) == sorted(Status)


def test_the_numbers_of_the_population_are_true() -> None:
    people = population(1)
    told = section("Who is there")
    assert f"{round(sum(people.weights) / 1_000_000)} million members in {len(countries())} countries" in told
    assert f"{len(people.profiles):,} profiles" in told
    assert f"The {len(companies())} companies" in told
