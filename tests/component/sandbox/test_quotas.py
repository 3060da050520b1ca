"""The sliding minute and the two daily limits, measured at the server."""

from hypothesis import given
from hypothesis import strategies as st

from syncd.sandbox.quotas import SlidingWindow
from tests.component.sandbox.conftest import Start
from tests.component.sandbox.driver import Sandbox, company, user


async def throttled(sandbox: Sandbox, segment: str, token: str = "sandbox-token") -> str | None:
    response = await sandbox.stream(segment, [user("a")], token=token)
    if response.status == 200:
        return None
    body = await response.json()
    assert (body["status"], body["serviceErrorCode"]) == (429, 101)
    message: str = body["message"]
    return message


async def test_one_arrival_too_many_in_sixty_seconds_is_throttled(start: Start) -> None:
    sandbox = await start(users_per_minute=3)
    segment = await sandbox.create()
    for _ in range(3):
        assert await throttled(sandbox, segment) is None
        sandbox.time.seconds += 15
    assert await throttled(sandbox, segment) == "Too Many Requests"
    sandbox.time.seconds += 30.1
    assert await throttled(sandbox, segment) is None
    [limit] = await sandbox.look("limits")
    assert limit["limit"] == 3
    assert limit["max_in_window"] == 4
    assert limit["arrivals"] == 5
    assert limit["throttled"] == 1


async def test_a_fast_sandbox_clock_does_not_shorten_the_minute(start: Start) -> None:
    sandbox = await start(users_per_minute=1)
    segment = await sandbox.create()
    assert await throttled(sandbox, segment) is None
    await sandbox.control("clock", {"advance": 86_400})
    assert await throttled(sandbox, segment) == "Too Many Requests"


async def test_members_and_resources_have_windows_of_their_own(start: Start) -> None:
    sandbox = await start(users_per_minute=1, companies_per_minute=1)
    users, companies = await sandbox.create("u"), await sandbox.create("c", "COMPANY")
    await sandbox.control("tokens", {"do": "issue", "member": "other", "token": "t2"})
    assert await throttled(sandbox, users) is None
    assert await throttled(sandbox, users, token="t2") is None
    assert await sandbox.statuses(companies, [company("Acme")], "companies") == [201]
    assert await throttled(sandbox, users, token="t2") == "Too Many Requests"


async def test_reads_and_segment_calls_are_not_counted(start: Start) -> None:
    sandbox = await start(users_per_minute=1, member_daily=1)
    segment = await sandbox.create()
    for _ in range(5):
        await sandbox.status(segment)
    assert await sandbox.look("limits") == []


async def test_the_members_daily_limit_resets_at_midnight_of_the_sandbox(start: Start) -> None:
    sandbox = await start(member_daily=2)
    segment = await sandbox.create()
    await sandbox.control("tokens", {"do": "issue", "member": "other", "token": "t2"})
    assert [await throttled(sandbox, segment) for _ in range(3)] == [
        None,
        None,
        "Resource level throttle APPLICATION_AND_MEMBER DAY limit for calls to this resource is reached",
    ]
    assert await throttled(sandbox, segment, token="t2") is None
    await sandbox.control("clock", {"advance": 86_400})
    assert await throttled(sandbox, segment) is None


async def test_the_applications_daily_limit_holds_for_all_its_members(start: Start) -> None:
    sandbox = await start(application_daily=2)
    segment = await sandbox.create()
    await sandbox.control("tokens", {"do": "issue", "member": "other", "token": "t2"})
    await sandbox.control("tokens", {"do": "issue", "member": "apart", "token": "t3", "application": "other-app"})
    assert await throttled(sandbox, segment) is None
    assert await throttled(sandbox, segment, token="t2") is None
    message = "Resource level throttle APPLICATION DAY limit for calls to this resource is reached"
    assert await throttled(sandbox, segment) == message
    assert await throttled(sandbox, segment, token="t2") == message
    assert await throttled(sandbox, segment, token="t3") is None


async def test_limits_can_be_changed_while_it_runs(start: Start) -> None:
    sandbox = await start(users_per_minute=0)
    segment = await sandbox.create()
    assert await throttled(sandbox, segment) == "Too Many Requests"
    await sandbox.control("options", {"users_per_minute": 300})
    assert await throttled(sandbox, segment) is None


@given(st.lists(st.floats(0, 40), max_size=60))
def test_the_window_counts_what_a_brute_force_count_counts(gaps: list[float]) -> None:
    window, arrivals, now, most = SlidingWindow(), list[float](), 0.0, 0
    for gap in gaps:
        now += gap
        arrivals.append(now)
        expected = sum(1 for arrival in arrivals if now - 60 < arrival)
        assert window.arrive(now) == expected
        most = max(most, expected)
    assert window.max_in_window == most
