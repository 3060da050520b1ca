"""Where a person's data can stand, declared once: an erasure empties each of these, and a test holds the declaration
against the schema, so that no new column is forgotten.

A text or packed column that is not here holds nothing of a person in a segment, whatever the CRM writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PERSONAL: Final[Mapping[str, str]] = {
    "outbox.payload": "plain, as the CRM wrote it; leaves when it is taken, or at once when its person is erased",
    "outbox.subject_id": "leaves with its row",
    "batches.body": "hashed ids and attributes; emptied when the batch is closed",
    "ledger.identity": "deleted once LinkedIn has accepted that the person left",
    "ledger.sent": "leaves with its row",
    "subjects.subject": "the CRM's id; deleted with the identity it holds or held",
    "subjects.identity": "leaves with its row",
    "dead_letters.element": "hashed ids and attributes; the letter is deleted",
    "reassertions.identities": "leaves when it has gone out once more",
    "erasures.ids": "whom the erasure is about; emptied when it is done",
    "erasure_places.subjects": "likewise",
}
"""`table.column`, and how the person leaves it."""

IMPERSONAL: Final[frozenset[str]] = frozenset(
    {
        "outbox.segment_key",
        "outbox.action",
        "segments.key",
        "segments.name",
        "segments.kind",
        "segments.account",
        "segments.member",
        "segments.ad_segment",
        "segments.order_given",
        "segments.ignored_dmp_ids",
        "segments.parked",
        "segments.parked_words",
        "segments.status",
        "members.key",
        "members.application",
        "members.parked",
        "members.parked_words",
        "leases.member",
        "leases.owner",
        "replicas.id",
        "tokens.member",
        "tokens.sealed",
        "throttles.application",
        "throttles.member",
        "throttles.resource",
        "throttles.scope",
        "batches.kind",
        "batches.words",
        "batches.uuid",
        "batches.states",
        "batches.row_fates",
        "dead_letters.reason",
        "dead_letters.detail",
        "transitions.from_status",
        "transitions.to_status",
        "looks.status",
        "role_checks.member",
        "role_checks.account",
        "role_checks.role",
        "insights.question",
        "insights.answer",
        "source.system_identifier",
        "source.parked_words",
        "suppressions.digest",
        "suppressions.kind",
        "suppression_state.key_id",
        "erasures.kind",
        "erasures.reason",
        "erasures.asked_by",
        "erasure_places.segment",
        "erasure_places.stage",
        "erasure_places.words",
        "erasure_places.orders",
        "erasure_places.support_id",
        "alerts.scope",
        "alerts.kind",
        "alerts.about",
        "alerts.words",
        "notifications.event",
        "notifications.failure",
    }
)
"""Texts and packed columns that name no person: keys, words of LinkedIn's that are scrubbed, counts, digests under a key."""
