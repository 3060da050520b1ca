"""No value shows whom it is about or what it opens, by itself or inside another: whoever prints one leaks nothing."""

from __future__ import annotations

import hashlib
import pickle

import pytest

from syncd.domain.batch import BatchId, BatchKind, Draft, Element, Entry, RowFate, Sent
from syncd.domain.change import Changes, rank
from syncd.domain.collapse import Death, Harvest, Holder, Known, Rows
from syncd.domain.identity import Prepared
from syncd.domain.settlement import Journey
from syncd.domain.token import Tokens
from syncd.domain.user import prepare_user
from syncd.linkedin.auth import Access
from syncd.linkedin.guard import Endpoint

EMAIL = "cnry.jane@example.com"
DIGEST = hashlib.sha256(EMAIL.encode()).digest()
KEY = b"\x01" + DIGEST
FIELDS = b',"firstName":"Cnry"'
RANK = rank(0, 7)
ELEMENT = Element(add=True, ids=(KEY,), fields=FIELDS, rank=RANK, row=7)
ENTRY = Entry(present=True, rank=RANK, ids=(KEY,), fields=FIELDS)
HOLDER = Holder(KEY, RANK)


def prepared() -> Prepared:
    found = prepare_user(f'{{"email": "{EMAIL}", "first_name": "Cnry"}}', allow_names_only=False)
    assert isinstance(found, Prepared)
    return found


VALUES = [
    Changes.of([(7, True, f"subject {EMAIL}", f'{{"email": "{EMAIL}"}}', 1)]),
    prepared(),
    ELEMENT,
    Sent((KEY,), FIELDS),
    ENTRY,
    HOLDER,
    Draft([ELEMENT], [(7, RowFate.TAKEN)]),
    Rows([ELEMENT], {7: EMAIL}),
    Known(7, {KEY: ENTRY}, {EMAIL: HOLDER}, {KEY: 1}),
    Harvest([Draft([ELEMENT])], list[Death](), {EMAIL: HOLDER}, {KEY: RANK}),
    Journey.begin(BatchId(1), 1, BatchKind.LIVE, [ELEMENT]),
    Tokens(access="cnry-access", refresh="cnry-refresh", source="cnry-source"),
    Access(token="cnry-access", generation=1, ends=None, fresh_until=0.0),
    Endpoint(
        base_url="https://api.linkedin.com/rest",
        oauth_url="https://api.linkedin.com/oauth",
        allowed_hosts=("api.linkedin.com",),
        api_version="202608",
        proxy=f"http://user:{EMAIL[:4]}@proxy:3128",
    ),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_no_repr_names_a_person_or_opens_a_door(value: object) -> None:
    for shown in (repr(value), str(value), f"{[value]}", f"{ {'value': value} }"):
        assert "cnry" not in shown.lower()
        assert DIGEST.hex() not in shown
        assert repr(DIGEST)[2:-1] not in shown


def test_tokens_are_not_pickled() -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(Tokens(access="cnry-access"))
