"""Users and companies: every rule about an element, a batch and what is a member afterwards."""

import hashlib
from typing import Any

import pytest

from tests.component.sandbox.conftest import Start
from tests.component.sandbox.driver import Sandbox, company, digest, user

SHA512 = hashlib.sha512(b"a").hexdigest()


async def test_what_is_added_is_a_member_and_what_is_removed_is_not(sandbox: Sandbox) -> None:
    segment = await sandbox.create()
    assert await sandbox.statuses(segment, [user("a"), user("b")]) == [201, 201]
    assert await sandbox.statuses(segment, [user("a", "REMOVE"), user("c")]) == [201, 201]
    assert await sandbox.members(segment) == {f"SHA256_EMAIL:{digest('b')}", f"SHA256_EMAIL:{digest('c')}"}


async def test_adding_twice_and_removing_a_stranger_are_201_too(sandbox: Sandbox) -> None:
    segment = await sandbox.create()
    await sandbox.statuses(segment, [user("a")])
    assert await sandbox.statuses(segment, [user("a"), user("stranger", "REMOVE")]) == [201, 201]
    assert len(await sandbox.members(segment)) == 1


async def test_every_id_of_an_element_counts(sandbox: Sandbox) -> None:
    segment = await sandbox.create()
    ids = [
        {"idType": "SHA256_EMAIL", "idValue": digest("a").upper()},
        {"idType": "SHA512_EMAIL", "idValue": SHA512},
        {"idType": "GOOGLE_AID", "idValue": "cdda802e-fb9c-47ad-9866-0794d394c912"},
    ]
    await sandbox.statuses(segment, [{"action": "ADD", "userIds": ids}])
    assert await sandbox.members(segment) == {
        f"SHA256_EMAIL:{digest('a')}",
        f"SHA512_EMAIL:{SHA512}",
        "GOOGLE_AID:cdda802e-fb9c-47ad-9866-0794d394c912",
    }
    await sandbox.statuses(segment, [{"action": "REMOVE", "userIds": ids}])
    assert await sandbox.members(segment) == set()


async def test_a_person_without_ids_is_known_by_names(sandbox: Sandbox) -> None:
    segment = await sandbox.create()
    person = {"firstName": "Zoë", "lastName": "Day", "company": "Acme"}
    await sandbox.statuses(segment, [{"action": "ADD", **person}])
    assert await sandbox.members(segment) == {'NAMES:{"company":"Acme","firstName":"Zoë","lastName":"Day"}'}


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        7,
        {},
        {"action": "UPSERT", "userIds": [{"idType": "SHA256_EMAIL", "idValue": digest("x")}]},
        {"action": "ADD", "userIds": [{"idType": "MD5_EMAIL", "idValue": digest("x")}]},
        {"action": "ADD", "userIds": [{"idType": "SHA256_EMAIL", "idValue": digest("x")[:-1]}]},
        {"action": "ADD", "userIds": [{"idType": "SHA256_EMAIL", "idValue": "x@y.example".ljust(64)}]},
        {"action": "ADD", "userIds": [{"idType": "SHA256_EMAIL", "idValue": digest("x")[:-2] + "  "}]},
        {"action": "ADD", "userIds": [{"idType": "SHA512_EMAIL", "idValue": digest("x")}]},
        {"action": "ADD", "userIds": [{"idType": "GOOGLE_AID", "idValue": ""}]},
        {"action": "ADD", "userIds": [{"idType": "SHA256_EMAIL"}]},
        {"action": "ADD", "userIds": []},
        {"action": "ADD", "firstName": "Only"},
        user("x", firstName="n" * 36),
        user("x", lastName="n" * 36),
        user("x", title="n" * 51),
        user("x", company="n" * 51),
        user("x", country="USA"),
        user("x", country="us"),
        user("x", email="x@y.example"),
    ],
)
async def test_a_wrong_element_is_refused_alone(sandbox: Sandbox, wrong: Any) -> None:
    segment = await sandbox.create()
    response = await sandbox.stream(segment, [user("a"), wrong, user("b", country="US", firstName="n" * 35)])
    assert response.status == 200
    results = (await response.json())["elements"]
    assert [result["status"] for result in results] == [201, 400, 201]
    assert results[1]["error"]["status"] == 400
    assert results[1]["error"]["message"]
    assert len(await sandbox.members(segment)) == 2


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"elements":{}}', b'{"elements":[]}', b'{"users":[]}', b"\xff\xfe"],
)
async def test_a_body_that_is_no_batch_is_refused_as_a_call(sandbox: Sandbox, body: bytes) -> None:
    segment = await sandbox.create()
    response = await sandbox.stream(segment, body)
    assert response.status == 400
    assert (await response.json())["status"] == 400


async def test_5000_elements_pass_and_one_more_does_not(sandbox: Sandbox) -> None:
    segment = await sandbox.create()
    full = [user(str(i)) for i in range(5_000)]
    assert await sandbox.statuses(segment, full) == [201] * 5_000
    assert (await sandbox.stream(segment, [*full, user("more")])).status == 400
    assert len(await sandbox.members(segment)) == 5_000


async def test_the_same_identity_twice_in_a_batch_is_noted(sandbox: Sandbox) -> None:
    segment = await sandbox.create()
    assert await sandbox.statuses(segment, [user("a"), user("b"), user("a", "REMOVE")]) == [201] * 3
    [violation] = await sandbox.look("violations")
    assert violation["rule"] == "repeated_identity"
    assert violation["detail"] == f"SHA256_EMAIL:{digest('a')}"
    assert await sandbox.members(segment) == {f"SHA256_EMAIL:{digest('b')}"}


async def test_results_carry_their_index_when_asked_to(start: Start) -> None:
    sandbox = await start(batch_index=True)
    segment = await sandbox.create()
    response = await sandbox.stream(segment, [user("a"), None])
    assert [result["batchIndex"] for result in (await response.json())["elements"]] == [0, 1]


async def test_a_company_is_removed_only_with_the_same_metadata(sandbox: Sandbox) -> None:
    segment = await sandbox.create(type_="COMPANY")
    acme = {"companyWebsiteDomain": "acme.example", "country": "US", "organizationUrn": "urn:li:organization:1337"}
    await sandbox.statuses(segment, [company("Acme", **acme)], "companies")
    await sandbox.statuses(segment, [company("Acme", "REMOVE")], "companies")
    key = (
        '{"companyName":"Acme","companyWebsiteDomain":"acme.example","country":"US",'
        '"organizationUrn":"urn:li:organization:1337"}'
    )
    assert await sandbox.members(segment) == {key}
    await sandbox.statuses(segment, [company("Acme", "REMOVE", **acme)], "companies")
    assert await sandbox.members(segment) == set()


@pytest.mark.parametrize(
    "wrong",
    [
        {"action": "ADD", "city": "Graz", "country": "AT"},
        company("Acme", country="Austria"),
        company("Acme", country="at"),
        company("Acme", organizationUrn="1337"),
        company("Acme", website="acme.example"),
        company("Acme", "DROP"),
    ],
)
async def test_a_wrong_company_is_refused_alone(sandbox: Sandbox, wrong: Any) -> None:
    segment = await sandbox.create(type_="COMPANY")
    assert await sandbox.statuses(segment, [wrong, company("Acme")], "companies") == [400, 201]


@pytest.mark.parametrize(
    ("type_", "resource"),
    [("COMPANY", "users"), ("USER", "companies"), ("USER_LIST_UPLOAD", "users"), ("COMPANY_LIST_UPLOAD", "companies")],
)
async def test_a_segment_of_another_type_refuses_the_call_and_names_its_type(
    sandbox: Sandbox, type_: str, resource: str
) -> None:
    segment = await sandbox.create(type_=type_)
    element = user("a") if resource == "users" else company("Acme")
    response = await sandbox.stream(segment, [element], resource)
    assert response.status == 400
    assert f"type {type_}" in (await response.json())["message"]
