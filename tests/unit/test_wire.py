"""The bytes of a stream and what its answers prove."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.domain.batch import Element, shape
from syncd.domain.outcome import Delivered, Fate, Refusal, Unclear
from syncd.linkedin.wire import batch_body, company_batch, company_element, results, user_batch, user_element

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


def test_a_departure_is_written_as_one() -> None:
    element = user_element("REMOVE", [b"\x01" + SHA256.digest()], b"")
    assert json.loads(element) == {
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


_digests = st.binary(min_size=32, max_size=32).map(lambda digest: b"\x01" + digest)
_named = st.binary(min_size=32, max_size=32).map(lambda digest: b"\x04" + digest)
_long = st.binary(min_size=64, max_size=64).map(lambda digest: b"\x02" + digest)
_ids = st.lists(_digests | _named | _long, min_size=1, max_size=2).map(tuple)
_fields = st.sampled_from([b"", b',"firstName":"Ann"', b',"lastName":"},{\\",01"'])


@given(
    st.lists(st.tuples(st.booleans(), _digests.map(lambda key: (key,)), _fields), min_size=1, max_size=20),
    st.lists(st.tuples(st.booleans(), _ids, _fields), max_size=3),
)
def test_people_written_together_are_written_as_each_alone(
    hashed: list[tuple[bool, tuple[bytes, ...], bytes]], others: list[tuple[bool, tuple[bytes, ...], bytes]]
) -> None:
    for given_people in (hashed, [*hashed, *others], [*others, *hashed]):
        people = [Element(add, ids, fields, rank=1, row=1) for add, ids, fields in given_people]
        alone = [user_element(person.action, person.ids, person.fields) for person in people]
        assert user_batch(people, shape(people)) == batch_body(alone)
        assert json.loads(user_batch(people, shape(people)))["elements"] == [json.loads(one) for one in alone]


def test_companies_written_together_are_written_as_each_alone() -> None:
    fields = [b',"companyName":"Acme"', b',"companyName":"Bolt"']
    firms = [Element(add, (b"\x15acme",), one, rank=1, row=1) for add, one in zip([True, False], fields, strict=True)]
    assert company_batch(firms) == batch_body([company_element("ADD", fields[0]), company_element("REMOVE", fields[1])])


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
