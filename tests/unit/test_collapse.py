"""`collapse`, sentence by sentence of `design.md` §3 and §4."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import TypeAlias

from syncd.domain import collapse as collapsing
from syncd.domain.batch import MOST_ELEMENTS, Element, Entry, Flag, RowFate
from syncd.domain.change import Action, Part, Rank, Reason, rank
from syncd.domain.collapse import Death, Harvest, Holder, Known, Rows, arranged, in_question

EPOCH = 2
Row: TypeAlias = tuple[Element, str | None]
ADD, REMOVE = Action.ADD, Action.REMOVE
OLD, NEW = b',"companyName":"Old"', b',"companyName":"New"'


def user(name: str) -> bytes:
    return b"\x01" + name.encode()


def firm(name: str) -> bytes:
    return b"\x12" + name.encode()


def row(
    number: int, action: Action, identity: bytes | None, *more: bytes, subject: str | None = None, fields: bytes = b""
) -> Row:
    ids = () if identity is None else (identity, *more)
    flags = Flag.ANONYMOUS if subject is None else Flag.NONE
    return Element(action is ADD, ids, fields, at(number), number, int(flags), 1), subject


def together(rows: Iterable[Row]) -> Rows:
    given = list(rows)
    named = {element.row: subject for element, subject in given if subject is not None}
    return Rows([element for element, _ in given], named)


def at(number: int, part: Part = Part.FIRST) -> Rank:
    return rank(EPOCH, number, part)


def here(identity: bytes, decided: int, *more: bytes, fields: bytes = b"", anonymous: bool = False) -> Entry:
    return Entry(True, at(decided), (identity, *more), fields, anonymous)


def gone(identity: bytes, decided: int, fields: bytes = b"") -> Entry:
    return Entry(False, at(decided), (identity,), fields)


def reap(
    *rows: Row,
    entries: dict[bytes, Entry] | None = None,
    subjects: dict[str, Holder] | None = None,
    holders: dict[bytes, int] | None = None,
    high_water: int = 0,
    deaths: list[Death] | None = None,
) -> Harvest:
    known = Known(high_water, entries or {}, subjects or {}, holders or {})
    return collapsing.collapse(together(rows), deaths or [], known)


def said(harvest: Harvest) -> list[list[tuple[str, bytes]]]:
    """Each draft as what it does to whom."""
    return [[(element.action.value, element.ids[0]) for element in draft.elements] for draft in harvest.drafts]


def fates(harvest: Harvest) -> dict[int, RowFate]:
    return dict(pair for draft in harvest.drafts for pair in draft.rows)


def test_the_newest_change_of_an_identity_goes_and_the_older_ones_are_superseded() -> None:
    harvest = reap(row(1, ADD, user("a")), row(2, REMOVE, user("a")), row(3, ADD, user("a")), row(4, ADD, user("b")))
    assert said(harvest) == [[("ADD", user("a")), ("ADD", user("b"))]]
    assert [element.rank for element in harvest.drafts[0].elements] == [at(3), at(4)]
    assert fates(harvest) == {1: RowFate.SUPERSEDED, 2: RowFate.SUPERSEDED, 3: RowFate.TAKEN, 4: RowFate.TAKEN}


def test_ten_equal_rows_have_one_effect_and_all_of_them_end() -> None:
    harvest = reap(*(row(number, ADD, user("a")) for number in range(1, 11)))
    assert said(harvest) == [[("ADD", user("a"))]]
    assert sorted(fates(harvest)) == list(range(1, 11))


def test_a_late_commit_below_what_is_there_is_superseded_and_above_it_counts() -> None:
    known = {user("a"): gone(user("a"), 10), user("b"): here(user("b"), 3)}
    harvest = reap(row(5, ADD, user("a")), row(6, REMOVE, user("b")), entries=known, high_water=20)
    assert fates(harvest) == {5: RowFate.LATE, 6: RowFate.TAKEN}
    assert said(harvest) == [[("REMOVE", user("b"))]]


def test_only_rows_below_the_highest_taken_id_are_held_against_what_is_there() -> None:
    resynced = {user("a"): Entry(False, at(9, Part.RESYNC), (user("a"),))}
    assert fates(reap(row(9, ADD, user("a")), entries=resynced, high_water=8)) == {9: RowFate.TAKEN}
    assert fates(reap(row(9, ADD, user("a")), entries=resynced, high_water=9)) == {9: RowFate.LATE}


def test_dead_rows_are_counted_and_where_nothing_is_to_be_sent_there_is_one_empty_draft() -> None:
    harvest = reap(deaths=[Death(7, Reason.BAD_PAYLOAD, "no")])
    assert said(harvest) == [[]]
    assert fates(harvest) == {7: RowFate.DEAD}


def test_a_remove_repeats_every_id_that_was_sent() -> None:
    harvest = reap(row(5, REMOVE, user("a")), entries={user("a"): here(user("a"), 1, b"\x03device")})
    assert harvest.drafts[0].elements[0].ids == (user("a"), b"\x03device")


def test_an_add_with_another_id_sends_and_keeps_the_ids_so_far() -> None:
    known = {user("a"): here(user("a"), 1, b"\x03old")}
    harvest = reap(row(5, ADD, user("a"), b"\x03new"), entries=known)
    assert harvest.drafts[0].elements[0].ids == (user("a"), b"\x03new", b"\x03old")


def test_the_ids_of_somebody_who_left_are_not_sent_again() -> None:
    known = {user("a"): Entry(False, at(1), (user("a"), b"\x03old"))}
    harvest = reap(row(5, ADD, user("a"), b"\x03new"), entries=known)
    assert harvest.drafts[0].elements[0].ids == (user("a"), b"\x03new")


def test_two_people_with_a_common_device_go_in_two_drafts_in_the_order_of_their_rows() -> None:
    harvest = reap(row(1, ADD, user("a"), b"\x03d"), row(2, ADD, user("b")), row(3, REMOVE, user("c"), b"\x03d"))
    assert said(harvest) == [[("ADD", user("a")), ("ADD", user("b"))], [("REMOVE", user("c"))]]
    assert [draft.rows for draft in harvest.drafts] == [
        [(1, RowFate.TAKEN), (2, RowFate.TAKEN)],
        [(3, RowFate.TAKEN)],
    ]


def test_a_draft_holds_five_thousand_elements_at_most() -> None:
    numbers = count(1)
    harvest = reap(*(row(number, ADD, user(str(number))) for number in (next(numbers) for _ in range(12_001))))
    assert [len(draft.elements) for draft in harvest.drafts] == [MOST_ELEMENTS, MOST_ELEMENTS, 2_001]
    assert sum(len(draft.rows) for draft in harvest.drafts) == 12_001


def test_arranging_nothing_yields_one_empty_draft() -> None:
    assert [draft.elements for draft in arranged([])] == [[]]


# Companies.


def test_new_metadata_are_a_departure_of_the_old_and_an_arrival_in_a_later_draft() -> None:
    harvest = reap(row(5, ADD, firm("x"), fields=NEW), entries={firm("x"): here(firm("x"), 1, fields=OLD)})
    assert said(harvest) == [[("REMOVE", firm("x"))], [("ADD", firm("x"))]]
    (parting,), (arrival,) = (draft.elements for draft in harvest.drafts)
    assert (parting.fields, parting.rank, parting.decides) == (OLD, at(5, Part.FIRST), False)
    assert (arrival.fields, arrival.rank, arrival.decides) == (NEW, at(5, Part.SECOND), True)
    assert [draft.rows for draft in harvest.drafts] == [[], [(5, RowFate.TAKEN)]]


def test_equal_metadata_are_one_arrival() -> None:
    harvest = reap(row(5, ADD, firm("x"), fields=OLD), entries={firm("x"): here(firm("x"), 1, fields=OLD)})
    assert said(harvest) == [[("ADD", firm("x"))]]


def test_other_metadata_than_those_of_a_company_that_left_are_one_arrival() -> None:
    harvest = reap(row(5, ADD, firm("x"), fields=NEW), entries={firm("x"): gone(firm("x"), 1, OLD)})
    assert said(harvest) == [[("ADD", firm("x"))]]


def test_a_company_that_leaves_and_comes_again_in_one_intake_leaves_with_its_old_metadata() -> None:
    known = {firm("x"): here(firm("x"), 1, fields=OLD)}
    harvest = reap(row(5, REMOVE, firm("x"), fields=OLD), row(6, ADD, firm("x"), fields=NEW), entries=known)
    assert said(harvest) == [[("REMOVE", firm("x"))], [("ADD", firm("x"))]]
    assert harvest.drafts[0].elements[0].fields == OLD


def test_a_company_leaves_with_the_metadata_it_came_with_whatever_its_row_says() -> None:
    harvest = reap(row(5, REMOVE, firm("x"), fields=NEW), entries={firm("x"): here(firm("x"), 1, fields=OLD)})
    assert harvest.drafts[0].elements[0].fields == OLD


def test_an_unknown_company_leaves_with_its_own_metadata() -> None:
    harvest = reap(row(5, REMOVE, firm("x"), fields=NEW))
    assert harvest.drafts[0].elements[0].fields == NEW


def test_a_company_of_which_no_metadata_are_known_needs_no_call_to_leave() -> None:
    harvest = reap(row(5, REMOVE, None, subject="s"), subjects={"s": Holder(firm("x"), at(1))}, holders={firm("x"): 1})
    assert said(harvest) == [[]]
    assert fates(harvest) == {5: RowFate.NEEDLESS}
    assert harvest.subjects == {"s": Holder(None, at(5))}


def test_a_resync_that_ranks_high_is_outranked_by_the_arrival_of_a_subject() -> None:
    known = {firm("x"): Entry(True, at(9, Part.RESYNC), (firm("x"),), OLD)}
    harvest = reap(row(5, ADD, firm("x"), subject="s", fields=NEW), entries=known, high_water=9)
    (parting,), (arrival,) = (draft.elements for draft in harvest.drafts)
    assert at(9, Part.RESYNC) <= parting.rank < arrival.rank < at(10)


# Subjects.


def test_a_subject_that_changes_its_email_leaves_the_old_one_and_joins_the_new_one_one_after_the_other() -> None:
    harvest = reap(
        row(5, ADD, user("new"), subject="s"),
        entries={user("old"): here(user("old"), 1)},
        subjects={"s": Holder(user("old"), at(1))},
        holders={user("old"): 1},
    )
    assert said(harvest) == [[("REMOVE", user("old"))], [("ADD", user("new"))]]
    departure, arrival = (draft.elements[0] for draft in harvest.drafts)
    assert not departure.decides
    assert arrival.decides
    assert fates(harvest) == {5: RowFate.TAKEN}
    assert harvest.subjects == {"s": Holder(user("new"), at(5))}


def test_an_email_that_another_subject_still_holds_stays() -> None:
    harvest = reap(
        row(5, ADD, user("new"), subject="s"),
        entries={user("old"): here(user("old"), 1)},
        subjects={"s": Holder(user("old"), at(1))},
        holders={user("old"): 2},
    )
    assert said(harvest) == [[("ADD", user("new"))]]


def test_an_email_that_somebody_holds_without_a_subject_stays() -> None:
    harvest = reap(
        row(5, ADD, user("new"), subject="s"),
        row(6, REMOVE, None, subject="t"),
        entries={user("old"): here(user("old"), 1, anonymous=True)},
        subjects={"s": Holder(user("old"), at(1)), "t": Holder(user("old"), at(2))},
        holders={user("old"): 2},
    )
    assert said(harvest) == [[("ADD", user("new"))]]
    assert fates(harvest) == {5: RowFate.TAKEN, 6: RowFate.NEEDLESS}


def test_the_last_of_two_subjects_takes_the_email_with_it() -> None:
    known = {user("a"): here(user("a"), 1)}
    both = {"s": Holder(user("a"), at(1)), "t": Holder(user("a"), at(2))}
    harvest = reap(
        row(5, REMOVE, None, subject="s"),
        row(6, REMOVE, None, subject="t"),
        entries=known,
        subjects=both,
        holders={user("a"): 2},
    )
    assert said(harvest) == [[("REMOVE", user("a"))]]
    assert fates(harvest) == {5: RowFate.NEEDLESS, 6: RowFate.TAKEN}


def test_a_remove_of_a_subject_removes_what_it_holds_not_what_its_payload_names() -> None:
    harvest = reap(
        row(5, REMOVE, user("other"), subject="s"),
        entries={user("a"): here(user("a"), 1, b"\x03d"), user("other"): here(user("other"), 2)},
        subjects={"s": Holder(user("a"), at(1))},
        holders={user("a"): 1},
    )
    assert said(harvest) == [[("REMOVE", user("a"))]]
    assert harvest.drafts[0].elements[0].ids == (user("a"), b"\x03d")


def test_a_remove_of_a_subject_that_nobody_knows_needs_its_payload() -> None:
    assert fates(reap(row(5, REMOVE, None, subject="s"))) == {5: RowFate.NEEDLESS}
    assert said(reap(row(5, REMOVE, user("a"), subject="s"))) == [[("REMOVE", user("a"))]]


def test_a_row_older_than_its_subjects_rank_is_superseded() -> None:
    for action in Action:
        harvest = reap(row(5, action, user("a"), subject="s"), subjects={"s": Holder(None, at(6))}, high_water=9)
        assert fates(harvest) == {5: RowFate.LATE}
        assert said(harvest) == [[]]
        assert harvest.subjects == {}


def test_a_subject_that_comes_and_goes_in_one_intake_leaves_somebody_without_a_subject_in_place() -> None:
    harvest = reap(
        row(5, ADD, user("a"), subject="s"),
        row(6, REMOVE, None, subject="s"),
        entries={user("a"): here(user("a"), 1, anonymous=True)},
    )
    assert said(harvest) == [[("ADD", user("a"))]]
    assert harvest.drafts[0].elements[0].flags & Flag.ANONYMOUS
    assert fates(harvest) == {5: RowFate.TAKEN, 6: RowFate.NEEDLESS}


def test_an_arrival_says_whether_somebody_without_a_subject_holds_the_identity() -> None:
    rows = (row(5, ADD, user("a"), subject="s"),)
    (held,) = reap(*rows, entries={user("a"): here(user("a"), 1, anonymous=True)}).drafts[0].elements
    (free,) = reap(*rows, entries={user("a"): here(user("a"), 1)}).drafts[0].elements
    assert held.flags == Flag.ANONYMOUS
    assert free.flags == Flag.RELEASED


def test_new_metadata_by_a_subject_leave_a_holder_without_subject_in_place() -> None:
    known = {firm("x"): here(firm("x"), 1, fields=OLD, anonymous=True)}
    harvest = reap(row(5, ADD, firm("x"), subject="s", fields=NEW), entries=known)
    assert harvest.drafts[1].elements[0].flags & Flag.ANONYMOUS


def test_a_removal_without_subject_is_forgotten_by_no_later_arrival_of_the_same_intake() -> None:
    harvest = reap(
        row(5, REMOVE, user("a")),
        row(6, ADD, user("a"), subject="s"),
        row(7, REMOVE, None, subject="s"),
        row(8, ADD, user("a"), subject="t"),
        entries={user("a"): here(user("a"), 1, anonymous=True)},
    )
    assert said(harvest) == [[("ADD", user("a"))]]
    assert harvest.drafts[0].elements[0].flags == Flag.RELEASED


def test_a_remove_without_subject_takes_the_identity_from_every_subject() -> None:
    harvest = reap(
        row(4, ADD, user("a"), subject="new"),
        row(5, REMOVE, user("a")),
        row(6, ADD, user("b"), subject="old"),
        entries={user("a"): here(user("a"), 1)},
        subjects={"old": Holder(user("a"), at(1))},
        holders={user("a"): 1},
    )
    assert said(harvest) == [[("REMOVE", user("a")), ("ADD", user("b"))]]
    assert harvest.released == {user("a"): at(5)}
    assert harvest.subjects == {"new": Holder(None, at(5)), "old": Holder(user("b"), at(6))}


def test_an_email_that_passes_from_one_subject_to_another_stays() -> None:
    harvest = reap(
        row(5, ADD, user("b"), subject="s"),
        row(6, ADD, user("a"), subject="t"),
        entries={user("a"): here(user("a"), 1)},
        subjects={"s": Holder(user("a"), at(1))},
        holders={user("a"): 1},
    )
    elements = [element for draft in harvest.drafts for element in draft.elements]
    assert [(element.add, element.ids[0]) for element in elements] == [(True, user("b")), (True, user("a"))]
    assert fates(harvest) == {5: RowFate.TAKEN, 6: RowFate.TAKEN}


def test_a_rows_fate_is_looked_up_only_where_it_can_matter() -> None:
    assert not in_question(together([row(5, ADD, user("a"))]), 4)
    assert in_question(together([row(5, ADD, user("a"))]), 5)
    assert in_question(together([row(5, REMOVE, user("a"))]), 4)
    assert in_question(together([row(5, ADD, user("a"), b"\x03d")]), 4)
    assert in_question(together([row(5, ADD, user("a"), subject="s")]), 4)
    assert in_question(together([row(5, ADD, firm("x"), fields=NEW)]), 4)
    assert in_question(together([row(5, ADD, b"\x04names", fields=b",x")]), 4)


def test_elements_that_only_follow_a_row_do_not_decide_it() -> None:
    def flagged(flag: Flag) -> Element:
        return Element(True, (user("a"),), b"", 1, 1, int(flag))

    assert [flag for flag in Flag if not flagged(flag).decides] == [Flag.PARTING, Flag.SECONDARY]
    assert not Element(True, (user("a"),), b"", 1, 0).decides
