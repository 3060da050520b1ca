"""`docs/lifecycle.md` names everything that a reader can meet."""

from __future__ import annotations

import re
from pathlib import Path

from syncd.domain.advice import Topic
from syncd.domain.segment import Status
from syncd.operations.points import Proof

TEXT = (Path(__file__).parents[2] / "docs" / "lifecycle.md").read_text(encoding="utf-8")


def first_cells(title: str) -> list[str]:
    """The first column of the first table after a heading, without its head."""
    section = TEXT.partition(f"# {title}\n")[2].partition("\n#")[0]
    rows = [line.split("|")[1].strip() for line in section.splitlines() if line.startswith("|")]
    return rows[2:]


def test_every_topic_of_advice_is_documented_and_no_other() -> None:
    assert sorted(first_cells("Advice")) == sorted(f"`{topic}`" for topic in Topic)


def test_every_point_of_the_sign_off_is_documented_in_its_order() -> None:
    assert first_cells("Sign-off") == list(Proof)


def test_every_status_is_documented() -> None:
    assert re.findall(r"[A-Z]+", " ".join(first_cells("The life of a segment"))) == [
        status.value for status in (Status.BUILDING, Status.READY, Status.UPDATING, Status.ARCHIVED, Status.EXPIRED)
    ] + ["FAILED", "ERROR"]
