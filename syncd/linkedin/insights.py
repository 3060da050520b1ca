"""Audience insights: one breakdown of one audience a call (reference 000)."""

from __future__ import annotations

from typing import Final

import msgspec

from syncd.domain.insight import Group, Insight, Question
from syncd.domain.outcome import Failure
from syncd.domain.targeting import FACET_URN
from syncd.linkedin import criteria
from syncd.linkedin.answers import decoded
from syncd.linkedin.transport import Transport

_PATH: Final = "/targetingAudienceInsights"


class _Segmentation(msgspec.Struct, rename="camel"):
    value: str
    entity_count: int = 0
    entity_percentage: float = 0


class _AudienceInsight(msgspec.Struct):
    segmentations: list[_Segmentation] | None = None


class _Value(msgspec.Struct, rename="camel"):
    audience_insight: _AudienceInsight | None = None
    total_audience_count: int = 0


class _Answered(msgspec.Struct):
    value: _Value


async def ask(transport: Transport, *, token: str, question: Question) -> Insight | Failure:
    """The answer to one question; its groups carry their URN for a name."""
    body = {
        "request": {
            "requestMetaData": {"sponsoredAccount": question.account},
            "targetingCriteria": criteria.written(question.criteria),
            "groupBy": FACET_URN + question.grouping,
            "segmentsOrderedBy": question.order,
            "maxReturnCount": question.most,
        }
    }
    answer = await transport.call(
        "POST", _PATH, token=token, query="action=audienceInsights", body=msgspec.json.encode(body)
    )
    found = decoded(answer, _Answered)
    if not isinstance(found, _Answered):
        return found
    value = found.value
    groups = (value.audience_insight and value.audience_insight.segmentations) or []
    return Insight(
        grouping=question.grouping,
        total=value.total_audience_count,
        groups=tuple(
            Group(entity=one.value, name=one.value, count=one.entity_count, percent=round(one.entity_percentage))
            for one in groups
        ),
    )
