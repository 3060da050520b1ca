"""The control API, the request log, the record and the page for people."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from syncd.sandbox.membership import text_key
from tests.component.sandbox.conftest import Start
from tests.component.sandbox.driver import ACCOUNT, Sandbox, digest, user


async def test_the_log_tells_what_arrived_and_what_became_of_it(sandbox: Sandbox) -> None:
    segment = await sandbox.create()
    sandbox.time.seconds += 1
    await sandbox.stream(segment, [user("a"), user("b")])
    await sandbox.stream(segment, [user("a")], token="nobody")
    created, taken, refused = await sandbox.log()
    assert (created["resource"], created["method"], created["segment"]) == ("segments", "CREATE", segment)
    expected = {
        "n": 2,
        "arrived": 1_001.0,
        "finished": 1_001.0,
        "wall": 1_800_001_001.0,
        "member": "demo",
        "application": "demo-app",
        "resource": "users",
        "method": "BATCH_CREATE",
        "segment": segment,
        "elements": 2,
        "status": 200,
        "applied": True,
        "late": False,
    }
    assert taken.items() >= expected.items()
    assert (refused["status"], refused["applied"], refused["member"], refused["elements"]) == (401, False, "", 1)
    assert [one["n"] for one in await sandbox.log(since=2)] == [3]


async def test_a_request_that_was_refused_did_not_take_effect(sandbox: Sandbox) -> None:
    await sandbox.call("GET", "/dmpSegments/1")
    await sandbox.stream("1", [user("a")])
    assert [(one["status"], one["applied"]) for one in await sandbox.log()] == [(404, False), (404, False)]


async def test_a_foreign_segment_is_visible_at_once(start: Start) -> None:
    sandbox = await start(visible_after=60.0, land_after=60.0)
    segment = str((await sandbox.control("segments", {"account": ACCOUNT}))["id"])
    assert await sandbox.statuses(segment, [user("a")]) == [201]
    assert len(await sandbox.members(segment)) == 1


async def test_a_foreign_segment_can_be_planted_and_changed(sandbox: Sandbox) -> None:
    order = {"account": ACCOUNT, "sourceSegmentId": "prod:x", "sourcePlatform": "FAKE"}
    segment = str((await sandbox.control("segments", order))["id"])
    keys = [f"SHA256_EMAIL:{digest('a')}", "GOOGLE_AID:x-1", 'NAMES:{"firstName":"A","lastName":"B"}']
    await sandbox.control(f"segments/{segment}", {"add": keys}, "PATCH")
    assert await sandbox.members(segment) == set(keys)
    seen = await sandbox.control(f"segments/{segment}", {"remove": keys[:1]}, "PATCH")
    assert seen["size"] == 2
    seen = await sandbox.control(f"segments/{segment}", {"clear": True, "add": ['{"companyName":"A"}']}, "PATCH")
    assert await sandbox.members(segment) == {'{"companyName":"A"}'}
    assert [one["id"] for one in await sandbox.look("segments")] == [int(segment)]
    await sandbox.control(f"segments/{segment}", None, "DELETE")
    assert (await sandbox.client.get(f"/_sandbox/segments/{segment}")).status == 404


@pytest.mark.parametrize(
    ("verb", "path", "order"),
    [
        ("POST", "segments", {"account": ACCOUNT, "type": "PEOPLE"}),
        ("PATCH", "segments/{}", {"add": ["nonsense"]}),
        ("PATCH", "segments/{}", {"status": "SLEEPY"}),
        ("POST", "tokens", {"do": "issue"}),
        ("POST", "tokens", {"do": "role", "member": "demo", "role": "KING"}),
        ("POST", "tokens", {"do": "role"}),
        ("POST", "options", {"users_per_minut": 1}),
        ("POST", "options", {"users_per_minute": "many"}),
        ("POST", "clock", {"forward": 1}),
        ("GET", "requests?since=x", None),
    ],
)
async def test_a_wrong_order_is_refused_with_a_reason(sandbox: Sandbox, verb: str, path: str, order: Any) -> None:
    segment = await sandbox.create()
    response = await sandbox.client.request(verb, f"/_sandbox/{path.format(segment)}", json=order)
    assert response.status == 400
    assert (await response.json())["error"]


async def test_the_summary_shows_state_and_options(sandbox: Sandbox) -> None:
    await sandbox.create()
    summary = await sandbox.look("")
    assert (summary["segments"], summary["requests"], summary["by_status"]) == (1, 1, {"201": 1})
    assert summary["options"]["users_per_minute"] == 500
    assert summary["members"][0]["urn"] == "urn:li:person:demo"


async def test_ten_thousands_of_members_stream_out_one_per_line(sandbox: Sandbox) -> None:
    segment = await sandbox.create()
    keys = [f"SHA256_EMAIL:{digest(str(i))}" for i in range(20_001)]
    sandbox.world.segments.get(segment).members.add(map(text_key, keys), 0.0)
    assert await sandbox.members(segment) == set(keys)


async def test_the_page_for_people_says_what_it_is_and_escapes_what_it_shows(sandbox: Sandbox) -> None:
    segment = await sandbox.create("<script>alert(1)</script>")
    await sandbox.statuses(segment, [user("a")])
    page = await (await sandbox.client.get("/")).text()
    assert "LinkedIn sandbox" in page
    assert "SYNCD_LINKEDIN__BASE_URL=http://127.0.0.1" in page
    assert "<script>" not in page
    assert "1 of 500" in page


async def test_the_record_holds_every_element_in_the_order_it_took_effect(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "record.ndjson"
    sandbox = await start(record=str(path), users_per_minute=2)
    segment = await sandbox.create("seg")
    await sandbox.stream(segment, [user("a"), None, user("b", "REMOVE")])
    await sandbox.fault({"kind": "status", "status": 500}, match={"resource": "users"})
    await sandbox.stream(segment, [user("c")])
    await sandbox.stream(segment, [user("d")])
    lines = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    applied, finished, failed, throttled = lines
    assert (applied["event"], applied["order"], applied["sourceSegmentId"]) == ("applied", 2, "seg")
    assert applied["statuses"] == [201, 400, 201]
    assert applied["elements"] == [
        {"action": "ADD", "ids": [f"SHA256_EMAIL:{digest('a')}"]},
        {"action": "ADD", "ids": []},
        {"action": "REMOVE", "ids": [f"SHA256_EMAIL:{digest('b')}"]},
    ]
    assert (finished["event"], finished["n"], finished["status"], "elements" in finished) == (
        "finished",
        applied["n"],
        200,
        False,
    )
    assert (failed["status"], failed["applied"], len(failed["elements"])) == (500, False, 1)
    assert throttled["status"] == 429
