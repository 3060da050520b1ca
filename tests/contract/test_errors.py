"""Every row of the references' error tables, in their words."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientResponse

from tests.component.sandbox.conftest import Start
from tests.component.sandbox.driver import ACCOUNT, FINANCE, US, Sandbox, criteria, encoded, user
from tests.contract.reading import retyped

TEMPLATES = "/adTargetTemplates"

INSIGHTS = {
    "requestMetaData": {"sponsoredAccount": ACCOUNT},
    "targetingCriteria": criteria(US, FINANCE),
    "groupBy": "urn:li:adTargetingFacet:seniorities",
}
FORECAST = {
    "sponsoredAccountUrn": ACCOUNT,
    "targetingCriteria": criteria(US, FINANCE),
    "objectiveType": "BRAND_AWARENESS",
}

Ask = Callable[[Sandbox, dict[str, Any], dict[str, str]], Awaitable[ClientResponse]]
Case = Callable[[Sandbox], Awaitable[ClientResponse]]


async def insights(sandbox: Sandbox, change: dict[str, Any], headers: dict[str, str]) -> ClientResponse:
    body = {"request": INSIGHTS | change}
    return await sandbox.call("POST", "/targetingAudienceInsights?action=audienceInsights", body, headers=headers)


async def forecast(sandbox: Sandbox, change: dict[str, Any], headers: dict[str, str]) -> ClientResponse:
    body = {"request": FORECAST | change}
    return await sandbox.call("POST", "/mediaPlanning?action=forecastReaches", body, headers=headers)


def asking(ask: Ask, change: dict[str, Any] | None = None) -> Case:
    async def play(sandbox: Sandbox) -> ClientResponse:
        return await ask(sandbox, change or {}, sandbox.headers())

    return play


def without_token(ask: Ask) -> Case:
    async def play(sandbox: Sandbox) -> ClientResponse:
        return await ask(sandbox, {}, sandbox.headers(None))

    return play


def not_provisioned(ask: Ask) -> Case:
    async def play(sandbox: Sandbox) -> ClientResponse:
        await sandbox.control("options", {"audience_insights": False, "media_planning": False})
        return await ask(sandbox, {}, sandbox.headers())

    return play


def of_a_stranger(ask: Ask) -> Case:
    async def play(sandbox: Sandbox) -> ClientResponse:
        await sandbox.control("tokens", {"do": "role", "member": "demo", "account": ACCOUNT, "role": None})
        return await ask(sandbox, {}, sandbox.headers())

    return play


def failing(ask: Ask, resource: str) -> Case:
    """A server's own error comes from the control API: nothing a client sends makes one."""

    async def play(sandbox: Sandbox) -> ClientResponse:
        body = {"status": 500, "code": "INTERNAL_SERVER_ERROR", "message": "Internal server side error"}
        await sandbox.fault({"kind": "status", "status": 500, "body": body}, match={"resource": resource})
        return await ask(sandbox, {}, sandbox.headers())

    return play


def calling(verb: str, path: str) -> Case:
    async def play(sandbox: Sandbox) -> ClientResponse:
        return await sandbox.call(verb, path)

    return play


def patching(number: str | None, change: dict[str, Any]) -> Case:
    """`number` of a template, or one that is there."""

    async def play(sandbox: Sandbox) -> ClientResponse:
        body = {"name": "a", "account": ACCOUNT, "targetingCriteria": criteria(US, FINANCE)}
        known = (await sandbox.call("POST", TEMPLATES, body)).headers["x-linkedin-id"]
        headers = sandbox.headers(X_RestLi_Method="PARTIAL_UPDATE")
        body = {"patch": {"$set": change}}
        return await sandbox.call("POST", f"{TEMPLATES}/{number or known}", body, headers=headers)

    return play


CASES: dict[str, Case] = {
    "insights without a token": without_token(insights),
    "insights not provisioned": not_provisioned(insights),
    "insights of a stranger": of_a_stranger(insights),
    "insights of a wrong structure": asking(insights, {"targetingCriteria": {}}),
    "insights without an account": asking(insights, {"requestMetaData": None}),
    "insights that fail": failing(insights, "insights"),
    "templates of no account": calling("GET", f"{TEMPLATES}?q=account&sortField=ID"),
    "templates unsorted": calling("GET", f"{TEMPLATES}?q=account&account={encoded(ACCOUNT)}"),
    "update of no template": patching("000", {"name": "b"}),
    "delete of no template": calling("DELETE", f"{TEMPLATES}/000"),
    "update of the account": patching(None, {"account": "urn:li:sponsoredAccount:2"}),
    "forecast without a token": without_token(forecast),
    "forecast not provisioned": not_provisioned(forecast),
    "forecast of a stranger": of_a_stranger(forecast),
    "forecast of a wrong structure": asking(forecast, {"targetingCriteria": {}}),
    "forecast without a place": asking(forecast, {"targetingCriteria": criteria(FINANCE)}),
    "forecast that fails": failing(forecast, "planning"),
}


@pytest.mark.parametrize("row", retyped("errors"), ids=lambda row: row["case"])
async def test_an_error_has_the_status_the_code_and_the_words_of_its_row(sandbox: Sandbox, row: Any) -> None:
    response = await CASES[row["case"]](sandbox)
    body = await response.json()
    assert (response.status, body["status"]) == (row["status"], row["status"])
    assert row["code"] in {None, body.get("code")}, "003 prints no codes"
    assert body["message"].startswith(row["message"])


async def test_the_three_throttles_of_002_have_its_bodies(start: Start) -> None:
    printed = retyped("segments")["throttled"]
    for options, body in (
        ({"users_per_minute": 1}, printed["minute"]),
        ({"member_daily": 1}, printed["member_day"]),
        ({"application_daily": 1}, printed["application_day"]),
    ):
        sandbox = await start(**options)
        segment = await sandbox.create()
        assert (await sandbox.stream(segment, [user("a")])).status == 200
        response = await sandbox.stream(segment, [user("b")])
        assert (response.status, await response.json()) == (429, body)
