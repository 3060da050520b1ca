"""What became of each of many that were to be deleted in one call."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from syncd.domain.outcome import Failure
from syncd.linkedin.batchdelete import Deletions
from syncd.operations.refusals import told


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """Ids that are gone, and what LinkedIn says of the others."""

    gone: list[str]
    kept: dict[str, str]


def deleted(done: Deletions | Failure, ids: Collection[str]) -> Deleted:
    """Every id is in one of the two. Raises what the failure of the whole call means."""
    if not isinstance(done, Deletions):
        raise told(done)
    kept = {one: failure.words for one, failure in done.kept.items()}
    silent = dict.fromkeys(set(ids) - set(done.gone) - set(kept), "LinkedIn says nothing of it")
    return Deleted(gone=list(done.gone), kept=kept | silent)
