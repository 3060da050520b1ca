"""The checker on histories made by hand: what is right passes, every kind of wrong is named."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from tests.faults.checker import check
from tests.faults.evidence import Batch, Confirmed, Element, Evidence, Move, Tables, Write
from tests.faults.history import History, Row, person
from tests.faults.normaliser import named


def key(number: int) -> str:
    return "SHA256_EMAIL:" + hashlib.sha256(f"person{number}@canary.example".encode()).hexdigest()


def row(number: int, action: str, who: int, **more: Any) -> Row:
    given: dict[str, Any] = {"asked": float(number), "acked": number + 0.1, "commit": "acked", **more}
    return Row(number, "red", action, person(who), **given)


def request(number: int, arrived: float, **more: Any) -> dict[str, Any]:
    return {
        "n": number, "arrived": arrived, "finished": arrived + 0.1, "wall": arrived, "status": 200, "faults": [],
        "member": "ads", "application": "app", "resource": "users", "agent": "syncd/1.1", "elements": 1, "applied": True,
        **more,
    }  # fmt: skip


def element(number: int, action: str, who: int, order: int, **more: Any) -> Element:
    given: dict[str, Any] = {"status": 201, "arrived": 100.0 + number, "at": 100.0 + number, "late": False, **more}
    return Element(n=number, segment="red", action=action, keys=(key(who),), order=order, **given)


def evidence() -> Evidence:
    """Two rows of one person, both sent, both confirmed."""
    return Evidence(
        history=History([row(1, "ADD", 1), row(2, "ADD", 2), row(3, "REMOVE", 1)]),
        tables=Tables(
            segments={1: "red"},
            batches=[
                Batch(1, "red", "live", False, 2, 2, 0, 0, {1: 0, 2: 0}),
                Batch(2, "red", "live", False, 1, 1, 0, 0, {3: 0}),
            ],
            ledger=[Confirmed("red", (key(1),), False, 3, 2), Confirmed("red", (key(2),), True, 2, 1)],
            writes=[Write("batches", 1, 1, 0.0)],
        ),
        elements=[element(1, "ADD", 1, 1), element(1, "ADD", 2, 1), element(2, "REMOVE", 1, 2)],
        requests=[request(1, 101.0), request(2, 102.0)],
        dmp=[
            {
                "id": 7,
                "sourceSegmentId": "syncd:red",
                "status": "READY",
                "transitions": [{"to": "BUILDING"}, {"to": "READY"}],
            }
        ],
        members={"red": {key(2)}},
        kinds={"red": "user"},
        limits={"users": 500},
        tokens=["canary-token"],
    )


def broken(found: Evidence) -> set[str]:
    return check(found, healed=True).names


def test_a_run_that_went_well_breaks_nothing() -> None:
    assert not broken(evidence())


def test_a_row_that_vanished_is_found() -> None:
    found = evidence()
    del found.tables.batches[1]
    assert "S2" in broken(found)


def test_a_rolled_back_row_that_was_sent_is_found() -> None:
    found = evidence()
    found.history.rows[0].commit = "aborted"
    assert {"S1", "S2"} <= broken(found)


def test_a_commit_of_unknown_end_may_be_there_or_not() -> None:
    found = evidence()
    found.history.rows[2].commit = "unknown"
    assert not broken(found)
    found.history.rows.append(row(9, "ADD", 9, commit="unknown"))
    assert not broken(found)


def test_a_ledger_that_is_ahead_is_found() -> None:
    found = evidence()
    found.requests[0]["status"] = None
    assert {"S2", "S3"} <= broken(found)


@pytest.mark.parametrize("kind", ["length", "malformed", "cut", "null_element"])
def test_a_spoiled_answer_confirms_nothing(kind: str) -> None:
    found = evidence()
    found.faults = {5: kind}
    found.requests[0]["faults"] = [5]
    assert "S3" in broken(found)


def test_an_order_turned_round_is_found() -> None:
    found = evidence()
    found.elements[0].order, found.elements[2].order = 2, 1
    assert "S4" in broken(found)


def test_the_same_twice_is_no_disorder() -> None:
    found = evidence()
    found.elements.insert(1, element(3, "ADD", 1, 1))
    found.requests.insert(1, request(3, 103.0))
    found.elements[-1].order = 4
    assert "S4" not in broken(found)


def test_two_replicas_at_once_are_found() -> None:
    found = evidence()
    found.requests[1] |= {"arrived": 101.05, "finished": 101.2, "agent": "syncd/1.2"}
    assert "S6" in broken(found)


def test_one_request_too_many_in_sixty_seconds_is_found() -> None:
    found = evidence()
    found.limits = {"users": 3}
    found.requests += [request(10, 161.0), request(11, 161.5)]
    assert "S7" not in broken(found)
    found.requests.append(request(12, 161.9))
    assert "S7" in broken(found)


def test_a_request_in_the_pause_after_a_429_is_found() -> None:
    found = evidence()
    found.requests += [request(10, 110.0, status=429), request(11, 169.0)]
    assert "S7b" in broken(found)
    found.requests[-1] |= {"arrived": 170.2, "finished": 170.3}
    assert "S7b" not in broken(found)


def test_a_429_whose_answer_was_cut_on_its_way_begins_no_pause_and_one_that_was_read_does() -> None:
    found = evidence()
    found.requests += [request(10, 110.0, status=429), request(11, 169.0)]
    broke = (
        '{"member": "ads", "resource": "users", "status": 0, "seconds": 0.2, '
        '"event": "request_ended", "timestamp": "1970-01-01T00:01:50.110000Z"}\n'
    )
    found.logs["daemon-1.log"] = broke
    assert "S7b" not in broken(found)
    found.logs["daemon-1.log"] = broke + broke.replace('"status": 0', '"status": 429')
    assert "S7b" in broken(found)
    for other in (broke.replace("ads", "bids"), broke.replace("01:50", "01:51"), broke[:-9]):
        found.logs["daemon-1.log"] = other
        assert "S7b" in broken(found)


def daily(*moments: float, status: int = 429, **more: Any) -> Evidence:
    """The first request is refused for the day at second 110.1; others follow at these moments."""
    found = evidence()
    found.faults = {9: "429 day"}
    for number, moment in enumerate((110.0, *moments), 10):
        found.requests.append(request(number, moment, status=status, faults=[9], **more))
    return found


@pytest.mark.parametrize(
    ("moments", "holds"),
    [
        ((115.3, 125.6), True),
        ((110.05, 110.2, 115.5), True),  # both were in flight
        ((110.2, 110.3, 110.4), False),
        (tuple(110.12 + 0.01 * place for place in range(12)), False),
        ((114.0,), False),
        ((115.3, 115.5), False),
        ((115.3, 120.0), False),
    ],
    ids=["on time", "in flight", "hot loop", "more than places", "early", "hot loop of probes", "not doubled"],
)
def test_a_probe_that_comes_too_early_under_a_daily_limit_is_found(moments: tuple[float, ...], *, holds: bool) -> None:
    assert ("S7c" not in broken(daily(*moments))) is holds


def test_a_success_that_was_in_flight_ends_no_daily_pause() -> None:
    found = daily()
    found.requests += [request(20, 110.15), request(21, 112.0)]
    assert "S7c" in broken(found)


def test_two_probes_at_once_under_a_daily_limit_are_found() -> None:
    found = daily(115.3)
    found.requests += [request(20, 125.6, status=500, finished=126.5), request(21, 126.0)]
    assert "S7c" in broken(found)


def test_another_member_of_an_application_at_its_daily_limit_is_found() -> None:
    found = daily()
    found.faults = {9: "429 application"}
    found.requests += [request(20, 110.5, member="bids"), request(21, 115.5, member="bids")]
    assert "S7c" not in broken(found)
    found.requests.append(request(22, 113.0, member="bids"))
    assert "S7c" in broken(found)


def test_a_second_segment_is_found() -> None:
    found = evidence()
    found.dmp *= 2
    assert "S8" in broken(found)


def test_a_write_under_an_old_lease_is_found() -> None:
    found = evidence()
    found.tables.writes.append(Write("ledger", 1, 2, 5.0))
    assert "S10" in broken(found)


@pytest.mark.parametrize("leak", ["canary-token", "x@canary.example", key(1).partition(":")[2]])
def test_a_secret_in_a_log_is_found(leak: str) -> None:
    found = evidence()
    found.logs = {"daemon.log": f"something {leak} something"}
    assert "S11" in broken(found)


@pytest.mark.parametrize("leak", ["canary-token", "x@canary.example", key(1).partition(":")[2]])
def test_a_secret_in_a_metric_a_path_or_a_command_line_is_found(leak: str) -> None:
    found = evidence()
    found.surfaces = {"metrics of daemon.log": f'syncd_x{{label="{leak}"}} 1'}
    assert "S11" in broken(found)


PARKED = '{"event": "segment_parked", "segment": "red", "reason": "lost", "words": "gone from there"}'
RESUMED = '{"event": "segment_resumed", "segment": "red", "reason": "lost"}'
TAKEN = '{"event": "lease_taken", "member": "ads"}'


@pytest.mark.parametrize(
    ("lines", "holds"),
    [
        ((PARKED, RESUMED, PARKED), True),
        ((PARKED, TAKEN, PARKED), True),
        ((PARKED, PARKED.replace("lost", "expired")), True),
        ((PARKED, PARKED), False),
        ((PARKED.replace("gone from there", ""),), False),
    ],
    ids=["parked twice", "another owner", "another reason", "said again", "no words"],
)
def test_a_parking_that_is_said_again_is_found(lines: tuple[str, ...], *, holds: bool) -> None:
    found = evidence()
    found.logs = {"daemon.log": "\n".join(lines)}
    assert ("S12" not in broken(found)) is holds


def test_a_metric_of_parkings_that_is_wrong_is_found() -> None:
    found, held = evidence(), 'syncd_lease_held{member="ads"} 1.0'
    found.members_of = {"red": "ads"}
    found.tables.parked = {"red": "lost"}
    found.parked = {("segment", "red", "lost")}
    found.surfaces = {"metrics": f'{held}\nsyncd_segment_parked{{reason="lost",segment="red"}} 1.0\n'}
    assert "S12" not in broken(found)
    found.surfaces = {"metrics": held}
    assert {"a parking that no metric tells"} == {one.words for one in check(found, healed=True).broken}
    found.parked, found.tables.parked = set(), {}
    found.surfaces = {"metrics": f'{held}\nsyncd_member_parked{{member="ads",reason="token"}} 1.0\n'}
    assert {"a metric of a parking that is over"} == {one.words for one in check(found, healed=True).broken}


def test_a_request_that_was_refused_for_its_form_is_found() -> None:
    found = evidence()
    found.requests.append(request(9, 109.0, status=400))
    assert "S5" in broken(found)
    found.faults, found.requests[-1]["faults"] = {3: "poison"}, [3]
    assert "S5" not in broken(found)


@pytest.mark.parametrize("metric", ["process_open_fds 101.0", "process_resident_memory_bytes 2.9e+08"])
def test_a_process_that_holds_too_much_is_found(metric: str) -> None:
    found = evidence()
    found.surfaces = {"metrics of daemon-1.log": "process_open_fds 30.0\nprocess_resident_memory_bytes 9.1e+07\n"}
    assert "S12" not in broken(found)
    found.surfaces = {"metrics of daemon-1.log": metric}
    assert "S12" in broken(found)


def test_more_connections_and_more_open_batches_than_there_may_be_are_found() -> None:
    found = evidence()
    found.surfaces = {"metrics of daemon-1.log": ""}
    found.tables.connections = 17
    assert {"more connections than the pools hold"} == {one.words for one in check(found, healed=True).broken}
    found = evidence()
    found.members_of = {"red": "ads"}
    found.tables.batches += [Batch(number, "red", "live", True, 0, 0, 0, 0, {}) for number in range(10, 43)]
    assert {"more open batches than may be ahead"} == {one.words for one in check(found).broken}


def test_a_member_too_many_and_one_too_few_are_found() -> None:
    found = evidence()
    found.members = {"red": {key(1)}}
    verdict = check(found, healed=True)
    assert {"missing at LinkedIn", "at LinkedIn and should not be"} <= {one.words for one in verdict.broken}


def test_a_letter_for_a_good_row_is_found() -> None:
    found = evidence()
    found.tables.letters = [(2, "refused")]
    assert "V2" in broken(found)


def test_the_second_normaliser_knows_the_examples_of_the_design() -> None:
    assert named("user", {"email": " A\u200bnn@Example.COM\u00a0"}) == named("user", {"email": "ann@example.com"})
    assert named("user", {"email": "a.n+n@example.com"}) != named("user", {"email": "ann@example.com"})
    for wrong in ("", "a@b", "a@@b.c", "@b.c", "a@b..c", "x" * 65 + "@b.c", "a\x00@b.c"):
        assert named("user", {"email": wrong}) is None, wrong
    assert named("company", {"name": " Acme "}) == named("company", {"name": "Acme"})
    assert named("company", {"city": "Bonn"}) is None


LIFE = [Move("red", "", "BUILDING", documented=True), Move("red", "BUILDING", "READY", documented=True)]


@pytest.mark.parametrize(
    ("moves", "holds"),
    [
        (LIFE, True),
        ([Move("red", "", "BUILDING", documented=True), *LIFE], True),
        ([*LIFE, Move("red", "UPDATING", "READY", documented=True)], False),
        ([LIFE[0], Move("red", "BUILDING", "FAILED", documented=True)], False),
        ([LIFE[0], Move("red", "BUILDING", "READY", documented=False)], False),
        ([*LIFE, Move("red", "READY", "BUILDING", documented=False)], False),
    ],
    ids=["whole", "another one took its place", "a gap", "not served", "flagged wrongly", "served no more"],
)
def test_a_life_that_was_written_down_otherwise_than_it_was_served_is_found(moves: list[Move], *, holds: bool) -> None:
    found = evidence()
    tables = replace(found.tables, transitions=moves)
    assert ("S9" not in broken(replace(found, tables=tables))) is holds
