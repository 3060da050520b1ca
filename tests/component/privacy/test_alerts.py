"""Alerts: said once when they begin, once when they heal, whoever looks and however often; posted, signed, until taken."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from pydantic import SecretStr
from sqlalchemy import select, update

from syncd.domain.access import By, Door
from syncd.domain.alerts import Condition, Kind, of_segment, of_token, of_version
from syncd.domain.change import Kind as Holds
from syncd.domain.events import AlertHealed, AlertRaised, Event, WebhookFailed
from syncd.domain.resync import Mode, Origin, State
from syncd.domain.segment import MemberKey, MemberParking, Segment, SegmentKey, SegmentParking
from syncd.errors import BadConfiguration, LeaseLost
from syncd.operations import erasure
from syncd.reconcile.alert import Alerter
from syncd.reconcile.webhook import Webhook, signature
from syncd.settings import Alerts, Erasure, Linkedin, Settings, load
from syncd.store import alerts, erasures, resyncs, segments
from syncd.store.alerts import notifications
from syncd.store.engine import Database
from syncd.store.tables import later
from syncd.store.tables import segments as segment_rows
from tests.component.operations.conftest import made
from tests.component.privacy.stage import KEY, Stage

SECRET = "a secret of the receiver's"
DAY = 86_400.0


@pytest.fixture
def settings(store_url: str, tmp_path: Path) -> Settings:
    wanted = Alerts(webhook_url="https://hooks.example.com/syncd", secret=SecretStr(SECRET), dead_letters=1)
    return made(store_url, tmp_path, alerts=wanted, linkedin=Linkedin(source_platform="FAKE", api_version="209901"))


@pytest.fixture
def alerter(stage: Stage) -> Alerter:
    return Alerter(
        database=stage.database,
        grant=stage.member.grant,
        emit=stage.events.append,
        ends=lambda: (None, None),
        settings=stage.settings,
        wall=lambda: 0.0,
        roll=stage.tools.roll,
    )


def told(stage: Stage) -> list[tuple[str, str]]:
    """Kind and event of what was said."""
    names = {AlertRaised: "raised", AlertHealed: "healed"}
    return [(one.kind, names[type(one)]) for one in stage.events if isinstance(one, AlertRaised | AlertHealed)]


async def test_what_wants_a_person_is_said_once_when_it_begins_and_once_when_it_heals(
    stage: Stage, alerter: Alerter
) -> None:
    async with stage.database.begin() as connection:
        await segments.park_member(connection, "demo", MemberParking.TOKEN, "revoked")
    await alerter.look()
    await alerter.look()
    await replace(alerter).look()
    assert told(stage) == [("member_parked", "raised")]
    async with stage.database.begin() as connection:
        await segments.park_member(connection, "demo", None)
    await alerter.look()
    await replace(alerter).look()
    assert told(stage) == [("member_parked", "raised"), ("member_parked", "healed")]
    async with stage.database.read() as connection:
        rows = (await connection.execute(select(notifications.c.event).order_by(notifications.c.id))).scalars()
        assert list(rows) == ["raised", "healed"]
        standing = select(alerts.alerts.c.id).where(alerts.alerts.c.healed_at.is_(None))
        assert (await connection.execute(standing)).first() is None


async def test_only_the_owner_writes_what_has_changed(stage: Stage, alerter: Alerter) -> None:
    """Who lost the member may look, and finds out as soon as there is something to say."""
    former = replace(alerter, grant=replace(alerter.grant, token=alerter.grant.token - 1))
    await former.look()
    async with stage.database.begin() as connection:
        await segments.park_member(connection, "demo", MemberParking.TOKEN, "revoked")
    with pytest.raises(LeaseLost):
        await former.look()
    assert told(stage) == []
    await alerter.look()
    assert told(stage) == [("member_parked", "raised")]
    await former.look()


async def test_whoever_waits_for_an_audience_hears_of_it_once(stage: Stage, alerter: Alerter) -> None:
    for status in ("BUILDING", "READY", "UPDATING", "READY", "ARCHIVED"):
        async with stage.database.begin() as connection:
            await connection.execute(update(segment_rows).where(segment_rows.c.key == "trial").values(status=status))
        await alerter.look()
    assert told(stage) == [("segment_ready", "raised")]


async def test_dead_letters_above_the_threshold_are_told_but_not_those_of_suppressed_people(
    stage: Stage, alerter: Alerter
) -> None:
    await stage.commit("trial", {"email": "no"})
    await stage.take()
    await alerter.look()
    assert told(stage) == []
    await stage.commit("trial", {"email": "neither"})
    await stage.take()
    await alerter.look()
    assert told(stage) == [("dead_letters", "raised")]


async def asked(stage: Stage, state: State, mode: Mode = Mode.RECONCILE) -> None:
    """A resync of the trial segment that has come to a state."""
    async with stage.database.begin() as connection:
        begun = State.PLANNING if state is State.BLOWN else state
        segment = stage.lane("trial").segment.id
        number = await resyncs.ask(connection, segment, mode, Origin.QUERY, by="ann", state=begun)
        if state is not State.PLANNED:
            await resyncs.end(connection, number, state if state is State.BLOWN else State.DONE)


async def test_a_blown_fuse_is_told_until_a_later_reconcile_is_started(stage: Stage, alerter: Alerter) -> None:
    for state in (State.BLOWN, State.BLOWN, State.PLANNED):
        await asked(stage, state)
        await alerter.look()
    await asked(stage, State.WAITING, Mode.REPLAY)
    await alerter.look()
    assert told(stage) == [("fuse_blown", "raised")]
    await asked(stage, State.WAITING)
    await alerter.look()
    assert told(stage) == [("fuse_blown", "raised"), ("fuse_blown", "healed")]


def segment(**values: object) -> Segment:
    given = {"id": 1, "key": SegmentKey("trial"), "name": "Trial", "kind": Holds.USER, "account": "a"}
    return Segment(**{**given, "member": MemberKey("demo"), **values})  # type: ignore[arg-type]  # as the test gives them


@pytest.mark.parametrize(
    ("values", "kinds"),
    [
        ({"status": "READY"}, [Kind.SEGMENT_READY]),
        ({"status": "FAILED"}, [Kind.SEGMENT_FAILED]),
        ({"status": "EXPIRED", "parked": SegmentParking.EXPIRED}, [Kind.SEGMENT_EXPIRED]),
        ({"status": "ARCHIVED", "parked": SegmentParking.LOST}, [Kind.SEGMENT_PARKED]),
        ({"status": "BUILDING"}, []),
    ],
)
def test_a_segment_wants_a_person_when_it_stands_still(values: dict[str, object], kinds: list[Kind]) -> None:
    assert [one.kind for one in of_segment(segment(**values), many_dead=None)] == kinds


@pytest.mark.parametrize(("days", "level"), [(31, 0), (30, 1), (7, 2), (1, 3), (-1, 3)])
def test_a_token_s_end_is_told_30_7_and_1_days_before(days: float, level: int) -> None:
    found = of_token("demo", "refresh", 100 * DAY, (100 - days) * DAY)
    assert (found.level if found else 0) == level


@pytest.mark.parametrize(("days", "level"), [(61, 0), (60, 1), (14, 2), (-3, 2)])
def test_a_version_s_end_is_told_60_and_14_days_before(days: float, level: int) -> None:
    found = of_version("202608", days)
    assert (found.level if found else 0) == level


async def test_an_end_that_comes_nearer_is_told_again(database: Database) -> None:
    first = Condition(kind=Kind.TOKEN_ENDING, about="demo/refresh", words="30 days", level=1)
    async with database.begin() as connection:
        for condition in (first, first, replace(first, level=2), replace(first, level=2)):
            await alerts.compare(connection, "demo", [condition], tell=True)
        rows = (await connection.execute(select(notifications.c.event).order_by(notifications.c.id))).scalars()
        assert list(rows) == ["raised", "worse"]


class Receiver:
    """A webhook on loopback; `status` is what it answers."""

    def __init__(self) -> None:
        self.status = 204
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.headers), await request.read()))
        return web.Response(status=self.status, headers={"Location": "/elsewhere"})


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield receiver
    await runner.cleanup()


def webhook(database: Database, url: str, events: list[Event]) -> Webhook:
    return Webhook(
        database=database,
        emit=events.append,
        url=url,
        secret=SECRET,
        instance="test",
        wall=lambda: 1_800_000_000.5,
        dice=lambda: 0.0,
    )


async def raised(database: Database) -> None:
    condition = Condition(kind=Kind.MEMBER_PARKED, about="demo", words="member demo is parked")
    async with database.begin() as connection:
        await alerts.compare(connection, "demo", [condition], tell=True)


async def test_a_notification_is_signed_over_its_time_and_body(database: Database, receiver: Receiver) -> None:
    await raised(database)
    sender = webhook(database, receiver.url, [])
    async with sender.session() as session:
        assert await sender.send_due(session)
        assert not await sender.send_due(session)
    ((headers, body),) = receiver.got
    assert headers["Syncd-Timestamp"] == "1800000000"
    assert headers["Syncd-Signature"] == signature(SECRET, "1800000000", body)
    assert signature(SECRET, "1800000001", body) != headers["Syncd-Signature"]
    said = json.loads(body)
    assert (str(said["id"]), said["event"], said["kind"]) == (headers["Syncd-Notification"], "raised", "member_parked")
    assert (said["instance"], said["about"], said["words"]) == ("test", "demo", "member demo is parked")


@pytest.mark.parametrize("status", [302, 500])
async def test_what_is_not_taken_goes_again_later_and_no_redirect_is_followed(
    database: Database, receiver: Receiver, status: int
) -> None:
    await raised(database)
    receiver.status = status
    events: list[Event] = []
    sender = webhook(database, receiver.url, events)
    async with sender.session() as session:
        assert await sender.send_due(session)
        assert not await sender.send_due(session)
        assert [one.words for one in events if isinstance(one, WebhookFailed)] == [f"the webhook answered {status}"]
        async with database.begin() as connection:
            await connection.execute(update(notifications).values(due_at=later(-1.0)))
        receiver.status = 200
        assert await sender.send_due(session)
        assert not await sender.send_due(session)
    assert len(receiver.got) == 2
    assert receiver.got[0][1] == receiver.got[1][1]


async def test_a_name_that_leads_inside_is_not_called(database: Database) -> None:
    await raised(database)
    events: list[Event] = []
    sender = webhook(database, "https://localhost.localdomain/hook", events)
    async with sender.session() as session:
        assert await sender.send_due(session)
    (failure,) = [one for one in events if isinstance(one, WebhookFailed)]
    assert "cannot be reached" in failure.words


@pytest.mark.parametrize(
    ("url", "base", "fits"),
    [
        ("https://hooks.example.com/syncd", "", True),
        ("http://hooks.example.com/syncd", "", False),
        ("https://10.0.0.1/hook", "", False),
        ("https://[::1]/hook", "", False),
        ("https://localhost/hook", "", False),
        ("http://127.0.0.1:9000/hook", "", False),
        ("http://127.0.0.1:9000/hook", "http://127.0.0.1:8000/rest", True),
        ("http://10.0.0.1:9000/hook", "http://127.0.0.1:8000/rest", False),
    ],
)
def test_a_webhook_is_https_outside_or_loopback_beside_a_sandbox(
    url: str, base: str, *, fits: bool, tmp_path: Path
) -> None:
    file = tmp_path / "syncd.yaml"
    file.write_text("{}")
    env = {"SYNCD_ALERTS__WEBHOOK_URL": url, "SYNCD_ALERTS__SECRET": SECRET}
    if base:
        env |= {"SYNCD_LINKEDIN__BASE_URL": base, "SYNCD_LINKEDIN__OAUTH_URL": "http://127.0.0.1:8000/oauth/v2"}
    if fits:
        assert load(env, config=file).alerts.webhook_url == url
    else:
        with pytest.raises(BadConfiguration, match="webhook_url"):
            load(env, config=file)


def test_a_webhook_needs_a_secret(tmp_path: Path) -> None:
    file = tmp_path / "syncd.yaml"
    file.write_text("{}")
    with pytest.raises(BadConfiguration, match="needs a secret"):
        load({"SYNCD_ALERTS__WEBHOOK_URL": "https://hooks.example.com/"}, config=file)


async def test_an_erasure_that_stands_still_is_told_after_1_7_and_21_days_and_healed_when_it_is_done(
    stage: Stage, alerter: Alerter, settings: Settings
) -> None:
    keyed = settings.model_copy(update={"erasure": Erasure(key=SecretStr(KEY))})
    await stage.commit("trial", {"email": "jane@example.com"})
    await stage.take()
    await stage.accept()
    async with stage.database.begin() as connection:
        await connection.execute(update(segment_rows).where(segment_rows.c.key == "trial").values(paused=True))
    begun = await erasure.begin(
        stage.database, keyed, "jane@example.com", by=By(name="ann", door=Door.SHELL, reason="7"), confirmation="ERASE"
    )
    for _ in range(3):
        await stage.eraser.look()
    for days in (0.9, 1.1, 2.0, 7.1, 22.0):
        async with stage.database.begin() as connection:
            await connection.execute(update(erasures.erasures).values(begun_at=later(-days * DAY)))
        await alerter.look()
    (standing, *_) = said = [one.words for one in stage.events if isinstance(one, AlertRaised)]
    assert len(said) == 3
    assert standing == (
        f"erasure {begun.id} of segment trial has waited for a day: the segment is paused: resume it: "
        f"`syncd erasures show {begun.id}`"
    )
    async with stage.database.begin() as connection:
        await connection.execute(update(erasures.erasure_places).values(stage=erasures.DONE))
    await alerter.look()
    assert told(stage)[-1] == ("erasure_waiting", "healed")
