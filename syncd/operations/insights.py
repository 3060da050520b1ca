"""Who is in the audience of a segment: a breakdown by each facet asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from syncd.domain.insight import LABELS, Group, Grouping, Order, Question, misasked
from syncd.domain.notices import TARGETING, Notice
from syncd.errors import Rejected
from syncd.operations import scopes, voices
from syncd.operations.refusals import told
from syncd.operations.targets import Facets, refuse, target
from syncd.operations.voices import Clock
from syncd.planning.insights import KEPT, Answered, Insights
from syncd.settings import Settings
from syncd.store.engine import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to ask. `fresh` passes over what was answered in the last day; `accounts` are those of a caller who may not name
    audiences of others.
    """

    segment: str
    groupings: tuple[Grouping, ...]
    include: Facets = ()
    exclude: Facets = ()
    order: Order = Order.SHARE
    most: int = 5
    fresh: bool = False
    accounts: Collection[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakdown:
    """`total` is 0 for an audience below 300; groups below 30 are left out, and groups may overlap."""

    by: Grouping
    label: str
    total: int
    at: datetime
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InsightReport:
    notices: tuple[Notice, ...]
    segment: str
    account: str
    ad_segment: str
    breakdowns: list[Breakdown]


def groupings(text: str) -> tuple[Grouping, ...]:
    """`jobFunctions,seniorities` as groupings. Raises Rejected naming those there are."""
    return tuple(dict.fromkeys(_grouping(name.strip()) for name in text.split(",")))


def _grouping(name: str) -> Grouping:
    try:
        return Grouping(name)
    except ValueError:
        known = ", ".join(Grouping)
        raise Rejected(f"insights cannot be grouped by {name!r}: {known}") from None


async def ask(database: Database, settings: Settings, request: Request, clock: Clock = Clock()) -> InsightReport:
    """One breakdown a grouping, each from LinkedIn or from the last day."""
    whom = await target(database, settings, request.segment)
    criteria = whom.criteria(request.include, request.exclude)
    await scopes.permit(database, request.accounts, criteria)
    questions = [
        Question(account=whom.account, criteria=criteria, grouping=one, order=request.order, most=request.most)
        for one in request.groupings
    ]
    refuse(_problems(questions))
    async with voices.speaking(settings, whom.member, database, clock) as caller:
        insights = Insights(
            database=database, caller=caller, segment_id=whom.id, most_age=-1.0 if request.fresh else KEPT
        )
        breakdowns = [await _breakdown(insights, question) for question in questions]
    return InsightReport(
        notices=TARGETING, segment=whom.key, account=whom.account, ad_segment=whom.audience, breakdowns=breakdowns
    )


def _problems(questions: Iterable[Question]) -> Iterable[str]:
    """Each once: most of them are about the criteria that all questions share."""
    return dict.fromkeys(problem for question in questions for problem in misasked(question))


async def _breakdown(insights: Insights, question: Question) -> Breakdown:
    answered = await insights.ask(question)
    if not isinstance(answered, Answered):
        raise told(answered)
    insight = answered.insight
    return Breakdown(
        by=insight.grouping,
        label=LABELS[insight.grouping],
        total=insight.total,
        at=datetime.fromtimestamp(answered.at, UTC),
        groups=insight.groups,
    )
