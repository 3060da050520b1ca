"""The life of a segment and the numbers around it, as reference 002 tells them."""

from typing import Any

import pytest

from syncd.sandbox import SandboxOptions
from syncd.sandbox.elements import MOST_ELEMENTS
from syncd.sandbox.lifecycle import DOCUMENTED
from syncd.sandbox.lists import MOST_ROWS
from tests.component.sandbox.driver import ACCOUNT, Sandbox, digest, user
from tests.contract.reading import retyped

DAY = 86_400
SAID = retyped("segments")


async def wait(sandbox: Sandbox, days: float) -> None:
    await sandbox.control("clock", {"advance": days * DAY})


async def upload(sandbox: Sandbox, segment: str, rows: int) -> None:
    order = {"owner": ACCOUNT}
    url = (await (await sandbox.call("POST", "/dmpSegments?action=generateUploadUrl", order)).json())["value"]
    told = {"Authorization": "Bearer sandbox-token", "Content-Type": "text/csv"}
    body = "\n".join(["email", *(digest(str(i)) for i in range(rows))]).encode()
    media = (await sandbox.client.session.post(url, data=body, headers=told)).headers["Location"]
    attached = await sandbox.call("POST", f"/dmpSegments/{segment}/listUploads", {"inputFile": media})
    assert attached.status == 201, await attached.text()


async def streamed_life(sandbox: Sandbox) -> str:
    """Matched, updated, archived, stuck in BUILDING, archived again, expired."""
    segment = await sandbox.create("streamed")
    await sandbox.statuses(segment, [user("a")])
    await wait(sandbox, 2)
    await sandbox.statuses(segment, [user("b")])
    await wait(sandbox, 1)
    await wait(sandbox, 28)
    await sandbox.statuses(segment, [user("c")])
    await wait(sandbox, 1)
    await wait(sandbox, 90)
    return segment


async def listed_life(sandbox: Sandbox) -> str:
    """Failed at once; then expired, and built anew from another list."""
    failed = await sandbox.create("failed", "USER_LIST_UPLOAD")
    await upload(sandbox, failed, 1)
    await wait(sandbox, 0.1)
    return failed


async def renewed_life(sandbox: Sandbox) -> str:
    segment = await sandbox.create("renewed", "USER_LIST_UPLOAD")
    await upload(sandbox, segment, 300)
    await wait(sandbox, 95)
    await upload(sandbox, segment, 300)
    return segment


async def test_every_transition_of_the_reference_happens_and_no_other(sandbox: Sandbox) -> None:
    seen: set[tuple[str | None, str]] = set()
    for live in (streamed_life, listed_life, renewed_life):
        life: list[dict[str, Any]] = (await sandbox.look(f"segments/{await live(sandbox)}"))["transitions"]
        assert life[0]["to"] == SAID["first"]
        assert all(one["documented"] for one in life)
        seen |= {(one["from"], one["to"]) for one in life[1:]}
    assert seen == {(origin, to) for origin, to in SAID["transitions"]}


def test_what_the_sandbox_calls_documented_is_what_the_reference_lists() -> None:
    assert {(None, SAID["first"]), *(tuple(one) for one in SAID["transitions"])} == DOCUMENTED


@pytest.mark.parametrize(("kind", "status"), [("allowed", 200), ("refused", 400)])
async def test_campaigns_take_the_statuses_the_reference_allows(sandbox: Sandbox, kind: str, status: int) -> None:
    for name in SAID["campaigns"][kind]:
        segment = await sandbox.create(name)
        await sandbox.control(f"segments/{segment}", {"status": name}, "PATCH")
        response = await sandbox.client.patch(f"/_sandbox/segments/{segment}", json={"campaign": True})
        assert response.status == status


def test_the_limits_are_those_of_the_reference() -> None:
    options = SandboxOptions()
    assert SAID["limits"] == {
        "users_per_minute": options.users_per_minute,
        "companies_per_minute": options.companies_per_minute,
        "users_in_a_call": MOST_ELEMENTS,
        "rows_of_a_list": MOST_ROWS,
    }
