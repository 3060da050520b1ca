"""Every scripted failure, as a client sees it and as the membership shows it."""

import asyncio
from typing import Any

import aiohttp
import pytest

from tests.component.sandbox.conftest import Start
from tests.component.sandbox.driver import Sandbox, company, digest, user

USERS = {"resource": "users"}


@pytest.fixture
async def segment(sandbox: Sandbox) -> str:
    return await sandbox.create()


async def size(sandbox: Sandbox, segment: str) -> int:
    return len(await sandbox.members(segment))


async def test_a_scripted_status_comes_once_with_its_body_and_headers(sandbox: Sandbox, segment: str) -> None:
    effect = {
        "kind": "status",
        "status": 502,
        "body": "<html>Bad Gateway</html>",
        "content_type": "text/html",
        "headers": {"Retry-After": "7"},
    }
    await sandbox.fault(effect, match=USERS)
    assert (await sandbox.status(segment))["id"] == int(segment)
    response = await sandbox.stream(segment, [user("a")])
    assert (response.status, response.headers["Retry-After"], response.content_type) == (502, "7", "text/html")
    assert await response.text() == "<html>Bad Gateway</html>"
    assert await size(sandbox, segment) == 0
    assert await sandbox.statuses(segment, [user("a")]) == [201]


async def test_a_scripted_status_may_hide_that_the_request_took_effect(sandbox: Sandbox, segment: str) -> None:
    await sandbox.fault({"kind": "status", "status": 500, "apply": True}, match=USERS)
    assert (await sandbox.stream(segment, [user("a")])).status == 500
    assert await size(sandbox, segment) == 1
    assert (await sandbox.log())[-1]["applied"] is True


async def test_a_fault_strikes_as_often_as_told(sandbox: Sandbox, segment: str) -> None:
    await sandbox.fault({"kind": "status", "status": 503}, match=USERS | {"after": 1}, times=2)
    seen = [(await sandbox.stream(segment, [user("a")])).status for _ in range(5)]
    assert seen == [200, 503, 503, 200, 200]


async def test_a_fault_may_strike_the_nth_request_only(sandbox: Sandbox, segment: str) -> None:
    await sandbox.fault({"kind": "status", "status": 503}, match=USERS | {"nth": 3}, times=-1)
    seen = [(await sandbox.stream(segment, [user("a")])).status for _ in range(5)]
    assert seen == [200, 200, 503, 200, 200]


@pytest.mark.parametrize(
    ("match", "struck"),
    [
        ({"segment": "SEGMENT"}, True),
        ({"segment": "1"}, False),
        ({"member": "demo"}, True),
        ({"member": "other"}, False),
        ({"method": "BATCH_CREATE"}, True),
        ({"method": "CREATE"}, False),
        ({"resource": "companies"}, False),
        ({"contains": digest("a")}, True),
        ({"contains": [digest("b"), digest("a")]}, True),
        ({"contains": digest("b")}, False),
        ({"contains": "Zoë"}, True),
    ],
)
async def test_a_fault_strikes_only_what_it_matches(
    sandbox: Sandbox, segment: str, match: dict[str, Any], struck: bool
) -> None:
    if match.get("segment") == "SEGMENT":
        match = {"segment": segment}
    await sandbox.fault({"kind": "status", "status": 503}, match=match)
    response = await sandbox.stream(segment, [user("a", firstName="Zoë")])
    assert response.status == (503 if struck else 200)


async def test_a_random_fault_is_the_same_in_two_runs_of_one_seed(start: Start) -> None:
    seen = []
    for _ in range(2):
        sandbox = await start(seed=3)
        segment = await sandbox.create()
        await sandbox.fault({"kind": "status", "status": 500}, match=USERS, rate=0.3)
        seen.append([(await sandbox.stream(segment, [user("a")])).status for _ in range(40)])
    assert seen[0] == seen[1]
    assert 3 < seen[0].count(500) < 25


@pytest.mark.parametrize("mode", ["rst", "fin"])
@pytest.mark.parametrize("apply", [True, False])
async def test_a_reset_leaves_the_client_without_an_answer(
    sandbox: Sandbox, segment: str, mode: str, apply: bool
) -> None:
    await sandbox.fault({"kind": "reset", "apply": apply, "mode": mode}, match=USERS)
    with pytest.raises(aiohttp.ClientConnectionError):
        await sandbox.stream(segment, [user("a")])
    assert await size(sandbox, segment) == int(apply)
    entry = next(one for one in await sandbox.log() if one["resource"] == "users")
    assert (entry["status"], entry["applied"]) == (None, apply)


@pytest.mark.parametrize(("apply", "during"), [("before", 1), ("after", 0)])
async def test_a_hung_request_is_answered_when_released(
    sandbox: Sandbox, segment: str, apply: str, during: int
) -> None:
    await sandbox.fault({"kind": "hang", "apply": apply}, match=USERS)
    request = asyncio.create_task(sandbox.stream(segment, [user("a")]))
    while (await sandbox.look(""))["held"] == 0:
        await asyncio.sleep(0)
    assert await size(sandbox, segment) == during
    assert (await sandbox.control("release", {}))["released"] == 1
    assert (await request).status == 200
    assert await size(sandbox, segment) == 1


async def test_a_sandbox_that_stops_lets_hung_requests_go_and_drops_late_ones(start: Start) -> None:
    sandbox = await start()
    segment = await sandbox.create()
    await sandbox.fault({"kind": "hang"}, match=USERS)
    await sandbox.fault({"kind": "late", "seconds": None}, match=USERS)
    hung = asyncio.create_task(sandbox.stream(segment, [user("a")]))
    while not (await sandbox.look(""))["held"]:
        await asyncio.sleep(0)
    with pytest.raises(aiohttp.ClientConnectionError):
        await sandbox.stream(segment, [user("b")])
    members = sandbox.world.segments.get(segment).members
    await asyncio.wait_for(sandbox.client.server.close(), 2)
    assert (await hung).status == 200
    assert len(members) == 1


async def test_a_hang_may_end_without_effect_and_without_answer(sandbox: Sandbox, segment: str) -> None:
    await sandbox.fault({"kind": "hang", "seconds": 0.01, "apply": "never"}, match=USERS)
    with pytest.raises(aiohttp.ClientConnectionError):
        await sandbox.stream(segment, [user("a")])
    assert await size(sandbox, segment) == 0


async def test_a_late_request_lands_after_the_client_is_gone(sandbox: Sandbox, segment: str) -> None:
    await sandbox.fault({"kind": "late", "seconds": None}, match=USERS)
    with pytest.raises(aiohttp.ClientConnectionError):
        await sandbox.stream(segment, [user("a")])
    await sandbox.statuses(segment, [user("a", "REMOVE")])
    assert await size(sandbox, segment) == 0
    await sandbox.control("release", {})
    while await size(sandbox, segment) == 0:
        await asyncio.sleep(0)
    late, removal = [one for one in await sandbox.log() if one["resource"] == "users"]
    assert late["late"]
    assert late["status"] is None
    assert late["order"] > removal["order"]


async def test_a_late_request_may_land_after_a_time(sandbox: Sandbox, segment: str) -> None:
    await sandbox.fault({"kind": "late", "seconds": 0.02, "hang": 0.01}, match=USERS)
    with pytest.raises(aiohttp.ClientConnectionError):
        await sandbox.stream(segment, [user("a")])
    while await size(sandbox, segment) == 0:
        await asyncio.sleep(0.01)


async def test_a_cut_answer_breaks_off_though_all_was_applied(sandbox: Sandbox, segment: str) -> None:
    await sandbox.fault({"kind": "cut", "at": 10}, match=USERS)
    with pytest.raises(aiohttp.ClientPayloadError):
        await sandbox.stream(segment, [user("a")])
    assert await size(sandbox, segment) == 1


@pytest.mark.parametrize(("change", "results"), [(-1, 2), (2, 5), (-9, 0)])
async def test_an_answer_may_have_another_number_of_results(
    sandbox: Sandbox, segment: str, change: int, results: int
) -> None:
    await sandbox.fault({"kind": "length", "change": change}, match=USERS)
    assert await sandbox.statuses(segment, [user("a"), user("b"), user("c")]) == [201] * results
    assert await size(sandbox, segment) == 3


async def test_an_answer_may_be_malformed(sandbox: Sandbox, segment: str) -> None:
    await sandbox.fault({"kind": "malformed"}, match=USERS)
    response = await sandbox.stream(segment, [user("a")])
    assert (response.status, await response.text()) == (200, '{"elements":[{"status":201},')
    assert await size(sandbox, segment) == 1


async def test_a_result_may_be_null(sandbox: Sandbox, segment: str) -> None:
    await sandbox.fault({"kind": "null_element", "index": -1}, match=USERS)
    response = await sandbox.stream(segment, [user("a"), user("b")])
    assert (await response.json())["elements"] == [{"status": 201}, None]


async def test_an_answer_may_carry_fields_nobody_knows(sandbox: Sandbox, segment: str) -> None:
    await sandbox.fault({"kind": "extra_fields"}, match=USERS)
    body = await (await sandbox.stream(segment, [user("a")])).json()
    assert body["elements"][0]["status"] == 201
    assert body.keys() > {"elements"}


async def test_an_answer_may_be_a_gzip_bomb(sandbox: Sandbox, segment: str) -> None:
    await sandbox.fault({"kind": "gzip_bomb", "bytes": 3_000_000}, match=USERS)
    response = await sandbox.stream(segment, [user("a")])
    assert response.headers["Content-Encoding"] == "gzip"
    assert len(await response.read()) == 3_000_000


async def test_an_answer_may_drip(sandbox: Sandbox, segment: str) -> None:
    await sandbox.fault({"kind": "drip", "interval": 0.001, "size": 4}, match=USERS)
    assert await sandbox.statuses(segment, [user("a")]) == [201]


async def test_an_answer_may_be_endless(sandbox: Sandbox, segment: str) -> None:
    await sandbox.fault({"kind": "endless", "bytes": 1 << 20}, match=USERS)
    response = await sandbox.stream(segment, [user("a")])
    assert len(await response.read()) == 1 << 20


async def test_an_answer_may_be_slow(sandbox: Sandbox, segment: str) -> None:
    await sandbox.fault({"kind": "latency", "seconds": 0.05}, match=USERS)
    started = asyncio.get_running_loop().time()
    await sandbox.statuses(segment, [user("a")])
    assert asyncio.get_running_loop().time() - started >= 0.05


async def test_an_answer_may_be_a_redirect(sandbox: Sandbox, segment: str) -> None:
    await sandbox.fault({"kind": "redirect", "to": "http://attacker.example/"}, match=USERS)
    response = await sandbox.stream(segment, [user("a")])
    assert (response.status, response.headers["Location"]) == (302, "http://attacker.example/")


async def test_single_elements_can_be_refused_by_value(sandbox: Sandbox, segment: str) -> None:
    effect = {"kind": "refuse_elements", "status": 429, "message": "slow down"}
    await sandbox.fault(effect, match=USERS | {"contains": digest("b")}, times=-1)
    response = await sandbox.stream(segment, [user("a"), user("b"), user("c")])
    results = (await response.json())["elements"]
    assert [result["status"] for result in results] == [201, 429, 201]
    assert results[1]["error"] == {"status": 429, "message": "slow down"}
    assert f"SHA256_EMAIL:{digest('b')}" not in await sandbox.members(segment)


async def test_single_elements_can_be_refused_by_position(sandbox: Sandbox, segment: str) -> None:
    await sandbox.fault({"kind": "refuse_elements", "indexes": [0, -1, 99]}, match=USERS)
    assert await sandbox.statuses(segment, [user("a"), user("b"), user("c")]) == [400, 201, 400]


async def test_all_elements_can_be_refused(sandbox: Sandbox) -> None:
    segment = await sandbox.create(type_="COMPANY")
    await sandbox.fault({"kind": "refuse_elements", "status": 500}, match={"resource": "companies"})
    assert await sandbox.statuses(segment, [company("a"), company("b")], "companies") == [500, 500]
    assert (await sandbox.log())[-1]["applied"] is False


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_poison_refuses_every_request_that_holds_it(sandbox: Sandbox, segment: str, status: int) -> None:
    await sandbox.fault({"kind": "poison", "status": status}, match={"contains": digest("bad")})
    for _ in range(2):
        assert (await sandbox.stream(segment, [user("a"), user("bad")])).status == status
    assert await size(sandbox, segment) == 0
    assert await sandbox.statuses(segment, [user("a")]) == [201]


async def test_delays_and_refused_elements_add_up_with_another_fault(sandbox: Sandbox, segment: str) -> None:
    await sandbox.fault({"kind": "refuse_elements", "indexes": [0]}, match=USERS)
    await sandbox.fault({"kind": "latency", "seconds": 0.001}, match=USERS)
    await sandbox.fault({"kind": "null_element", "index": 1}, match=USERS)
    response = await sandbox.stream(segment, [user("a"), user("b")])
    elements = (await response.json())["elements"]
    assert (elements[0]["status"], elements[1]) == (400, None)
    assert (await sandbox.log())[-1]["faults"] == [1, 2, 3]


async def test_a_create_can_take_effect_without_an_answer(sandbox: Sandbox) -> None:
    await sandbox.fault({"kind": "reset", "apply": True}, match={"resource": "segments", "method": "CREATE"})
    with pytest.raises(aiohttp.ClientConnectionError):
        await sandbox.create("lost")
    assert [one["sourceSegmentId"] for one in await sandbox.look("segments")] == ["lost"]


async def test_a_refresh_can_fail(sandbox: Sandbox) -> None:
    await sandbox.fault({"kind": "status", "status": 503}, match={"resource": "oauth", "member": "demo"})
    form = {"grant_type": "refresh_token", "refresh_token": "sandbox-refresh"}
    assert [(await sandbox.token(form)).status for _ in range(2)] == [503, 200]


async def test_a_throttled_request_uses_up_no_fault(start: Start) -> None:
    sandbox = await start(users_per_minute=0)
    segment = await sandbox.create()
    number = await sandbox.fault({"kind": "status", "status": 503}, match=USERS)
    assert (await sandbox.stream(segment, [user("a")])).status == 429
    [armed] = await sandbox.look("faults")
    assert (armed["id"], armed["played"]) == (number, 0)


async def test_faults_are_listed_and_removed(sandbox: Sandbox, segment: str) -> None:
    first = await sandbox.fault({"kind": "status", "status": 503}, match=USERS)
    await sandbox.fault({"kind": "poison"}, match={"contains": "x"})
    assert [one["fault"]["effect"]["kind"] for one in await sandbox.look("faults")] == ["status", "poison"]
    assert await sandbox.control(f"faults/{first}", None, "DELETE") == {"armed": 1}
    assert await sandbox.control("faults", None, "DELETE") == {"armed": 0}
    assert await sandbox.statuses(segment, [user("a")]) == [201]
    assert (await sandbox.client.delete("/_sandbox/faults/99")).status == 404


@pytest.mark.parametrize(
    "fault",
    [{}, {"effect": {"kind": "explode"}}, {"effect": {"kind": "reset"}, "match": {"ressource": "users"}}],
)
async def test_a_fault_that_is_misspelt_is_refused(sandbox: Sandbox, fault: dict[str, Any]) -> None:
    response = await sandbox.client.post("/_sandbox/faults", json=fault)
    assert response.status == 400
    assert (await response.json())["error"]


async def test_latency_can_be_set_for_every_request(sandbox: Sandbox) -> None:
    await sandbox.control("options", {"latency": 0.05})
    started = asyncio.get_running_loop().time()
    await sandbox.call("GET", "/adAccounts?q=search")
    assert asyncio.get_running_loop().time() - started >= 0.05
