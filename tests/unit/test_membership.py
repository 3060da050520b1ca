"""The diff of a resync equals set arithmetic, whatever live changes come between its parts and in whichever order."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from syncd.domain.batch import Element, Entry, Flag, standing
from syncd.domain.change import Part, Rank, rank
from syncd.domain.membership import Numbers, Verdict, Wanted, elements, verdict

BOUNDARY = rank(1, 100, Part.RESYNC)
PEOPLE = st.integers(0, 12)


def user(number: int) -> bytes:
    return b"\x01" + bytes([number]) * 32


def company(number: int) -> bytes:
    return b"\x12acme%d.example" % number


def entry(identity: bytes, row: int, *, present: bool = True, fields: bytes = b"") -> Entry:
    return Entry(present, rank(1, row), (identity,), fields)


def apply(ledger: dict[bytes, Entry], element: Element) -> None:
    """What the ledger does with an accepted element."""
    before = ledger.get(element.identity)
    if before is None or before.rank <= element.rank:
        ledger[element.identity] = standing(element)


@given(
    held=st.dictionaries(PEOPLE, st.integers(1, 100)),
    gone=st.dictionaries(PEOPLE, st.integers(1, 100)),
    wanted=st.sets(PEOPLE),
    live=st.lists(st.tuples(PEOPLE, st.booleans(), st.booleans()), max_size=12),
)
def test_the_diff_is_set_arithmetic_under_any_interleaving(
    held: dict[int, int], gone: dict[int, int], wanted: set[int], live: list[tuple[int, bool, bool]]
) -> None:
    """`live` changes come above the line, each before or after its person's turn."""
    ledger = {user(n): entry(user(n), row, present=False) for n, row in gone.items()}
    ledger |= {user(n): entry(user(n), row) for n, row in held.items()}
    newest: dict[int, bool] = {}
    early: list[Element] = []
    late: list[Element] = []
    for row, (person, add, before) in enumerate(live, 101):
        element = Element(add=add, ids=(user(person),), fields=b"", rank=rank(1, row), row=row)
        (early if before else late).append(element)
        newest[person] = add
    for element in early:
        apply(ledger, element)
    for person in sorted(wanted | set(held) | set(gone)):
        said = Wanted((user(person),)) if person in wanted else None
        for element in elements(said, ledger.get(user(person)), BOUNDARY):
            apply(ledger, element)
    for element in late:  # each was late for its own turn; among themselves they keep their order
        apply(ledger, element)
    expected = {n for n in wanted if newest.get(n, True)} | {n for n, add in newest.items() if add}
    assert {key for key, one in ledger.items() if one.present} == {user(n) for n in expected}


@given(held=st.sets(PEOPLE), wanted=st.sets(PEOPLE))
def test_what_is_sent_is_the_difference_and_nothing_else(held: set[int], wanted: set[int]) -> None:
    sent = [
        element
        for n in range(13)
        for element in elements(
            Wanted((user(n),)) if n in wanted else None, entry(user(n), 5) if n in held else None, BOUNDARY
        )
    ]
    assert {one.identity for one in sent if one.add} == {user(n) for n in wanted - held}
    assert {one.identity for one in sent if not one.add} == {user(n) for n in held - wanted}
    assert len(sent) == len(wanted ^ held)


def test_a_change_above_the_line_is_left_alone() -> None:
    newer = entry(user(1), 101)
    assert verdict(None, newer, BOUNDARY) is Verdict.NEWER
    assert verdict(Wanted((user(1),)), entry(user(1), 101, present=False), BOUNDARY) is Verdict.NEWER
    assert elements(None, newer, BOUNDARY) == []


def test_ids_that_are_new_are_sent_with_those_that_are_known() -> None:
    held = Entry(True, rank(1, 5), (user(1), b"\x03one", b"\x03two"))
    assert verdict(Wanted((user(1), b"\x03two")), held, BOUNDARY) is Verdict.UNCHANGED
    (sent,) = elements(Wanted((user(1), b"\x03three")), held, BOUNDARY)
    assert sent.ids == (user(1), b"\x03three", b"\x03one", b"\x03two")


def test_a_company_with_other_metadata_leaves_with_the_old_before_it_comes_with_the_new() -> None:
    held = entry(company(1), 5, fields=b',"old"')
    leaving, coming = elements(Wanted((company(1),), b',"new"'), held, BOUNDARY)
    assert (leaving.add, leaving.fields, bool(leaving.flags & Flag.PARTING)) == (False, b',"old"', True)
    assert (coming.add, coming.fields, coming.rank) == (True, b',"new"', BOUNDARY)
    assert held.rank <= leaving.rank <= coming.rank
    (gone,) = elements(None, held, BOUNDARY)
    assert (gone.add, gone.fields) == (False, b',"old"')


def test_a_company_whose_metadata_nobody_knows_cannot_leave() -> None:
    assert verdict(None, entry(company(1), 5), BOUNDARY) is Verdict.UNCHANGED


def test_the_holder_of_an_identity_is_whom_the_source_names() -> None:
    for anonymous, flag in ((True, Flag.ANONYMOUS), (False, Flag.RELEASED)):
        (sent,) = elements(Wanted((user(1),), b"", anonymous), None, BOUNDARY)
        assert sent.flags == flag
    twice = Wanted((user(1),)).beside(Wanted((user(1), b"\x03one"), b"", anonymous=False))
    assert (twice.ids, twice.anonymous) == ((user(1), b"\x03one"), False)


def test_the_fuse_blows_above_its_share_and_not_at_it() -> None:
    assert not Numbers(held=10, removes=2).blows(0.2)
    assert Numbers(held=10, removes=3).blows(0.2)
    assert Numbers(held=10, removes=1).blows(0.0)
    assert not Numbers(held=0, removes=0).blows(0.0)


def test_the_rank_of_a_resync_is_above_its_line_and_below_the_next_row() -> None:
    assert rank(1, 100, Part.SECOND) < BOUNDARY < rank(1, 101)
    assert Rank(BOUNDARY - 1) >= rank(1, 100)
