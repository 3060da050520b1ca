"""What the CRM writes that it should not, or in an order nobody wants (reliability.md D1–D8)."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import random
from collections.abc import Mapping

from tests.acceptance.rig import Process
from tests.faults.history import Change, Row, person
from tests.faults.normaliser import named
from tests.faults.processes import changes
from tests.faults.scenario import scenario
from tests.faults.stage import Stage

KILLER = """
import os as _os
from syncd.pipeline import intake as _intake
_prepare = _intake.prepare_users
def _deadly(payloads, **options):
    if any("killer" in payload for payload in payloads):
        _os._exit(9)
    return _prepare(payloads, **options)
_intake.prepare_users = _deadly
"""
_SIGNS = "abcXYZ019@@..+-_ \t\u00a0\u200b\u2060\ufeffßİéñ中\U0001f600'\";DROP=CSV()\u202e"


def dirty(seed: int, count: int) -> list[Change]:
    """Known traps first, then what dice make of signs that hurt."""
    dice = random.Random(seed)
    good = "dirt{n}@canary.example"
    addresses = [
        " Dirt1@Canary.Example ", "dirt2@canary\u00a0.example", "d\u200birt3@canary.example", "dirt4@canary.example\ufeff",
        "", "   ", "@canary.example", "a@b", "a@@canary.example", "a@canary..example", "=cmd()@canary.example",
        "'; DROP TABLE outbox;--@canary.example", "x" * 65 + "@canary.example", "ÄÖÜ@canary.example", "İ@canary.example",
        "\u202edirt5@canary.example", "a" * 300 + "@canary.example", "tab\there@canary.example", "\U0001f600@canary.example",
        "x" * 1_000_000, hashlib.sha256(b"x").hexdigest(),
    ]  # fmt: skip
    found: list[Mapping[str, object]] = [{"email": one} for one in addresses]
    hashed = hashlib.sha256(b"dirt6@canary.example").hexdigest()
    found += [
        {"sha256_email": hashed.upper()}, {"sha256_email": "dirt@canary.example"}, {"sha256_email": hashed[:-1]},
        {"sha256_email": hashlib.sha256(b"").hexdigest()}, {"email": "dirt6@canary.example", "sha256_email": hashed},
        {"email": "dirt7@canary.example", "sha256_email": hashed}, {"google_aid": "5f2c9b1e-0000-4000-8000-00000000abcd"},
        {"google_aid": "00000000-0000-0000-0000-000000000000"}, {"google_aid": "nonsense"}, {"email": None}, {"email": 5}, {},
        {"sha512_email": hashlib.sha512(b"dirt8@canary.example").hexdigest()}, {"sha512_email": hashed},
        {"email": "dirt9@canary.example", "country": "nowhere", "first_name": "\u0001", "title": "x" * 90},
        {"email": "dirt10@canary.example", "first_name": ["a"], "unknown": {"a": 1}},
    ]  # fmt: skip
    for number in range(count):
        made = "".join(dice.choice(_SIGNS) for _ in range(dice.randint(1, 12)))
        found.append({"email": made if number % 2 else made + good.format(n=number)})
    return [("ADD", one, None) for one in found]


@scenario("CRM: dirt of every kind", "D1", quick=True)
async def dirt(stage: Stage) -> None:
    daemon = await stage.daemon()
    written = dirty(stage.seed, 150)
    await stage.commit("red", written)
    odd: list[Change] = [(action, person(number), None) for number, action in enumerate(["add", "DELETE", "", "ADD "])]
    await stage.commit(
        "blue",
        [
            *odd,
            ("ADD", [], None),
            ("ADD", "text", None),
            ("ADD", 5, None),
            ("ADD", person("s"), ""),
            ("ADD", person("s"), "s" * 600),
        ],
    )
    await stage.commit("blue", changes(range(5)))
    await stage.end(daemon)
    assert any(named("user", payload) is None for _, payload, _ in written)


@scenario("CRM: rows of an unknown segment wait, the others go on", "D2")
async def unknown_segment(stage: Stage) -> None:
    daemon = await stage.daemon()
    await stage.commit("nobody-knows", changes(range(5)))
    await stage.commit("red", changes(range(5)))
    await stage.until(lambda: stage.settled(1), "the known ones go", daemon)
    await stage.until(lambda: daemon.events("unknown_segments"), "it is said", daemon)
    assert len((await stage.tables()).pending) == 5
    await stage.execute("update syncd.outbox set segment_key = 'blue' where segment_key = 'nobody-knows'")
    for row in stage.crm.history.rows:
        row.segment = "blue" if row.segment == "nobody-knows" else row.segment
    await stage.end(daemon)


@scenario("CRM: a row that ends the process is put aside", "D3", expects=["row quarantined"])
async def killer(stage: Stage) -> None:
    await stage.commit(
        "red", [*changes(range(10)), ("ADD", {"email": "killer@canary.example"}, None), *changes(range(10, 20))]
    )
    stage.killers.add(stage.crm.history.rows[10].id)
    stage.refused.add(f"SHA256_EMAIL:{hashlib.sha256(b'killer@canary.example').hexdigest()}")
    for _ in range(8):
        daemon = await stage.daemon(KILLER, ready=False)
        await stage.until(lambda one=daemon: one.child.returncode is not None or stage.is_quiet(), "dead or through")
        if daemon.child.returncode is None:
            break
        assert daemon.child.returncode == 9
    await stage.end(daemon)


@scenario("CRM: the same row ten times", "D4")
async def duplicates(stage: Stage) -> None:
    daemon = await stage.daemon()
    for _ in range(10):
        await stage.commit("red", changes(range(7)) * 3)
        await asyncio.sleep(0.05)
    await stage.end(daemon)


@scenario(
    "CRM: one person flaps while others wait",
    "D5",
    quick=True,
    expects=["superseded row"],
    options=("--latency", "0.05"),
)
async def flapping(stage: Stage) -> None:
    daemon = await stage.daemon()

    async def flap(which: int, *, locked: bool) -> list[Row]:
        rows = []
        for turn in range(60):
            change = ("ADD" if (turn + which) % 2 else "REMOVE", person("flap"), None)
            hold = 0.02 if locked else 0.0
            rows += await stage.crm.commit("red", [change] * 3, hold=hold, locked=locked)
        return rows

    async with asyncio.TaskGroup() as group:
        group.create_task(flap(0, locked=False))
        orderly = [group.create_task(flap(which, locked=True)) for which in (0, 1)]
        group.create_task(stage.writer(segments=["blue", "red"], pause=0.03).run(300))
    rows = sorted((row for task in orderly for row in task.result()), key=lambda row: row.id)
    for before, after in itertools.pairwise(rows):
        assert before.asked <= after.asked, f"row {before.id} was committed after row {after.id}: enqueue did not lock"
    await stage.end(daemon)


async def surely_late(stage: Stage, daemon: Process) -> None:
    """Rows that commit after younger ones were taken, whatever the dice say."""
    held = asyncio.create_task(stage.commit("red", changes(range(5)), hold=3.0))
    await stage.until(lambda: any(row.commit == "open" for row in stage.crm.history.rows), "the old ones have ids")
    await stage.commit("red", changes(range(3, 20)))
    await stage.until(lambda: stage.settled(1), "the younger ones are settled", daemon)
    await held


@scenario("CRM: late commits and holes", "D6", quick=True, expects=["late-commit row", "rolled-back row"])
async def late(stage: Stage) -> None:
    daemon = await stage.daemon()
    await surely_late(stage, daemon)
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(stage.writer(late=0.6, rollback=0.15, people=40, pause=0.02).run(300, largest=15))
    await stage.end(daemon)


@scenario("CRM: a late commit under every fault of the network", "D6", "A13", "A14", expects=["late-commit row"])
async def late_and_faulty(stage: Stage) -> None:
    daemon = await stage.daemon(proxied="sandbox database")
    await surely_late(stage, daemon)
    users = {"resource": "users"}
    await stage.fault("", users, {"kind": "status", "status": 500}, rate=0.2)
    await stage.fault("", users, {"kind": "reset", "apply": True}, rate=0.2)
    await stage.fault("", users, {"kind": "hang", "apply": "before", "seconds": 1.5, "then": "close"}, rate=0.1)
    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(stage.writer(late=0.5, people=30, pause=0.03).run(400, largest=15))
    await stage.end(daemon)


def firm(number: int) -> dict[str, object]:
    """Every third name of the same company differs from the one before."""
    return {"name": f"Firm {number % 7} v{number % 3}", "website_domain": f"firm{number % 7}.canary.example"}


@scenario(
    "CRM: companies change their names between ADD and REMOVE",
    "D8",
    quick=True,
    kinds={"red": "company"},
    expects=["superseded row"],
)
async def companies(stage: Stage) -> None:
    daemon = await stage.daemon()
    await stage.writer(payload=firm, people=50, late=0.0, pause=0.04).run(300, largest=6)
    await stage.end(daemon)


@scenario("CRM: companies under resets", "D8", "A15", kinds={"red": "company"}, expects=["re-assertion"])
async def companies_under_faults(stage: Stage) -> None:
    daemon = await stage.daemon()
    await stage.fault("", {"resource": "companies"}, {"kind": "reset", "apply": True}, rate=0.3)
    await stage.writer(payload=firm, people=50, late=0.0, pause=0.06).run(250, largest=6)
    await stage.end(daemon)


@scenario("CRM: subjects share, move and leave", "D8", quick=True)
async def subjects(stage: Stage) -> None:
    daemon = await stage.daemon()
    for turn in range(40):
        rows: list[Change] = []
        for _ in range(stage.dice.randint(1, 5)):
            subject = f"c{stage.dice.randrange(8)}"
            if stage.dice.random() < 0.35:
                rows.append(("REMOVE", {}, subject))
            else:
                rows.append(("ADD", person(stage.dice.randrange(6)), subject))
        await stage.commit("red", rows)
        if turn % 3 == 0:
            await asyncio.sleep(0.1)
    await stage.end(daemon)
