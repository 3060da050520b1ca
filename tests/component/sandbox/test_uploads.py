"""CSV lists, from the address to the matched segment."""

from collections.abc import Callable
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.component.sandbox.conftest import Start
from tests.component.sandbox.driver import ACCOUNT, Sandbox, company, digest, user

CONTACTS = "email,firstname,lastname,jobtitle,employeecompany,country,googleaid"
HOUR = 3_600


def contacts(count: int, header: str = CONTACTS, cell: Callable[[int], str] = lambda i: digest(str(i))) -> bytes:
    return "\n".join([header, *(f"{cell(i)},Ann,Lee,Buyer,Acme,US," for i in range(count))]).encode()


async def address(sandbox: Sandbox, owner: str = ACCOUNT) -> str:
    response = await sandbox.call("POST", "/dmpSegments?action=generateUploadUrl", {"owner": owner})
    assert response.status == 200, await response.text()
    parts = urlsplit((await response.json())["value"])
    assert parts.netloc == f"{sandbox.client.host}:{sandbox.client.port}"
    return f"{parts.path}?{parts.query}"


async def send(sandbox: Sandbox, body: bytes | BytesIO, where: str | None = None, **headers: str) -> Any:
    told = {"Authorization": "Bearer sandbox-token", "Content-Type": "text/csv", **headers}
    return await sandbox.client.post(where or await address(sandbox), data=body, headers=told)


async def attach(sandbox: Sandbox, segment: str, media: str) -> Any:
    return await sandbox.call("POST", f"/dmpSegments/{segment}/listUploads", {"inputFile": media})


async def upload(sandbox: Sandbox, body: bytes, type_: str = "USER_LIST_UPLOAD", segment: str | None = None) -> str:
    sent = await send(sandbox, body)
    assert sent.status == 201, await sent.text()
    segment = segment or await sandbox.create(type_=type_)
    attached = await attach(sandbox, segment, sent.headers["Location"])
    assert (attached.status, bool(attached.headers["x-restli-id"])) == (201, True)
    return segment


async def seen(sandbox: Sandbox, segment: str, hours: float) -> dict[str, Any]:
    await sandbox.control("clock", {"advance": hours * HOUR})
    found: dict[str, Any] = await sandbox.look(f"segments/{segment}")
    return found


async def test_a_contact_list_is_matched_and_counted(sandbox: Sandbox) -> None:
    segment = await upload(sandbox, contacts(1_000))
    assert (await seen(sandbox, segment, 1))["status"] == "BUILDING"
    ready = await seen(sandbox, segment, 48)
    assert (ready["status"], ready["size"], ready["inputCount"]) == ("READY", 1_000, 1_000)
    assert await sandbox.members(segment) == {f"SHA256_EMAIL:{digest(str(i))}" for i in range(1_000)}


async def test_an_account_list_holds_the_companies_a_stream_would(sandbox: Sandbox) -> None:
    header = "companyname,companywebsite,companyemaildomain,linkedincompanypageurl,stocksymbol,industry,city,state"
    rows = [f"Firm {i},firm{i}.example,,,,,Berlin," for i in range(300)]
    segment = await upload(sandbox, "\r\n".join([header, *rows]).encode(), "COMPANY_LIST_UPLOAD")
    streamed = await sandbox.create("stream", "COMPANY")
    one = company("Firm 7", companyWebsiteDomain="firm7.example", city="Berlin")
    await sandbox.statuses(streamed, [one], "companies")
    assert await sandbox.members(streamed) < await sandbox.members(segment)


async def test_a_new_list_replaces_the_old(sandbox: Sandbox) -> None:
    segment = await upload(sandbox, contacts(400))
    await seen(sandbox, segment, 48)
    await upload(sandbox, contacts(300, cell=lambda i: digest(f"new {i}")), segment=segment)
    assert (await seen(sandbox, segment, 0))["status"] == "UPDATING"
    assert len(await sandbox.members(segment)) == 300
    assert (await seen(sandbox, segment, 24))["status"] == "READY"


@pytest.mark.parametrize(
    ("body", "flaw"),
    [
        (contacts(299), "300 to 300000 rows, not 299"),
        (contacts(300, header="email,shoe size"), "fits neither template"),
        (contacts(300, header="email,email"), "fits neither template"),
        (contacts(300).replace(b"Lee", b"L\xff"), "not UTF-8"),
        (contacts(300).replace(b"Ann", b'"A"nn'), "not CSV"),
        (contacts(300, cell=lambda i: f"someone{i}@example.com"), "no row of the list can be used"),
        (contacts(300, cell=lambda i: digest(str(i)) * 2), "no row of the list can be used"),
        ("\n".join(["companyname", *(f"Firm {i}" for i in range(300))]).encode(), "no rows for a USER_LIST_UPLOAD"),
        (b"", "fits neither template"),
    ],
)
async def test_a_list_with_a_flaw_fails_its_segment(sandbox: Sandbox, body: bytes, flaw: str) -> None:
    segment = await upload(sandbox, body)
    assert (await seen(sandbox, segment, 0.9))["status"] == "BUILDING"
    failed = await seen(sandbox, segment, 0.2)
    assert failed["status"] == "FAILED"
    assert flaw in failed["listFlaw"]
    assert failed["transitions"][-1]["documented"]


async def test_300_001_rows_are_too_many(sandbox: Sandbox) -> None:
    rows = b"email\n" + b"x\n" * 300_001
    assert "not 300001" in (await seen(sandbox, await upload(sandbox, rows), 1.1))["listFlaw"]


async def test_a_failed_segment_lives_again_with_a_good_list(sandbox: Sandbox) -> None:
    segment = await upload(sandbox, contacts(1))
    await seen(sandbox, segment, 2)
    await upload(sandbox, contacts(300), segment=segment)
    assert (await seen(sandbox, segment, 48))["status"] == "READY"


async def test_a_flawed_list_leaves_a_ready_segment_what_it_had(sandbox: Sandbox) -> None:
    segment = await upload(sandbox, contacts(300))
    await seen(sandbox, segment, 48)
    await upload(sandbox, contacts(2), segment=segment)
    ready = await seen(sandbox, segment, 2)
    assert (ready["status"], ready["size"]) == ("READY", 300)


async def test_an_expired_list_segment_comes_back_with_a_new_list_whatever_streams_may(start: Start) -> None:
    sandbox = await start(expired_stream="refuse")
    segment = await upload(sandbox, contacts(300))
    assert (await seen(sandbox, segment, 24 * 95))["status"] == "EXPIRED"
    await upload(sandbox, contacts(310), segment=segment)
    assert (await seen(sandbox, segment, 48))["status"] == "READY"


async def test_plain_addresses_in_a_list_are_skipped_and_noted(sandbox: Sandbox) -> None:
    body = contacts(301, cell=lambda i: digest(str(i)) if i else "a@example.com")
    segment = await upload(sandbox, body)
    assert len(await sandbox.members(segment)) == 300
    assert [one["rule"] for one in await sandbox.look("violations")] == ["plain_email"]


async def test_the_location_may_be_a_path(start: Start) -> None:
    sandbox = await start(upload_location="path")
    sent = await send(sandbox, contacts(300))
    assert sent.headers["Location"].startswith("/ambry/")
    media = "urn:li:media:" + sent.headers["Location"].removeprefix("/ambry/")
    assert (await attach(sandbox, await sandbox.create(type_="USER_LIST_UPLOAD"), media)).status == 201


async def test_an_address_takes_one_file(sandbox: Sandbox) -> None:
    where = await address(sandbox)
    assert (await send(sandbox, b"email", where)).status == 201
    assert (await send(sandbox, b"email", where)).status == 404
    assert (await send(sandbox, b"email", "/ambry/?x-li-ambry-ep=guess")).status == 404


async def test_an_upload_needs_a_token_csv_and_a_size_within_bounds(sandbox: Sandbox) -> None:
    assert (await send(sandbox, b"email", Authorization="")).status == 401
    assert (await send(sandbox, b"email", **{"Content-Type": "text/plain"})).status == 415
    assert (await send(sandbox, BytesIO(bytes(20 * 1024 * 1024 + 1)))).status == 413


async def test_a_stream_segment_takes_no_list_and_a_list_segment_no_stream(sandbox: Sandbox) -> None:
    media = (await send(sandbox, contacts(300))).headers["Location"]
    refused = await attach(sandbox, await sandbox.create("stream"), media)
    assert (refused.status, "takes a stream" in await refused.text()) == (400, True)
    streamed = await sandbox.stream(await sandbox.create("list", "USER_LIST_UPLOAD"), [user("a")])
    assert (streamed.status, "takes list uploads" in await streamed.text()) == (400, True)


async def test_a_file_belongs_to_its_account(sandbox: Sandbox) -> None:
    where = await address(sandbox, "urn:li:sponsoredAccount:2")
    media = (await send(sandbox, contacts(300), where)).headers["Location"]
    segment = await sandbox.create(type_="USER_LIST_UPLOAD")
    assert (await attach(sandbox, segment, media)).status == 400
    assert (await attach(sandbox, segment, "urn:li:media:none")).status == 400


async def test_uploads_need_rw_ads_and_a_writing_role(sandbox: Sandbox) -> None:
    await sandbox.control("tokens", {"do": "issue", "member": "dmp", "token": "t-dmp", "scope": "rw_dmp_segments"})
    await sandbox.control("tokens", {"do": "issue", "member": "vic", "token": "t-vic", "role": "VIEWER"})
    for token, code in (("t-dmp", "ACCESS_DENIED"), ("t-vic", "USER_NOT_AUTHORIZED")):
        order = {"owner": ACCOUNT}
        headers = sandbox.headers(token)
        response = await sandbox.call("POST", "/dmpSegments?action=generateUploadUrl", order, headers=headers)
        assert (response.status, (await response.json())["code"]) == (403, code)


async def test_rw_ads_is_enough_for_a_list_segment_and_not_for_a_stream(sandbox: Sandbox) -> None:
    await sandbox.control("tokens", {"do": "issue", "member": "ads", "token": "t-ads", "scope": "rw_ads"})
    segment = await sandbox.create(type_="USER_LIST_UPLOAD", token="t-ads")
    headers = sandbox.headers("t-ads")
    assert (await sandbox.call("GET", f"/dmpSegments/{segment}", headers=headers)).status == 200
    other = await sandbox.create("stream")
    assert (await sandbox.call("GET", f"/dmpSegments/{other}", headers=headers)).status == 403


@pytest.mark.parametrize("order", [{}, {"owner": 1}, {"owner": ACCOUNT, "more": 1}])
async def test_an_address_is_given_only_for_an_owner(sandbox: Sandbox, order: dict[str, Any]) -> None:
    assert (await sandbox.call("POST", "/dmpSegments?action=generateUploadUrl", order)).status == 400


async def test_an_unknown_action_is_refused(sandbox: Sandbox) -> None:
    response = await sandbox.call("POST", "/dmpSegments?action=explode", {"owner": ACCOUNT})
    assert (response.status, "no action explode" in await response.text()) == (400, True)


async def test_faults_strike_uploads_too(sandbox: Sandbox) -> None:
    where = await address(sandbox)
    await sandbox.fault({"kind": "status", "status": 503}, match={"resource": "uploads"})
    assert (await send(sandbox, contacts(300), where)).status == 503
    assert (await send(sandbox, contacts(300), where)).status == 201
