"""What every call must carry, and what every answer carries."""

from datetime import UTC, date, datetime

import pytest

from syncd.sandbox.versions import is_active, lifetime, newest_active
from tests.component.sandbox.conftest import Start
from tests.component.sandbox.driver import ACCOUNT, Sandbox, encoded, user

FINDER = f"/dmpSegments?q=account&account={encoded(ACCOUNT)}"


async def test_a_call_without_a_version_is_refused_in_linkedins_words(sandbox: Sandbox) -> None:
    response = await sandbox.call("GET", FINDER, headers=sandbox.headers(LinkedIn_Version=None))
    assert response.status == 400
    assert await response.json() == {
        "status": 400,
        "code": "VERSION_MISSING",
        "message": "A version must be present. Please specify a version by adding the LinkedIn-Version header.",
    }


@pytest.mark.parametrize("version", ["20240101", "202511", "202601", "202702", "202613", "latest"])
async def test_a_sunset_or_unknown_version_is_426(sandbox: Sandbox, version: str) -> None:
    response = await sandbox.call("GET", FINDER, headers=sandbox.headers(LinkedIn_Version=version))
    assert response.status == 426
    body = await response.json()
    assert body["code"] == "NONEXISTENT_VERSION"
    assert body["message"] == f"Requested version {version} is not active"


@pytest.mark.parametrize(
    ("version", "end"),
    [
        ("202511", date(2026, 11, 16)),
        ("202601", date(2027, 1, 15)),
        ("202604", date(2027, 4, 15)),
        ("202607", date(2027, 7, 15)),
    ],
)
def test_the_known_ends_of_versions_are_kept(version: str, end: date) -> None:
    life = lifetime(version)
    assert life is not None
    assert life[1] == end


@pytest.mark.parametrize(
    ("day", "version"),
    [("2026-11-24", "202611"), ("2026-11-15", "202610"), ("2026-11-16", "202611"), ("2027-01-01", "202612")],
)
def test_the_newest_version_is_one_that_has_begun(day: str, version: str) -> None:
    now = datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()
    assert newest_active(now, ()) == version
    assert is_active(version, now, ())
    assert newest_active(now, ("202608", "202604")) == "202608"


async def test_a_version_ends_by_the_sandbox_clock(sandbox: Sandbox) -> None:
    headers = sandbox.headers(LinkedIn_Version="202608")
    assert (await sandbox.call("GET", FINDER, headers=headers)).status == 200
    await sandbox.control("clock", {"advance": 213 * 86_400})
    refused = await sandbox.call("GET", FINDER, headers=headers)
    assert (refused.status, (await refused.json())["message"]) == (426, "Requested version 202608 is not active")
    assert (await sandbox.call("GET", FINDER, headers=sandbox.headers(LinkedIn_Version="202706"))).status == 200


async def test_a_pinned_version_never_ends(start: Start) -> None:
    sandbox = await start(active_versions=("202612",))
    await sandbox.control("clock", {"advance": 3_650 * 86_400})
    assert (await sandbox.call("GET", FINDER)).status == 200


async def test_versions_can_be_retired_at_run_time(sandbox: Sandbox) -> None:
    await sandbox.control("options", {"active_versions": ["202609"]})
    assert (await sandbox.call("GET", FINDER)).status == 426


@pytest.mark.parametrize("protocol", [None, "1.0.0"])
async def test_the_restli_protocol_must_be_2(sandbox: Sandbox, protocol: str | None) -> None:
    headers = sandbox.headers(X_Restli_Protocol_Version=protocol)
    assert (await sandbox.call("GET", FINDER, headers=headers)).status == 400


async def test_every_answer_carries_support_ids_that_never_repeat(sandbox: Sandbox) -> None:
    answers = [await sandbox.call("GET", path) for path in (FINDER, "/dmpSegments/1", "/nonsense")]
    answers.append(await sandbox.token({"grant_type": "nonsense"}))
    assert len({answer.headers["x-li-uuid"] for answer in answers}) == 4
    assert all("x-li-fabric" in answer.headers and "x-li-request-id" in answer.headers for answer in answers)


async def test_support_ids_are_the_same_in_two_runs_of_one_seed(start: Start) -> None:
    first, second = await start(seed=7), await start(seed=7)
    uuids = [(await one.call("GET", FINDER)).headers["x-li-uuid"] for one in (first, second)]
    assert uuids[0] == uuids[1]


async def test_a_query_over_4_kb_is_414(sandbox: Sandbox) -> None:
    assert (await sandbox.call("GET", f"{FINDER}&x={'y' * 4096}")).status == 414


async def test_a_url_over_8_kb_is_414(sandbox: Sandbox) -> None:
    assert (await sandbox.call("GET", f"/dmpSegments/{'1' * 9000}")).status == 414


async def test_a_long_query_may_tunnel_through_post(sandbox: Sandbox) -> None:
    segment = await sandbox.create()
    headers = sandbox.headers(X_HTTP_Method_Override="GET", Content_Type="application/x-www-form-urlencoded")
    query = f"q=account&account={encoded(ACCOUNT)}&padding={'y' * 5000}".encode()
    response = await sandbox.call("POST", "/dmpSegments", query, headers=headers)
    assert [str(one["id"]) for one in (await response.json())["elements"]] == [segment]


async def test_tunnelling_needs_the_form_content_type(sandbox: Sandbox) -> None:
    headers = sandbox.headers(X_HTTP_Method_Override="GET")
    assert (await sandbox.call("POST", "/dmpSegments", b"q=account", headers=headers)).status == 400


async def test_a_body_that_is_not_json_by_its_type_is_415(sandbox: Sandbox) -> None:
    headers = sandbox.headers(Content_Type="text/plain")
    assert (await sandbox.call("POST", "/dmpSegments", b"{}", headers=headers)).status == 415


async def test_a_body_over_the_cap_is_413(start: Start) -> None:
    sandbox = await start(max_body_bytes=1_000)
    segment = await sandbox.create()
    response = await sandbox.stream(segment, [user(str(i)) for i in range(50)])
    assert response.status == 413
    assert (await response.json())["status"] == 413
    assert await sandbox.members(segment) == set()


async def test_users_need_the_batch_create_header(sandbox: Sandbox) -> None:
    segment = await sandbox.create()
    response = await sandbox.call("POST", f"/dmpSegments/{segment}/users", {"elements": [user("a")]})
    assert response.status == 400
    assert "BATCH_CREATE" in (await response.json())["message"]


async def test_unknown_resources_and_methods_are_refused(sandbox: Sandbox) -> None:
    assert (await sandbox.call("GET", "/nonsense")).status == 404
    assert (await sandbox.call("PUT", "/dmpSegments/1")).status == 405
