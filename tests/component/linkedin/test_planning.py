"""Everything but the road, against our own LinkedIn: every operation, every row of the references' tables of errors, and
every place where the references contradict themselves, played both ways.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from syncd.domain.change import Kind
from syncd.domain.forecast import Impressions, Objective, Plan, Reach
from syncd.domain.insight import Grouping, Insight, Order, Question
from syncd.domain.outcome import (
    CreateOnly,
    Failure,
    InvalidRequest,
    KeyNotFound,
    NoRole,
    NothingToUpdate,
    NotProvisioned,
    NotThere,
    ParameterMissing,
    Refused,
    ServerFailed,
    TokenRefused,
    Unclear,
)
from syncd.domain.targeting import Criteria, Finder, targeting
from syncd.domain.template import Change, Draft, Template
from syncd.linkedin import (
    accounts,
    adsegments,
    destinations,
    entities,
    facets,
    insights,
    mediaplanning,
    segments,
    templates,
)
from syncd.linkedin.answers import failed
from syncd.linkedin.batchdelete import Deletions
from syncd.linkedin.destinations import Destination
from syncd.linkedin.segments import NewSegment
from syncd.linkedin.templates import SortField, SortOrder
from syncd.linkedin.transport import Transport
from syncd.sandbox import SandboxOptions, create_app
from syncd.sandbox.clock import SandboxClock
from syncd.sandbox.options import MemberOption
from tests.component.linkedin.serving import endpoint
from tests.component.sandbox.driver import FakeTime, Sandbox, user

ACCOUNT = "urn:li:sponsoredAccount:123456"
TOKEN = "sandbox-token"
US = ("locations", ("urn:li:geo:103644278",))
FINANCE = ("jobFunctions", ("urn:li:function:10",))
CRITERIA = targeting(None, [US, FINANCE], [])
QUESTION = Question(account=ACCOUNT, criteria=CRITERIA, grouping=Grouping.SENIORITIES)
PLAN = Plan(account=ACCOUNT, criteria=CRITERIA, objective=Objective.BRAND_AWARENESS)
DRAFT = Draft(account=ACCOUNT, name="Finance", description="In the US", criteria=CRITERIA)


@pytest.fixture
def options(request: pytest.FixtureRequest) -> SandboxOptions:
    return SandboxOptions(**getattr(request, "param", {}))


@pytest.fixture
async def sandbox(options: SandboxOptions) -> AsyncIterator[Sandbox]:
    time = FakeTime(1_800_000_000.0)
    app = create_app(options, clock=SandboxClock(1.0, time.wall, time.monotonic))
    async with TestClient(TestServer(app, host="127.0.0.1")) as client:
        yield Sandbox(client, time)


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[Transport]:
    base = str(sandbox.client.make_url("/rest"))
    async with Transport(endpoint(base, request_timeout=10)) as opened:
        yield opened


async def gathered(listing: AsyncIterator[list[Any] | Failure]) -> list[Any]:
    found: list[Any] = []
    async for page in listing:
        assert isinstance(page, list), page
        found += page
    return found


@pytest.mark.parametrize("options", [{}, {"facet_urn_field": "$URN"}, {"paging_total": False}], indirect=True)
async def test_every_facet_is_read_with_its_urn_and_its_finders(client: Transport) -> None:
    found = {facet.name: facet for facet in await gathered(facets.every(client, token=TOKEN))}
    assert found["groups"].urn == "urn:li:adTargetingFacet:groups"
    assert found["groups"].finders == (Finder.TYPEAHEAD, Finder.SIMILAR)
    assert found.keys() >= set(Grouping)


async def test_entities_are_found_by_their_letters_listed_whole_and_named_by_their_urns(client: Transport) -> None:
    searched = await entities.search(client, token=TOKEN, facet="locations", text="united st", most=1)
    assert isinstance(searched, list)
    assert [(one.name, one.urn, one.facet) for one in searched] == [
        ("United States", "urn:li:geo:103644278", "locations")
    ]
    listed = await gathered(entities.of_facet(client, token=TOKEN, facet="locations"))
    assert len(listed) > 100
    assert len({one.urn for one in listed}) == len(listed)
    urns = [one.urn for one in listed[:50]]
    assert [one.urn for one in await gathered(entities.named(client, token=TOKEN, urns=urns))] == urns


async def test_a_query_past_4_kb_goes_as_a_body(client: Transport, sandbox: Sandbox) -> None:
    listed = await gathered(entities.of_facet(client, token=TOKEN, facet="locations"))
    urns = [one.urn for one in listed] * 3
    assert sum(map(len, urns)) > 4096
    assert len(await gathered(entities.named(client, token=TOKEN, urns=urns))) == len(urns)
    assert {entry.status for entry in sandbox.world.journal.since(0)} == {200}


async def test_a_finder_that_a_facet_lacks_is_refused(client: Transport) -> None:
    said = await entities.search(client, token=TOKEN, facet="seniorities", text="manager", most=10)
    assert isinstance(said, Refused)
    assert "does not support the finder TYPEAHEAD" in said.words
    assert said.uuid


@pytest.mark.parametrize("grouping", Grouping)
async def test_insights_come_by_every_grouping(client: Transport, grouping: Grouping) -> None:
    found = await insights.ask(client, token=TOKEN, question=replace(QUESTION, grouping=grouping))
    assert isinstance(found, Insight), found
    assert found.grouping is grouping
    assert found.total > 300
    assert 1 <= len(found.groups) <= 5
    assert all(group.count >= 30 and 0 <= group.percent <= 100 for group in found.groups)
    assert [group.count for group in found.groups] == sorted((group.count for group in found.groups), reverse=True)


async def test_insights_of_a_segment_are_those_of_its_people(client: Transport, sandbox: Sandbox) -> None:
    synced = await sandbox.synced([user(str(number)) for number in range(2_000)])
    (audience,) = synced["audienceMatchingSegments"]
    question = replace(QUESTION, criteria=targeting(audience, [], []), most=100, order=Order.HIERARCHY)
    found = await insights.ask(client, token=TOKEN, question=question)
    assert isinstance(found, Insight), found
    (segment,) = await sandbox.look("segments")
    assert found.total == pytest.approx(segment["audienceSize"], rel=0.1)
    urns = [group.entity for group in found.groups]
    assert urns == sorted(urns, key=lambda urn: int(urn.rpartition(":")[2]))


async def test_a_small_audience_has_no_insights(client: Transport, sandbox: Sandbox) -> None:
    synced = await sandbox.synced([user(str(number)) for number in range(100)])
    (audience,) = synced["audienceMatchingSegments"]
    question = replace(QUESTION, criteria=targeting(audience, [], []))
    assert await insights.ask(client, token=TOKEN, question=question) == Insight(
        grouping=Grouping.SENIORITIES, total=0, groups=()
    )


@pytest.mark.parametrize(
    "options",
    [{}, {"single_point_metric": "list"}, {"metric_bounds": False}],
    indirect=True,
)
async def test_a_forecast_has_curves_and_the_point_of_its_budget(client: Transport, options: SandboxOptions) -> None:
    plan = replace(PLAN, budget=300, audience_expansion=False)
    reach = await mediaplanning.reach(client, token=TOKEN, plan=plan)
    seen = await mediaplanning.impressions(client, token=TOKEN, plan=plan)
    assert isinstance(reach, Reach), reach
    assert isinstance(seen, Impressions), seen
    assert reach.share is not None
    assert reach.reach.target is not None
    assert seen.impressions.target is not None
    assert (reach.reach.target.budget, len(reach.reach.spots)) == (300, 101)
    assert seen.frequency == pytest.approx(seen.impressions.target.value / reach.reach.target.value)
    assert (reach.reach.spots[0].low is None) is not options.metric_bounds


async def test_without_a_budget_a_forecast_has_neither_point_nor_frequency(client: Transport) -> None:
    reach = await mediaplanning.reach(client, token=TOKEN, plan=PLAN)
    seen = await mediaplanning.impressions(client, token=TOKEN, plan=PLAN)
    assert isinstance(reach, Reach), reach
    assert isinstance(seen, Impressions), seen
    assert (reach.share, reach.reach.target, seen.frequency) == (None, None, None)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"template_id": "string"},
        {"id_header": "x-restli-id"},
        {"id_header": "x-linkedin-id"},
        {"id_header": "both"},
    ],
    indirect=True,
)
async def test_a_template_lives_from_creation_to_deletion(client: Transport) -> None:
    made = await templates.create(client, token=TOKEN, draft=DRAFT)
    assert isinstance(made, str), made
    read = await templates.get(client, token=TOKEN, template=made)
    assert isinstance(read, Template), read
    assert (read.id, read.account, read.name, read.description) == (made, ACCOUNT, "Finance", "In the US")
    assert read.criteria == CRITERIA
    assert read.members is not None
    assert read.created == read.modified
    narrower = targeting(None, [US], [("seniorities", ("urn:li:seniority:3",))])
    assert await templates.update(client, token=TOKEN, template=made, change=Change(criteria=narrower)) is None
    changed = await templates.get(client, token=TOKEN, template=made)
    assert isinstance(changed, Template)
    assert (changed.criteria, changed.name) == (narrower, "Finance")
    assert await templates.delete(client, token=TOKEN, template=made) is None
    assert isinstance(await templates.get(client, token=TOKEN, template=made), NotThere)


@pytest.mark.parametrize("options", [{}, {"paging_total": False}], indirect=True)
async def test_all_templates_of_an_account_are_read_in_order_and_several_deleted_at_once(client: Transport) -> None:
    made = [
        await templates.create(client, token=TOKEN, draft=replace(DRAFT, name=f"T{number:03}")) for number in range(101)
    ]
    ids = [one for one in made if isinstance(one, str)]
    last_first = templates.of_account(
        client, token=TOKEN, account=ACCOUNT, sort=SortField.NAME, order=SortOrder.DESCENDING
    )
    names = [one.name for one in await gathered(last_first)]
    assert names == [f"T{number:03}" for number in reversed(range(101))]
    done = await templates.delete_all(client, token=TOKEN, templates=[*ids, "77"])
    assert isinstance(done, Deletions), done
    assert set(done.gone) == set(ids)
    assert isinstance(done.kept["77"], KeyNotFound)


async def test_a_segment_is_renamed_served_and_deleted_among_others(client: Transport) -> None:
    made = []
    for key in ("a", "b"):
        new = NewSegment(name=key, account=ACCOUNT, source_platform="FAKE", source_segment_id=key, kind=Kind.USER)
        created = await segments.create(client, token=TOKEN, segment=new)
        assert isinstance(created, int), created
        made.append(created)
    assert await segments.rename(client, token=TOKEN, dmp_id=made[0], name="Another") is None
    read = await segments.get(client, token=TOKEN, dmp_id=made[0])
    assert not isinstance(read, NotThere)
    assert getattr(read, "name", "") == "Another"
    served = await destinations.get(client, token=TOKEN, dmp_id=made[0])
    assert isinstance(served, Destination), served
    assert (served.name, served.status) == ("LINKEDIN", "BUILDING")
    assert await destinations.every(client, token=TOKEN, dmp_id=made[0]) == [served]
    known = await gathered(adsegments.of_accounts(client, token=TOKEN, accounts=[ACCOUNT]))
    assert served.ad_segment in {one.urn for one in known}
    done = await segments.delete_all(client, token=TOKEN, dmp_ids=[*made, 5])
    assert isinstance(done, Deletions), done
    assert set(done.gone) == {str(one) for one in made}
    assert isinstance(done.kept["5"], NotThere)


async def test_a_segment_without_a_destination_gets_one(client: Transport) -> None:
    new = NewSegment(
        name="x", account=ACCOUNT, source_platform="FAKE", source_segment_id="x", kind=Kind.USER, destinations=()
    )
    made = await segments.create(client, token=TOKEN, segment=new)
    assert isinstance(made, int), made
    assert await destinations.add(client, token=TOKEN, dmp_id=made) is None
    assert isinstance(await destinations.get(client, token=TOKEN, dmp_id=made), Destination)


async def test_accounts_and_the_role_in_one_of_them_are_read(client: Transport) -> None:
    found = await accounts.every(client, TOKEN)
    assert isinstance(found, list), found
    assert ACCOUNT in {one.urn for one in found}
    role = await accounts.role(client, TOKEN, account=ACCOUNT, user="urn:li:person:demo")
    assert role == accounts.Role(ACCOUNT, "urn:li:person:demo", "CAMPAIGN_MANAGER")


# The references' tables of errors, row by row.

PLANNING: tuple[Callable[[Transport], Awaitable[object]], ...] = (
    lambda client: insights.ask(client, token=TOKEN, question=QUESTION),
    lambda client: mediaplanning.reach(client, token=TOKEN, plan=PLAN),
    lambda client: mediaplanning.impressions(client, token=TOKEN, plan=PLAN),
)


async def test_an_unknown_token_is_refused(client: Transport) -> None:
    for answer in (
        await insights.ask(client, token="none", question=QUESTION),
        await mediaplanning.reach(client, token="none", plan=PLAN),
        await templates.get(client, token="none", template="1"),
    ):
        assert isinstance(answer, TokenRefused), answer
        assert answer.words.startswith("401 INVALID_ACCESS_TOKEN")
        assert answer.uuid


async def test_a_token_that_linkedin_calls_empty_or_expired_is_refused(client: Transport, sandbox: Sandbox) -> None:
    body = '{"status":401,"code":"EMPTY_ACCESS_TOKEN","message":"Empty or expired oauth2 access token"}'
    for ask in PLANNING:
        await sandbox.fault({"kind": "status", "status": 401, "body": body})
        answer = await ask(client)
        assert isinstance(answer, TokenRefused), answer
        assert answer.words == "401 EMPTY_ACCESS_TOKEN: Empty or expired oauth2 access token"
        assert answer.uuid


async def test_an_empty_token_is_never_sent(client: Transport, sandbox: Sandbox) -> None:
    before = sandbox.world.journal.opened
    assert isinstance(await insights.ask(client, token="", question=QUESTION), Unclear)
    assert sandbox.world.journal.opened == before


@pytest.mark.parametrize("options", [{"audience_insights": False, "media_planning": False}], indirect=True)
async def test_an_application_without_the_product_is_told_so(client: Transport) -> None:
    for ask in PLANNING:
        answer = await ask(client)
        assert isinstance(answer, NotProvisioned), answer
        assert answer.words.startswith("403 ACCESS_DENIED"), answer
        assert answer.uuid


async def test_a_token_without_the_scope_to_write_may_read_templates_only(client: Transport, sandbox: Sandbox) -> None:
    made = await templates.create(client, token=TOKEN, draft=DRAFT)
    assert isinstance(made, str), made
    await sandbox.control("tokens", {"do": "issue", "member": "ro", "token": "t-ro", "scope": "r_ads"})
    assert isinstance(await templates.get(client, token="t-ro", template=made), Template)
    for answer in (
        await templates.create(client, token="t-ro", draft=DRAFT),
        await templates.update(client, token="t-ro", template=made, change=Change(name="x")),
        await templates.delete(client, token="t-ro", template=made),
    ):
        assert isinstance(answer, NotProvisioned), answer
        assert answer.words.startswith("403 ACCESS_DENIED"), answer
        assert answer.uuid


async def test_an_account_the_member_has_no_role_in_is_refused(client: Transport, sandbox: Sandbox) -> None:
    made = await templates.create(client, token=TOKEN, draft=DRAFT)
    assert isinstance(made, str), made
    await sandbox.control("tokens", {"do": "role", "member": "demo", "account": ACCOUNT, "role": None})
    for answer in (
        await insights.ask(client, token=TOKEN, question=QUESTION),
        await mediaplanning.reach(client, token=TOKEN, plan=PLAN),
        await mediaplanning.impressions(client, token=TOKEN, plan=PLAN),
        await templates.create(client, token=TOKEN, draft=DRAFT),
        await templates.get(client, token=TOKEN, template=made),
        await templates.update(client, token=TOKEN, template=made, change=Change(name="x")),
        await templates.delete(client, token=TOKEN, template=made),
    ):
        assert isinstance(answer, NoRole), answer
        assert answer.words.startswith("403 USER_NOT_AUTHORIZED"), answer
        assert answer.uuid


@pytest.mark.parametrize("options", [{"metadata_required": False}], indirect=True)
async def test_insights_name_their_account_where_it_need_not_be_named(client: Transport, sandbox: Sandbox) -> None:
    assert isinstance(await insights.ask(client, token=TOKEN, question=QUESTION), Insight)
    await sandbox.control("tokens", {"do": "role", "member": "demo", "account": ACCOUNT, "role": None})
    assert isinstance(await insights.ask(client, token=TOKEN, question=QUESTION), NoRole)


VIEWER: dict[str, Any] = {"members": (MemberOption("demo", TOKEN, "VIEWER"),)}


@pytest.mark.parametrize("options", [VIEWER], indirect=True)
async def test_a_viewer_may_look_and_not_write(client: Transport) -> None:
    assert isinstance(await insights.ask(client, token=TOKEN, question=QUESTION), Insight)
    assert isinstance(await mediaplanning.reach(client, token=TOKEN, plan=PLAN), Reach)
    said = await templates.create(client, token=TOKEN, draft=DRAFT)
    assert isinstance(said, NoRole), said
    assert "USER_NOT_AUTHORIZED" in said.words


@pytest.mark.parametrize("options", [{}, {"bad_criteria_status": 400}], indirect=True)
async def test_criteria_that_linkedin_does_not_take_are_invalid_whatever_the_status(client: Transport) -> None:
    wrong = targeting(None, [US, ("skills", ("urn:li:skill:1",))], [])
    for answer in (
        await insights.ask(client, token=TOKEN, question=replace(QUESTION, criteria=wrong)),
        await mediaplanning.reach(client, token=TOKEN, plan=replace(PLAN, criteria=wrong)),
    ):
        assert isinstance(answer, InvalidRequest), answer
        assert "FAILED_VALIDATION_CONDITION" in answer.words
        assert answer.uuid


async def test_a_server_that_fails_is_unclear_and_says_so(client: Transport, sandbox: Sandbox) -> None:
    body = '{"status":500,"code":"INTERNAL_SERVER_ERROR","message":"Internal server side error"}'
    for ask in PLANNING:
        await sandbox.fault({"kind": "status", "status": 500, "body": body})
        answer = await ask(client)
        assert answer == ServerFailed(
            "500 INTERNAL_SERVER_ERROR: Internal server side error", lingering=False, uuid=getattr(answer, "uuid", "")
        )


async def test_templates_that_are_not_there_say_what_they_cannot_be(client: Transport) -> None:
    assert isinstance(
        await templates.update(client, token=TOKEN, template="1", change=Change(name="x")), NothingToUpdate
    )
    assert isinstance(await templates.delete(client, token=TOKEN, template="1"), KeyNotFound)


@pytest.mark.parametrize("left_out", ["account", "sortField"])
async def test_a_parameter_left_out_is_named(client: Transport, left_out: str) -> None:
    asked = {"account": f"account={ACCOUNT.replace(':', '%3A')}", "sortField": "sortField=ID"}
    query = "&".join(["q=account", *(text for name, text in asked.items() if name != left_out)])
    said = failed(await client.call("GET", "/adTargetTemplates", token=TOKEN, query=query))
    assert isinstance(said, ParameterMissing), said
    assert f"Parameter '{left_out}' is required" in said.words


async def test_the_account_of_a_template_is_set_once(client: Transport) -> None:
    made = await templates.create(client, token=TOKEN, draft=DRAFT)
    body = f'{{"patch":{{"$set":{{"account":"{ACCOUNT}"}}}}}}'.encode()
    path = f"/adTargetTemplates/{made}"
    said = failed(await client.call("POST", path, token=TOKEN, body=body, restli_method="PARTIAL_UPDATE"))
    assert isinstance(said, CreateOnly), said


async def test_a_name_of_101_characters_is_refused_by_linkedin_too(client: Transport) -> None:
    said = await templates.create(client, token=TOKEN, draft=replace(DRAFT, name="n" * 101))
    assert isinstance(said, Refused), said


async def test_an_exclusion_is_refused_in_a_forecast_by_linkedin_too(client: Transport) -> None:
    without = Criteria(include=CRITERIA.include, exclude={"seniorities": ("urn:li:seniority:1",)})
    said = await mediaplanning.reach(client, token=TOKEN, plan=replace(PLAN, criteria=without))
    assert isinstance(said, InvalidRequest), said
