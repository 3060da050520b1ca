"""Which settlements are so usual that one statement writes them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from syncd.domain.batch import BatchId, BatchKind, Element, Flag
from syncd.domain.settlement import Dead, Journey, Part, Step
from syncd.pipeline.settle import is_usual

Change = Callable[[Journey, Step], object]


def _element(number: int, flags: Flag = Flag.ANONYMOUS) -> Element:
    return Element(add=True, ids=(b"\x01%d" % number,), fields=b"", rank=number, row=number, flags=int(flags))


def _journey(*elements: Element) -> Journey:
    return Journey.begin(BatchId(1), 1, BatchKind.LIVE, list(elements or (_element(1), _element(2))))


def _step(journey: Journey) -> Step:
    return Step(part=journey.parts[0], refusals=0, accepted=range(len(journey.elements)))


def test_everything_accepted_in_one_request_is_usual() -> None:
    journey = _journey()
    assert is_usual(journey, _step(journey))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda _, step: setattr(step, "accepted", [0]), id="one is not accepted"),
        pytest.param(lambda _, step: setattr(step, "again", [Part([1])]), id="one goes again"),
        pytest.param(lambda _, step: setattr(step, "held", [Dead(1, 400, "no")]), id="one is held now"),
        pytest.param(lambda journey, _: journey.held.append(Dead(1, 400, "no")), id="one was held"),
        pytest.param(lambda journey, _: journey.uncertain.add(1), id="an earlier attempt may land yet"),
        pytest.param(lambda journey, _: journey.doubted.add(1), id="nobody knows what an earlier attempt did"),
    ],
)
def test_what_leaves_anything_open_is_not(change: Change) -> None:
    journey = _journey()
    step = _step(journey)
    change(journey, step)
    assert not is_usual(journey, step)


def test_rows_of_two_elements_are_not_as_their_other_one_may_be_dead() -> None:
    journey = _journey(_element(1), _element(2, Flag.COMPANION))
    assert not is_usual(journey, _step(journey))
