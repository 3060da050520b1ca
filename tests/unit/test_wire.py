"""The bytes of a stream and what its answers prove."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.domain.outcome import Delivered, Fate, Refusal, Unclear
from syncd.linkedin.wire import batch_body, company_element, results, user_element

SHA256 = hashlib.sha256(b"ann@example.com")
SHA512 = hashlib.sha512(b"ann@example.com")
DEVICE = "38400000-8cf0-11bd-b23e-10b96e40000d"
ADDED = {"status": 201}


def test_a_user_is_written_as_reference_002_shows() -> None:
    ids = [b"\x01" + SHA256.digest(), b"\x02" + SHA512.digest(), b"\x03" + DEVICE.encode()]
    assert json.loads(user_element("ADD", ids, b',"firstName":"Ann","country":"US"')) == {
        "action": "ADD",
        "userIds": [
            {"idType": "SHA256_EMAIL", "idValue": SHA256.hexdigest()},
            {"idType": "SHA512_EMAIL", "idValue": SHA512.hexdigest()},
            {"idType": "GOOGLE_AID", "idValue": DEVICE},
        ],
        "firstName": "Ann",
        "country": "US",
    }


def test_one_hashed_address_takes_the_short_way_to_the_same_bytes() -> None:
    short = user_element("REMOVE", [b"\x01" + SHA256.digest()], b"")
    assert json.loads(short) == {
        "action": "REMOVE",
        "userIds": [{"idType": "SHA256_EMAIL", "idValue": SHA256.hexdigest()}],
    }


def test_a_person_known_by_name_only_has_no_ids() -> None:
    element = user_element("ADD", [b"\x04ann|lee"], b',"firstName":"Ann","lastName":"Lee"')
    assert json.loads(element) == {"action": "ADD", "firstName": "Ann", "lastName": "Lee"}


@given(st.text(min_size=1).filter(lambda text: text.encode("utf-8", "replace").decode() == text))
def test_a_device_id_can_hold_any_text(text: str) -> None:
    element = json.loads(user_element("ADD", [b"\x03" + text.encode()], b""))
    assert element["userIds"] == [{"idType": "GOOGLE_AID", "idValue": text}]


@pytest.mark.parametrize("key", [b"\x01short", b"\x02" + bytes(32), b"\x09" + bytes(32), b"\x05"])
def test_a_key_that_is_no_id_is_never_written(key: bytes) -> None:
    with pytest.raises(ValueError, match="no user id"):
        user_element("ADD", [key], b"")


def test_a_company_is_its_action_and_its_metadata() -> None:
    element = company_element("REMOVE", b',"companyName":"Acme","country":"US"')
    assert json.loads(element) == {"action": "REMOVE", "companyName": "Acme", "country": "US"}


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=20))
def test_a_batch_holds_its_elements_in_order(digests: list[bytes]) -> None:
    body = batch_body(user_element("ADD", [b"\x01" + digest], b"") for digest in digests)
    assert [element["userIds"][0]["idValue"] for element in json.loads(body)["elements"]] == [
        digest.hex() for digest in digests
    ]


def _body(*elements: Any, **other: Any) -> bytes:
    return json.dumps({"elements": list(elements), **other}).encode()


@pytest.mark.parametrize("count", [0, 1, 2, 5000])
def test_all_taken_is_delivered_however_it_is_spaced(count: int) -> None:
    compact = json.dumps({"elements": [ADDED] * count}, separators=(",", ":")).encode()
    assert results(compact, count, "u") == results(_body(*[ADDED] * count), count, "u") == Delivered((), "u")


def test_extra_fields_are_ignored() -> None:
    body = _body({"status": 201, "id": "x", "location": None, "error": None}, paging={"start": 0})
    assert results(body, 1, "") == Delivered((), "")


@pytest.mark.parametrize("position", [0, 1, 4999])
def test_a_refused_element_is_named_by_its_position(position: int) -> None:
    answered: list[Any] = [ADDED] * 5000
    answered[position] = {"status": 400, "error": {"status": 400, "message": "Bad idValue", "code": "INVALID"}}
    refusal = Refusal(position, Fate.REFUSED, 400, "400 INVALID: Bad idValue")
    assert results(_body(*answered), 5000, "") == Delivered((refusal,), "")


@pytest.mark.parametrize(
    ("status", "fate"),
    [
        (400, Fate.REFUSED),
        (422, Fate.REFUSED),
        (409, Fate.AGAIN),
        (429, Fate.AGAIN),
        (500, Fate.AGAIN),
        (7, Fate.AGAIN),
    ],
)
def test_the_status_of_an_element_decides_its_fate(status: int, fate: Fate) -> None:
    assert results(_body(ADDED, {"status": status}), 2, "") == Delivered((Refusal(1, fate, status, str(status)),), "")


@given(st.permutations(range(7)), st.sets(st.integers(0, 6)))
def test_batch_index_says_which_element_a_result_speaks_of(order: list[int], refused: set[int]) -> None:
    body = _body(*({"status": 400 if index in refused else 201, "batchIndex": index} for index in order))
    delivered = results(body, 7, "")
    assert isinstance(delivered, Delivered)
    assert [one.position for one in delivered.exceptions] == sorted(refused)


@pytest.mark.parametrize("indexes", [[0, 0], [1, 2], [-1, 0], [0, None], [None, 1], ["0", "1"], [0.5, 1], [0, 10**30]])
def test_indexes_that_are_no_permutation_prove_nothing(indexes: list[Any]) -> None:
    body = _body(*({"status": 201, "batchIndex": index} for index in indexes))
    assert isinstance(results(body, 2, ""), Unclear)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"elements":null}',
        b'{"elements":{}}',
        b'{"elements":[{"status":201}',
        b'{"elements":[{"status":201}]} trailing',
        _body(),
        _body(None),
        _body({}),
        _body({"status": None}),
        _body({"status": "201"}),
        _body({"status": True}),
        _body(201),
        _body(ADDED, ADDED),
        _body(ADDED, None),
        b'{"elements":[{"status":201,"error":"\xff"}]}',
        b'{"elements":[{"status":201,"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}]}",
    ],
)
def test_an_answer_that_does_not_speak_of_every_element_proves_nothing(body: bytes) -> None:
    outcome = results(body, 1, "AAY=")
    assert isinstance(outcome, Unclear)
    assert (outcome.lingering, outcome.uuid) == (False, "AAY=")


@pytest.mark.parametrize("error", ["words", 7, [], {"message": 7}, {"message": None, "code": {}}])
def test_an_error_of_any_shape_still_refuses(error: Any) -> None:
    assert results(_body({"status": 400, "error": error}), 1, "") == Delivered(
        (Refusal(0, Fate.REFUSED, 400, "400"),), ""
    )


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["status", "error", "x"]), inner),
    max_leaves=6,
)
RESULT = st.fixed_dictionaries(
    {"status": st.sampled_from([201, 200, 400, 429, 500]) | st.integers()},
    optional={"error": JSON, "batchIndex": st.none() | st.integers(0, 5)},
)


@given(st.lists(RESULT | JSON, max_size=6), st.integers(0, 6))
def test_another_number_of_results_is_never_delivered(elements: list[Any], sent: int) -> None:
    outcome = results(_body(*elements), sent, "")
    if len(elements) != sent:
        assert isinstance(outcome, Unclear)
    if isinstance(outcome, Delivered):
        positions = [one.position for one in outcome.exceptions]
        assert positions == sorted(set(positions))
        taken = sum(200 <= element["status"] < 300 for element in elements)
        assert len(positions) == sent - taken


@given(st.binary(max_size=200), st.integers(0, 5))
def test_no_bytes_make_it_raise(body: bytes, sent: int) -> None:
    results(body, sent, "")


@given(st.integers(1, 5), st.data())
def test_a_cut_answer_is_never_delivered(count: int, data: st.DataObject) -> None:
    body = _body(*[ADDED] * count)
    cut = data.draw(st.integers(0, len(body) - 1))
    assert isinstance(results(body[:cut], count, ""), Unclear)
