"""The OpenAPI document: whole, honest, and held against the running API by a program that invents requests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as bounds
from schemathesis.specs.openapi.checks import positive_data_acceptance

from syncd.admin import openapi
from syncd.admin.app import API
from syncd.admin.routes import Face
from syncd.domain.access import Role
from syncd.settings import Linkedin as LinkedinSettings
from syncd.settings import Settings
from syncd.store.engine import Database
from tests.component.admin.conftest import made
from tests.component.admin.furnished import furnish
from tests.component.admin.house import House, opened
from tests.component.cli.linkedin import running
from tests.conftest import DATABASES

_EXAMPLES: Final = 6
_PASSED_OVER: Final = [positive_data_acceptance]
"""A request of the right shape may still name what is not there, or clash with what is: 404, 409, 422."""


async def test_the_document_is_served_to_whoever_is_signed_in(house: House) -> None:
    program = await house.program(Role.VIEWER)
    assert (await program.get("/api/v1/openapi.json"))["openapi"] == "3.1.0"


def test_every_route_is_in_the_document_with_its_role_and_its_refusals() -> None:
    document = openapi.document(API)
    told = [(method, path, one) for path, ways in document["paths"].items() for method, one in ways.items()]
    assert len(told) == len([route for route in API if route.face is Face.API])
    for method, path, operation in told:
        assert operation["summary"], path
        assert operation["x-role"] in {*Role, "anybody"}
        assert {"401", "403", "404"} <= set(operation["responses"]), (method, path)
    ids = [operation["operationId"] for _, _, operation in told]
    assert len(ids) == len(set(ids))


def test_nothing_in_the_document_leads_nowhere() -> None:
    document = openapi.document(API)
    schemas = document["components"]["schemas"]
    text = json.dumps(document)
    named = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert named <= set(schemas)


@contextmanager
def served(settings: Settings) -> Iterator[tuple[str, str]]:
    """The application in a thread of its own, furnished; its address and a token."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    stack = AsyncExitStack()

    async def begin() -> tuple[str, str]:
        database = Database(settings.database_url.get_secret_value())
        stack.push_async_callback(database.close)
        await furnish(database)
        house = await stack.enter_async_context(opened(database, settings))
        program = await house.program()
        return house.base, program.headers["Authorization"]

    try:
        yield asyncio.run_coroutine_threadsafe(begin(), loop).result(30)
    finally:
        asyncio.run_coroutine_threadsafe(stack.aclose(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.mark.parametrize("kind", DATABASES)
def test_the_api_does_what_the_document_says(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    with running() as linkedin, _store(kind, request, tmp_path) as url:
        settings = made(
            url,
            tmp_path,
            linkedin=LinkedinSettings(
                source_platform="FAKE", base_url=f"{linkedin.origin}/rest", oauth_url=f"{linkedin.origin}/oauth/v2"
            ),
        )
        with served(settings) as (base, token):
            schema: Any = schemathesis.openapi.from_dict(openapi.document(API))
            operations = [one.ok() for one in schema.get_all_operations()]
            for operation in operations:
                _held(operation, base, token)
            assert len(operations) == len(API)


def _held(operation: Any, base: str, token: str) -> None:
    """Some invented requests to one operation, good and bad."""

    @seed(1)
    @bounds(
        max_examples=_EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def hold(case: Any) -> None:
        if case.method == "DELETE" and case.path.startswith("/api/v1/tokens/"):
            return  # it would revoke its own
        case.call_and_validate(base_url=base, headers={"Authorization": token}, excluded_checks=_PASSED_OVER)

    hold()


@contextmanager
def _store(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    from tests.conftest import fresh_database, sqlite_url  # noqa: PLC0415  # beside what they are used by

    if kind == "sqlite":
        file = tmp_path / "syncd.db"
        file.write_bytes(request.getfixturevalue("migrated_file").read_bytes())
        yield sqlite_url(file)
        return
    server, template = request.getfixturevalue("postgres_server"), request.getfixturevalue("migrated_template")
    with fresh_database(server, template) as url:
        yield url
