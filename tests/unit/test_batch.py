"""What a batch looks like in the database, and what an element is known by."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from syncd.domain.batch import (
    Draft,
    Element,
    Entry,
    Flag,
    RowFate,
    Trace,
    keeps_fields,
    pack,
    pack_element,
    pack_rows,
    pack_sent,
    pack_traces,
    unpack,
    unpack_element,
    unpack_rows,
    unpack_sent,
    unpack_traces,
)
from syncd.domain.change import Action, Rank

_ids = st.lists(st.binary(min_size=2, max_size=40), min_size=1, max_size=4, unique=True).map(tuple)
_elements = st.builds(
    Element,
    add=st.booleans(),
    ids=_ids,
    fields=st.binary(max_size=60),
    rank=st.integers(0, 2**63 - 1),
    row=st.integers(0, 2**46 - 1),
    flags=st.integers(0, 31),
    created=st.integers(0, 2**45),
)


@given(st.lists(_elements, max_size=20))
def test_elements_come_back_as_they_were_stored(elements: list[Element]) -> None:
    assert unpack(pack(elements)) == elements
    assert [unpack_element(pack_element(element)) for element in elements] == elements


@given(st.dictionaries(st.integers(1, 2**46 - 1), st.sampled_from(RowFate), max_size=200))
def test_rows_and_their_fates_come_back_in_whatever_order_they_were(fates: dict[int, RowFate]) -> None:
    assert unpack_rows(pack_rows(fates.items())) == fates
    assert unpack_rows(pack_rows(reversed(list(fates.items())))) == fates


def test_five_thousand_neighbours_take_two_bytes_each_at_most() -> None:
    assert len(pack_rows((row, RowFate.TAKEN) for row in range(10**12, 10**12 + 5_000))) < 10_000


@given(st.sets(st.binary(min_size=1, max_size=40)))
def test_keys_come_back(keys: set[bytes]) -> None:
    traces = {Trace(key, b"fields", (key,)) for key in keys}
    assert set(unpack_traces(pack_traces(traces))) == traces


def test_traces_that_an_older_syncd_wrote_are_read() -> None:
    assert unpack_traces(msgspec.msgpack.encode([(b"key", b"fields")])) == [Trace(b"key", b"fields")]


def test_the_ledger_keeps_nothing_of_a_user_with_one_id_but_the_other_ids_and_the_fields_of_a_company() -> None:
    assert pack_sent(Element(True, (b"\x01a",), b',"title":"x"', 1, 1)) is None
    user = unpack_sent(pack_sent(Element(True, (b"\x01a", b"\x03d"), b',"title":"x"', 1, 1)))
    assert (user.ids, user.fields) == ((b"\x03d",), b"")
    firm = unpack_sent(pack_sent(Element(True, (b"\x12a",), b',"companyName":"x"', 1, 1)))
    assert (firm.ids, firm.fields) == ((), b',"companyName":"x"')
    assert unpack_sent(None) == unpack_sent(b"")


def test_only_companies_and_people_known_by_name_keep_their_fields() -> None:
    assert [tag for tag in range(1, 0x16) if keeps_fields(bytes([tag]))] == [4, *range(0x11, 0x16)]


@given(_elements)
def test_an_element_is_known_by_all_its_ids_and_a_pair_by_its_row_as_well(element: Element) -> None:
    assert element.keys[: len(element.ids)] == element.ids
    paired = bool(element.flags & (Flag.PARTING | Flag.SECONDARY | Flag.COMPANION))
    assert element.is_paired == paired
    assert len(element.keys) == len(element.ids) + (paired and element.row > 0)
    assert element.identity == element.ids[0]
    assert element.action is (Action.ADD if element.add else Action.REMOVE)


def test_a_newer_entry_keeps_what_it_says_and_gains_the_ids_of_the_older() -> None:
    newer = Entry(True, Rank(9), (b"a", b"b"), b"new")
    older = Entry(False, Rank(3), (b"a", b"c"), b"old", anonymous=True)
    assert newer.over(older) == Entry(True, Rank(9), (b"a", b"b", b"c"), b"new")
    assert newer.over(None) is newer
    assert newer.over(newer) is newer


def test_a_draft_counts_its_rows_by_fate() -> None:
    draft = Draft([], [(1, RowFate.TAKEN), (2, RowFate.LATE), (3, RowFate.SUPERSEDED)])
    fates = draft.tally()
    assert fates[RowFate.SUPERSEDED] == fates[RowFate.LATE] == fates[RowFate.TAKEN] == 1
    assert fates[RowFate.DEAD] == 0
