"""What the watchdogs say before it hurts."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import pytest

from syncd.domain.events import Event, RoleSeen, TokenEnds, VersionEnds
from syncd.domain.outcome import TokenRefused
from syncd.domain.token import milestone
from syncd.domain.version import DAY, sunset
from syncd.reconcile.watchdog import Watchdog, watch_version
from syncd.store import looks
from tests.component.operations.road import ACCOUNT
from tests.component.reconcile.conftest import Stage

OTHER = "urn:li:sponsoredAccount:9"


@dataclass
class Calendar:
    now: float

    def __call__(self) -> float:
        return self.now


def watchdog(stage: Stage, wall: Calendar | None = None, *, refreshes: bool = True) -> Watchdog:
    return Watchdog(
        database=stage.database,
        grant=stage.grant,
        caller=stage.caller,
        emit=stage.told.append,
        refreshes=refreshes,
        wall=wall or Calendar(time.time()),
    )


async def test_a_role_that_became_viewer_is_noticed_and_stored(stage: Stage) -> None:
    dog = watchdog(stage)
    assert await dog.look([ACCOUNT]) is None
    await stage.control("tokens", {"do": "role", "member": "demo", "account": ACCOUNT, "role": "VIEWER"})
    assert await dog.look([ACCOUNT]) is None
    assert [event.may_write for event in stage.told if isinstance(event, RoleSeen)] == [True, False]
    async with stage.database.read() as connection:
        (kept,) = await looks.role_checks_of(connection)
    assert (kept.member, kept.account, kept.role) == ("demo", ACCOUNT, "VIEWER")


async def test_an_account_without_a_role_is_noticed(stage: Stage) -> None:
    await stage.control("tokens", {"do": "role", "member": "demo", "account": OTHER, "role": None})
    await watchdog(stage).look([ACCOUNT, OTHER])
    assert [event for event in stage.told if isinstance(event, RoleSeen) and not event.may_write] == [
        RoleSeen(member="demo", account=OTHER, role="", may_write=False)
    ]


async def test_a_member_that_signed_out_is_what_the_look_ends_with(stage: Stage) -> None:
    dog = watchdog(stage)
    assert await dog.look([ACCOUNT]) is None
    await stage.control("tokens", {"do": "revoke", "member": "demo", "refresh": True})
    assert isinstance(await dog.look([ACCOUNT]), TokenRefused)


async def test_the_end_of_a_refresh_token_is_said_at_each_milestone_once(stage: Stage) -> None:
    wall = Calendar(time.time())
    dog = watchdog(stage, wall)
    for days in (0, 300, 306, 310, 336, 352, 359, 366):
        wall.now = time.time() + days * DAY
        await dog.look([ACCOUNT])
    said = [event for event in stage.told if isinstance(event, TokenEnds)]
    assert [(event.kind, event.days) for event in said] == [("refresh", days) for days in (60, 30, 14, 7, 0)]


async def test_an_access_token_matters_only_where_syncd_does_not_renew_it(stage: Stage) -> None:
    soon = Calendar(time.time() + 40 * DAY)
    await watchdog(stage, soon).look([ACCOUNT])
    assert not [event for event in stage.told if isinstance(event, TokenEnds)]
    await watchdog(stage, soon, refreshes=False).look([ACCOUNT])
    assert [(event.kind, event.days) for event in stage.told if isinstance(event, TokenEnds)] == [("access", 30)]


@pytest.mark.parametrize(("days", "warned"), [(61, False), (59, True), (-1, True)])
async def test_a_version_is_warned_of_from_sixty_days_before_its_end(days: float, *, warned: bool) -> None:
    told: list[Event] = []
    watching = asyncio.create_task(watch_version("202608", told.append, Calendar(sunset("202608") - days * DAY)))
    await asyncio.sleep(0)
    watching.cancel()
    assert told == ([VersionEnds(version="202608", days=days)] if warned else [])


@pytest.mark.parametrize(
    ("days", "said"), [(61, None), (60, 60), (31, 60), (30, 30), (14, 14), (7, 7), (0.5, 7), (0, 0), (-3, 0)]
)
def test_a_token_has_four_milestones_and_an_end(days: float, said: int | None) -> None:
    assert milestone(1e9 + days * DAY, 1e9) == said
