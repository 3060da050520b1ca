"""The index of the contract is true."""

import re
from pathlib import Path

import pytest

from tests.component.sandbox.driver import Sandbox
from tests.contract.reading import retyped
from tests.contract.rows import CLIENT, ROWS

ROOT = Path(__file__).parents[2]


def test_every_test_that_the_index_names_exists() -> None:
    named = {test for row in ROWS for test in row.tests}
    missing = []
    for test in sorted(named):
        file, _, function = test.partition("::")
        if not re.search(rf"^(async )?def {function}\(", (ROOT / file).read_text(), re.MULTILINE):
            missing.append(test)
    assert missing == []


def test_every_error_of_the_tables_is_answered_by_the_sandbox_and_understood_by_the_client() -> None:
    indexed = {(row.reference, row.row): row.tests for row in ROWS}
    for error in retyped("errors"):
        told = error["code"] or error["message"]
        tests = indexed[error["reference"], f"{error['status']} {told.partition(' field')[0]}"]
        assert {test.startswith(CLIENT) for test in tests} == {False, True}, tests


def test_no_row_stands_twice() -> None:
    told = [(row.reference, row.row) for row in ROWS]
    assert len(set(told)) == len(told)


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/adTargetingFacets"),
        ("GET", "/adTargetingEntities?q=typeahead&query=x&facet=urn:li:adTargetingFacet:locations"),
        ("POST", "/targetingAudienceInsights?action=audienceInsights"),
    ],
)
async def test_every_operation_of_001_needs_a_token(sandbox: Sandbox, verb: str, path: str) -> None:
    response = await sandbox.call(verb, path, headers=sandbox.headers(None))
    assert (response.status, (await response.json())["code"]) == (401, "EMPTY_ACCESS_TOKEN")
