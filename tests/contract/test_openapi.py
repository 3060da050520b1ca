"""Reference 001 as an OpenAPI document, exercised against a running sandbox with what fits it and what does not."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode

from tests.contract.reading import retyped

TOKEN = "sandbox-token"
REFUSED = ["400", "401", "403", "404", "405", "414", "415", "422", "426"]
OPERATIONS = {
    ("get", "/adTargetingFacets"),
    ("get", "/adTargetingEntities"),
    ("post", "/targetingAudienceInsights"),
}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    command = (sys.executable, "-m", "syncd.sandbox", "--port", "0", "--active-version", "202608")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().removeprefix("sandbox listening on ").strip() + "/rest"
        process.terminate()


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize(("verb", "path"), sorted(OPERATIONS))
def test_every_answer_keeps_the_document(address: str, verb: str, path: str, mode: GenerationMode) -> None:
    document = schemathesis.openapi.from_dict(retyped("openapi"))
    document.config.update(base_url=address)
    document.config.checks.negative_data_rejection.expected_statuses = REFUSED

    @settings(
        max_examples=60,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=document[path][verb].as_strategy(generation_mode=mode))
    def hold(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {TOKEN}"})

    hold()


def test_the_document_holds_the_three_operations_of_the_reference() -> None:
    assert {(verb, path) for path, verbs in retyped("openapi")["paths"].items() for verb in verbs} == OPERATIONS


def test_every_status_the_reference_leaves_out_is_listed_as_an_addition() -> None:
    printed = {
        "/adTargetingFacets": {"200", "401"},
        "/adTargetingEntities": {"200", "400", "401"},
        "/targetingAudienceInsights": {"200", "400", "401", "403"},
    }
    document = retyped("openapi")
    listed = {one["where"] for one in document["x-additions"] if one["what"] == "status"}
    everywhere = {where.removeprefix("every operation ") for where in listed if where.startswith("every")}
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            added = operation["responses"].keys() - printed[path] - everywhere
            assert {f"{verb.upper()} {path} {status}" for status in added} <= listed
