"""Tokens, refresh, sign-in, roles and scopes."""

from urllib.parse import parse_qs, urlsplit

import pytest

from syncd.sandbox.options import parse_member
from tests.component.sandbox.conftest import Start
from tests.component.sandbox.driver import ACCOUNT, Sandbox, encoded, user

FINDER = f"/dmpSegments?q=account&account={encoded(ACCOUNT)}"
REFRESH = {"grant_type": "refresh_token", "refresh_token": "sandbox-refresh"}


async def refusal(sandbox: Sandbox, token: str | None) -> tuple[int, str, int] | None:
    response = await sandbox.call("GET", FINDER, headers=sandbox.headers(token))
    if response.status == 200:
        return None
    body = await response.json()
    return response.status, body["code"], body["serviceErrorCode"]


async def test_a_missing_token_is_empty_and_an_unknown_one_invalid(sandbox: Sandbox) -> None:
    missing = await refusal(sandbox, None)
    assert missing is not None
    assert missing[:2] == (401, "EMPTY_ACCESS_TOKEN")
    assert await refusal(sandbox, "nobody") == (401, "INVALID_ACCESS_TOKEN", 65600)


async def test_a_token_can_be_expired_or_revoked(sandbox: Sandbox) -> None:
    for member in ("m1", "m2"):
        await sandbox.control("tokens", {"do": "issue", "member": member, "token": f"t-{member}"})
        assert await refusal(sandbox, f"t-{member}") is None
    await sandbox.control("tokens", {"do": "expire", "token": "t-m1"})
    await sandbox.control("tokens", {"do": "revoke", "member": "m2"})
    assert await refusal(sandbox, "t-m1") == (401, "EXPIRED_ACCESS_TOKEN", 65602)
    assert await refusal(sandbox, "t-m2") == (401, "REVOKED_ACCESS_TOKEN", 65601)
    assert await refusal(sandbox, "sandbox-token") is None


async def test_a_token_expires_by_the_sandbox_clock(sandbox: Sandbox) -> None:
    token = (await (await sandbox.token(REFRESH)).json())["access_token"]
    await sandbox.control("clock", {"advance": 60 * 86_400 - 1})
    assert await refusal(sandbox, token) is None
    await sandbox.control("clock", {"advance": 1})
    assert await refusal(sandbox, token) == (401, "EXPIRED_ACCESS_TOKEN", 65602)


async def test_a_token_given_in_the_options_lasts_however_fast_the_clock_runs(start: Start) -> None:
    sandbox = await start(active_versions=("202612",))
    await sandbox.control("clock", {"advance": 3_650 * 86_400})
    assert await refusal(sandbox, "sandbox-token") is None


async def test_a_refresh_gives_a_new_token_and_does_not_move_the_end(sandbox: Sandbox) -> None:
    first = await (await sandbox.token(REFRESH)).json()
    assert first["expires_in"] == 60 * 86_400
    assert first["refresh_token_expires_in"] == 365 * 86_400
    assert "rw_dmp_segments" in first["scope"]
    assert await refusal(sandbox, first["access_token"]) is None
    await sandbox.control("clock", {"advance": 100 * 86_400})
    second = await (await sandbox.token(REFRESH)).json()
    assert second["access_token"] != first["access_token"]
    assert second["refresh_token"] == first["refresh_token"] == "sandbox-refresh"
    assert second["refresh_token_expires_in"] == 265 * 86_400


async def test_in_its_last_days_a_grant_gives_tokens_that_end_with_it(sandbox: Sandbox) -> None:
    await sandbox.control("clock", {"advance": 355 * 86_400})
    assert (await (await sandbox.token(REFRESH)).json())["expires_in"] == 10 * 86_400


@pytest.mark.parametrize("way", ["unknown", "ended", "revoked"])
async def test_a_dead_refresh_token_is_an_invalid_grant(sandbox: Sandbox, way: str) -> None:
    form = dict(REFRESH)
    match way:
        case "unknown":
            form["refresh_token"] = "nobody"
        case "ended":
            await sandbox.control("clock", {"advance": 366 * 86_400})
        case _:
            await sandbox.control("tokens", {"do": "revoke", "member": "demo", "refresh": True})
    response = await sandbox.token(form)
    assert (response.status, (await response.json())["error"]) == (400, "invalid_grant")


async def test_a_rotated_refresh_token_replaces_the_old_one(start: Start) -> None:
    sandbox = await start(rotate_refresh=True)
    pair = await (await sandbox.token(REFRESH)).json()
    assert pair["refresh_token"] != "sandbox-refresh"
    assert (await sandbox.token(REFRESH)).status == 400
    assert (await sandbox.token(REFRESH | {"refresh_token": pair["refresh_token"]})).status == 200


async def test_a_wrong_client_secret_or_grant_type_is_refused(sandbox: Sandbox) -> None:
    wrong = await sandbox.token(REFRESH | {"client_secret": "wrong"})
    assert (wrong.status, (await wrong.json())["error"]) == (401, "invalid_client")
    other = await sandbox.token({"grant_type": "password"})
    assert (await other.json())["error"] == "unsupported_grant_type"


async def test_a_fresh_token_is_refused_while_it_spreads(start: Start) -> None:
    sandbox = await start(spread=5.0)
    token = (await (await sandbox.token(REFRESH)).json())["access_token"]
    assert await refusal(sandbox, token) == (401, "INVALID_ACCESS_TOKEN", 65600)
    sandbox.time.seconds += 5
    assert await refusal(sandbox, token) is None


async def test_sign_in_by_code_ends_in_a_working_token_once(sandbox: Sandbox) -> None:
    query = {"response_type": "code", "client_id": "demo-app", "redirect_uri": "http://127.0.0.1/cb", "state": "s 1"}
    response = await sandbox.client.get("/oauth/v2/authorization", params=query, allow_redirects=False)
    assert response.status == 302
    answer = parse_qs(urlsplit(response.headers["Location"]).query)
    assert answer["state"] == ["s 1"]
    form = {"grant_type": "authorization_code", "code": answer["code"][0], "redirect_uri": "http://127.0.0.1/cb"}
    pair = await (await sandbox.token(form)).json()
    assert await refusal(sandbox, pair["access_token"]) is None
    assert (await sandbox.token(form)).status == 400


async def test_sign_in_of_an_unknown_application_is_refused(sandbox: Sandbox) -> None:
    query = {"response_type": "code", "client_id": "stranger", "redirect_uri": "http://127.0.0.1/cb"}
    assert (await sandbox.client.get("/oauth/v2/authorization", params=query)).status == 400


@pytest.mark.parametrize("role", ["VIEWER", None])
async def test_without_a_writing_role_nothing_is_written(start: Start, role: str | None) -> None:
    sandbox = await start()
    segment = await sandbox.create()
    await sandbox.control("tokens", {"do": "role", "member": "demo", "account": ACCOUNT, "role": role})
    for response in (
        await sandbox.stream(segment, [user("a")]),
        await sandbox.call("DELETE", f"/dmpSegments/{segment}"),
        await sandbox.call(
            "POST", "/dmpSegments", {"name": "a", "account": ACCOUNT, "sourcePlatform": "F", "type": "USER"}
        ),
    ):
        assert (response.status, (await response.json())["code"]) == (403, "USER_NOT_AUTHORIZED")
    assert (await sandbox.call("GET", FINDER)).status == (200 if role else 403)
    await sandbox.control("tokens", {"do": "role", "member": "demo", "account": ACCOUNT, "role": "CREATIVE_MANAGER"})
    assert await sandbox.statuses(segment, [user("a")]) == [201]


async def test_without_its_scope_an_application_is_not_provisioned(sandbox: Sandbox) -> None:
    await sandbox.control("tokens", {"do": "issue", "member": "ads", "token": "t-ads", "scope": "r_ads"})
    await sandbox.control("tokens", {"do": "issue", "member": "dmp", "token": "t-dmp", "scope": "rw_dmp_segments"})
    dmp = await sandbox.call("GET", FINDER, headers=sandbox.headers("t-ads"))
    ads = await sandbox.call("GET", "/adAccountUsers?q=authenticatedUser", headers=sandbox.headers("t-dmp"))
    for response in (dmp, ads):
        assert (response.status, (await response.json())["code"]) == (403, "ACCESS_DENIED")


async def test_members_from_options_exist_from_the_start(start: Start) -> None:
    sandbox = await start(members=(parse_member("ann:t-ann"), parse_member("vic:t-vic:VIEWER")))
    await sandbox.create(token="t-ann")
    response = await sandbox.call("GET", "/adAccountUsers?q=authenticatedUser", headers=sandbox.headers("t-vic"))
    assert (await response.json())["elements"] == [{"account": ACCOUNT, "user": "urn:li:person:vic", "role": "VIEWER"}]


async def test_a_member_sees_accounts_and_roles(sandbox: Sandbox) -> None:
    second = "urn:li:sponsoredAccount:2"
    await sandbox.control("tokens", {"do": "role", "member": "demo", "account": second, "role": "VIEWER"})
    body = await (await sandbox.call("GET", "/adAccountUsers?q=authenticatedUser")).json()
    assert {one["account"]: one["role"] for one in body["elements"]} == {ACCOUNT: "CAMPAIGN_MANAGER", second: "VIEWER"}
    accounts = await (await sandbox.call("GET", "/adAccounts?q=search")).json()
    assert [one["id"] for one in accounts["elements"]] == [123456, 2]


@pytest.mark.parametrize(
    "key",
    [
        f"(account:{encoded(ACCOUNT)},user:{encoded('urn:li:person:demo')})",
        f"(account:{ACCOUNT},user:urn:li:person:demo)",
    ],
)
async def test_a_role_is_read_by_its_compound_key_encoded_or_not(sandbox: Sandbox, key: str) -> None:
    body = await (await sandbox.call("GET", f"/adAccountUsers/{key}")).json()
    assert body == {"account": ACCOUNT, "user": "urn:li:person:demo", "role": "CAMPAIGN_MANAGER"}


async def test_a_stranger_has_no_role(sandbox: Sandbox) -> None:
    response = await sandbox.call("GET", f"/adAccountUsers/(account:{encoded(ACCOUNT)},user:urn:li:person:stranger)")
    assert response.status == 404
