"""What the API does at LinkedIn, against our own LinkedIn: rename, adopt, plan, save templates, sign a member in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import select, update

from syncd.domain.access import Role
from syncd.settings import Linkedin as LinkedinSettings
from syncd.settings import Member, Settings
from syncd.store.engine import Database
from syncd.store.tables import segments
from tests.component.admin.conftest import made
from tests.component.admin.furnished import furnish
from tests.component.admin.house import OURS, THEIRS, House, opened
from tests.component.cli.linkedin import Linkedin, running
from tests.component.sandbox.driver import user

BACK = "https://example.com/back"
US = {"locations": ["urn:li:geo:103644278"]}


@pytest.fixture
def linkedin() -> Iterator[Linkedin]:
    with running() as begun:
        yield begun


@pytest.fixture
def settings(store_url: str, tmp_path: Path, linkedin: Linkedin) -> Settings:
    (tmp_path / "secret").write_text("demo-secret")
    (tmp_path / "token").write_text("sandbox-token")
    member = Member(
        key="demo",
        client_id="demo-app",
        client_secret_file=tmp_path / "secret",
        access_token_file=tmp_path / "token",
    )
    return made(
        store_url,
        tmp_path,
        linkedin=LinkedinSettings(
            source_platform="FAKE", base_url=f"{linkedin.origin}/rest", oauth_url=f"{linkedin.origin}/oauth/v2"
        ),
        members=(member,),
        secret_keys=(SecretStr(Fernet.generate_key().decode()),),
    )


@pytest.fixture
async def at_linkedin(database: Database, settings: Settings, linkedin: Linkedin) -> AsyncIterator[House]:
    """Our segment is there, with 3,000 people in its audience."""
    await furnish(database)
    facet = linkedin.do(linkedin.sandbox.synced([user(str(number)) for number in range(3_000)]))
    (audience,) = facet["audienceMatchingSegments"]
    (dmp_id,) = [one.id for one in linkedin.sandbox.world.segments]
    async with database.begin() as connection:
        ours = update(segments).where(segments.c.key == "ours")
        await connection.execute(ours.values(dmp_id=dmp_id, ad_segment=audience, status="READY", audience_size=3_000))
    async with opened(database, settings) as house:
        yield house


async def audited(house: House) -> dict[str, Any]:
    """The newest row."""
    row: dict[str, Any] = (await (await house.program()).get("/api/v1/audit?limit=2"))["items"][1]
    return row


async def test_a_renamed_segment_is_renamed_at_linkedin_too(at_linkedin: House, linkedin: Linkedin) -> None:
    program = await at_linkedin.program(Role.OPERATOR)
    told = await program.send("PATCH", "/api/v1/segments/ours", {"name": "Another", "reason": "TICKET-2"})
    assert told["segment"]["name"] == "Another"
    assert [one.name for one in linkedin.sandbox.world.segments] == ["Another"]
    row = await audited(at_linkedin)
    assert (row["action"], row["before"], row["after"]) == (
        "segment.rename",
        {"name": "The ours"},
        {"name": "Another"},
    )


async def test_a_segment_that_linkedin_does_not_know_yet_is_not_renamed(at_linkedin: House) -> None:
    program = await at_linkedin.program(Role.OPERATOR)
    await program.send("PATCH", "/api/v1/segments/theirs", {"name": "Another"}, 409)
    assert (await program.get("/api/v1/segments/theirs"))["segment"]["name"] == "The theirs"


async def test_a_segment_found_at_linkedin_is_adopted(at_linkedin: House) -> None:
    async with at_linkedin.database.begin() as connection:
        await connection.execute(update(segments).where(segments.c.key == "theirs").values(parked="foreign"))
    program = await at_linkedin.program(Role.OPERATOR)
    told = await program.send("POST", "/api/v1/segments/theirs/adopt", {})
    assert told["segment"]["order"] == "adopt"
    assert (await audited(at_linkedin))["action"] == "segment.adopt"
    await program.send("POST", "/api/v1/segments/ours/adopt", {}, 409)


async def test_insights_and_forecasts_come_with_their_notices(at_linkedin: House) -> None:
    program = await at_linkedin.program(Role.VIEWER)
    told = await program.send("POST", "/api/v1/segments/ours/insights", {"groupings": ["seniorities"]})
    assert told["breakdowns"][0]["total"] > 0
    assert told["notices"]
    asked = {"objective": "VIDEO_VIEW", "include": US, "budget": 500}
    told = await program.send("POST", "/api/v1/segments/ours/forecast", asked)
    assert told["forecast"]["reach"]["spots"]
    await program.send("POST", "/api/v1/segments/ours/forecast", {**asked, "include": {"nonsense": ["x"]}}, 422)


async def test_whose_sight_ends_at_an_account_names_no_audience_of_another(at_linkedin: House) -> None:
    """Not to learn who is in it, nor what it would reach, nor to save it: and not even whether there is one."""
    async with at_linkedin.database.begin() as connection:
        ours = (await connection.execute(select(segments.c.ad_segment).where(segments.c.key == "ours"))).scalar_one()
        mine = ours + "1"
        theirs = update(segments).where(segments.c.key == "theirs")
        await connection.execute(theirs.values(dmp_id=1, ad_segment=mine, status="READY", audience_size=3_000))
    limited, whole = await at_linkedin.program(Role.ADMIN, THEIRS), await at_linkedin.program(Role.ADMIN)
    facet = "urn:li:adTargetingFacet:somethingNew"
    asked: list[tuple[str, dict[str, Any]]] = [
        ("segments/theirs/insights", {"groupings": ["seniorities"]}),
        ("segments/theirs/forecast", {"objective": "VIDEO_VIEW", "budget": 500}),
        ("templates", {"name": "T", "account": THEIRS}),
    ]
    for foreign in (ours, "urn:li:adSegment:404"):
        for name in ("audienceMatchingSegments", "dynamicSegments", facet):
            for path, body in asked:
                for narrowed in ({"include": US | {name: [foreign]}}, {"include": US, "exclude": {name: [foreign]}}):
                    told = await limited.send("POST", f"/api/v1/{path}", body | narrowed, 404)
                    assert told["detail"] == "an audience that is named there is of no segment of yours"
    saved = await limited.send("POST", "/api/v1/templates", {"name": "T", "account": THEIRS, "include": US}, 201)
    own = {"include": {"audienceMatchingSegments": [mine]}}
    told = await limited.send("PATCH", f"/api/v1/templates/{saved['id']}", own, 422)
    assert "LinkedIn says" in told["detail"], "it went to LinkedIn, whose sandbox knows no such segment"
    await limited.send("PATCH", f"/api/v1/templates/{saved['id']}", {"include": {"dynamicSegments": [ours]}}, 404)
    free = {"name": "T", "account": OURS, "include": US | {"audienceMatchingSegments": [ours]}}
    await whole.send("POST", "/api/v1/templates", free, 201)


async def test_whoever_asks_about_no_segment_is_answered_by_a_member_of_their_accounts(
    at_linkedin: House, settings: Settings, tmp_path: Path
) -> None:
    """The first member's token is worth nothing: who does not work for its accounts never meets it."""
    (tmp_path / "refused").write_text("refused-token")
    first = Member(key="first", access_token_file=tmp_path / "refused")
    desk = settings.model_copy(update={"members": (first, *settings.members)})
    async with opened(at_linkedin.database, desk) as house:
        limited, nobody = await house.program(Role.ADMIN, THEIRS), await house.program(Role.ADMIN, THEIRS + "9")
        for path in ("facets", "entities?text=germany", f"templates?account={THEIRS}"):
            assert await limited.get(f"/api/v1/{path}")
        for path in ("facets", "entities?text=germany", f"templates?account={THEIRS}9"):
            told = await nobody.send("GET", f"/api/v1/{path}", status=422)
            assert "no member is known that works for your ad accounts" in told["detail"]


async def test_a_segment_is_made_with_a_member_that_works_for_ones_accounts_and_no_other_is_named(
    house: House, settings: Settings
) -> None:
    members = (*settings.members, Member(key="secret-agency", access_token_file=settings.members[0].access_token_file))
    await furnish(house.database)
    async with opened(house.database, settings.model_copy(update={"members": members})) as wide:
        limited, whole = await wide.program(Role.OPERATOR, THEIRS), await wide.program(Role.OPERATOR)
        wanted = {"key": "new", "name": "New", "kind": "user", "account": THEIRS, "member": "secret-agency"}
        told = await limited.send("POST", "/api/v1/segments", wanted, 422)
        assert told["detail"] == "there is no member secret-agency for it: declared are demo"
        told = await limited.send("POST", "/api/v1/segments", wanted | {"member": "nobody"}, 422)
        assert "agency" not in told["detail"]
        await limited.send("POST", "/api/v1/segments", wanted | {"member": "demo"}, 201)
        await whole.send("POST", "/api/v1/segments", wanted | {"key": "newer"}, 201)


async def test_facets_and_entities_are_found(at_linkedin: House) -> None:
    program = await at_linkedin.program(Role.VIEWER)
    assert (await program.get("/api/v1/facets"))["facets"]
    assert (await program.get("/api/v1/entities?text=germany&limit=3"))["entities"]
    facets = "/api/v1/entities?limit=2&facet=seniorities"
    assert len((await program.get(facets))["entities"]) == 2
    both = (await program.get(f"{facets}&facet=jobFunctions"))["entities"]
    assert {one["facet"] for one in both} == {"seniorities", "jobFunctions"}
    await program.send("GET", "/api/v1/entities", status=422)


async def test_a_template_is_saved_changed_and_deleted(at_linkedin: House) -> None:
    program = await at_linkedin.program(Role.ADMIN)
    saved = await program.send("POST", "/api/v1/templates", {"name": "T", "account": OURS, "include": US}, 201)
    path = f"/api/v1/templates/{saved['id']}"
    await program.send("PATCH", path, {"name": "U", "segment": "ours"})
    (shown,) = (await program.get(path))["templates"]
    assert (shown["name"], shown["account"]) == ("U", OURS)
    assert [one["id"] for one in (await program.get(f"/api/v1/templates?account={OURS}"))["templates"]] == [saved["id"]]
    limited = await at_linkedin.program(Role.ADMIN, THEIRS)
    for method, body in (("GET", None), ("PATCH", {"name": "V"}), ("DELETE", {})):
        await limited.send(method, path, body, 404)
    await limited.send("POST", "/api/v1/templates", {"name": "T", "segment": "ours"}, 404)
    gone = await program.send("DELETE", path, {})
    assert gone["gone"] == [saved["id"]]
    rows = (await program.get("/api/v1/audit"))["items"]
    assert [one["action"] for one in rows if one["action"].startswith("template")] == [
        "template.delete",
        "template.update",
        "template.create",
    ]


async def test_several_templates_are_deleted_in_one_call_if_all_of_them_may_be(at_linkedin: House) -> None:
    program = await at_linkedin.program(Role.ADMIN)
    wanted = {"name": "T", "account": OURS, "include": US}
    made = [(await program.send("POST", "/api/v1/templates", wanted, 201))["id"] for _ in range(2)]
    limited = await at_linkedin.program(Role.ADMIN, THEIRS)
    await limited.send("POST", "/api/v1/templates/delete", {"templates": made}, 404)
    await program.send("POST", "/api/v1/templates/delete", {"templates": [*made, "one"]}, 422)
    told = await program.send(
        "POST", "/api/v1/templates/delete", {"templates": [*made, made[0], "99"], "reason": "TICKET-1"}
    )
    assert (sorted(told["gone"]), list(told["kept"])) == (made, ["99"])
    rows = [one for one in (await program.get("/api/v1/audit"))["items"] if one["action"] == "template.delete"]
    assert sorted((one["target"], one["reason"]) for one in rows) == [(one, "TICKET-1") for one in made]


async def test_a_member_is_signed_in_by_its_consent(at_linkedin: House, linkedin: Linkedin) -> None:
    program = await at_linkedin.program(Role.ADMIN)
    begun = await program.send("POST", "/api/v1/members/demo/sign-in", {"redirect_uri": BACK})

    async def consent() -> str:
        path = begun["url"].removeprefix(linkedin.origin)
        return str((await linkedin.sandbox.client.get(path, allow_redirects=False)).headers["Location"])

    address = linkedin.do(consent())
    finish = "/api/v1/members/demo/sign-in/finish"
    other = await at_linkedin.program(Role.ADMIN)
    await other.send("POST", finish, {"ticket": begun["ticket"], "address": address}, 422)
    await program.send("POST", finish, {"ticket": begun["ticket"].swapcase(), "address": address}, 422)
    await program.send("POST", finish, {"ticket": begun["ticket"], "address": f"{BACK}?code=x&state=forged"}, 422)
    told = await program.send("POST", finish, {"ticket": begun["ticket"], "address": address})
    assert told["consent_ends"] is not None
    (member,) = (await program.get("/api/v1/members"))["items"]
    assert member["member"]["refresh_token_ends"] is not None
    row = await audited(at_linkedin)
    assert (row["action"], row["target"], list(row["after"])) == ("member.sign-in", "demo", ["consent_ends"])
