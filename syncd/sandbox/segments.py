"""The DMP segments the sandbox holds: an in-memory store that brings a segment up to date whenever it is looked at."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from . import lifecycle
from .answers import not_found
from .clock import SandboxClock, millis
from .lifecycle import Life, Status, Transition
from .matching import Rates, tallies
from .membership import Membership

STREAMED = frozenset({"USER", "COMPANY"})
UPLOADED = frozenset({"USER_LIST_UPLOAD", "COMPANY_LIST_UPLOAD"})
TYPES = STREAMED | UPLOADED

DEFAULT_RATES = Rates()

FIRST_ID = 9_821_001
AD_SEGMENTS_BELOW = 1_000_000


@dataclass(slots=True, kw_only=True)
class Segment:
    """`created` and `modified` are sandbox time, `born_real` is monotonic: visibility is about the network."""

    id: int
    account: str
    name: str
    type: str
    source_platform: str
    source_segment_id: str | None
    created: float
    modified: float
    born_real: float
    life: Life
    members: Membership
    destinations: dict[str, float] = field(default_factory=dict)
    transitions: list[Transition] = field(default_factory=list)
    frozen_audience: int = 0
    list_flaw: str | None = None

    @property
    def ad_segment_urn(self) -> str:
        return f"urn:li:adSegment:{self.id - AD_SEGMENTS_BELOW}"


class Segments:
    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._by_id: dict[int, Segment] = {}
        self._next_id = FIRST_ID

    def __iter__(self) -> Iterator[Segment]:
        for segment in list(self._by_id.values()):
            yield self.refresh(segment)

    def __len__(self) -> int:
        return len(self._by_id)

    def create(
        self,
        *,
        account: str,
        name: str,
        type_: str,
        source_platform: str,
        source_segment_id: str | None,
        rates: Rates = DEFAULT_RATES,
    ) -> Segment:
        now = self._clock.now()
        segment = Segment(
            id=self._next_id,
            account=account,
            name=name,
            type=type_,
            source_platform=source_platform,
            source_segment_id=source_segment_id,
            created=now,
            modified=now,
            born_real=self._clock.real(),
            life=lifecycle.born(now),
            members=Membership(tallies("USER" if type_.startswith("USER") else "COMPANY", rates)),
            destinations={"LINKEDIN": now},
            transitions=[Transition(origin=None, to=Status.BUILDING, at=now)],
        )
        self._next_id += 1
        self._by_id[segment.id] = segment
        return segment

    def get(self, segment_id: str) -> Segment:
        segment = self._by_id.get(int(segment_id)) if segment_id.isdecimal() else None
        if segment is None:
            raise not_found(f"DMP segment {segment_id} was not found")
        return self.refresh(segment)

    def visible(self, segment_id: str, visible_after: float) -> Segment:
        """As LinkedIn shows it: a newborn segment may not be found yet."""
        segment = self.get(segment_id)
        if not self.shown(segment, visible_after):
            raise not_found(f"DMP segment {segment_id} was not found")
        return segment

    def shown(self, segment: Segment, visible_after: float) -> bool:
        return self._clock.real() - segment.born_real >= visible_after

    def of_account(self, account: str) -> list[Segment]:
        return [segment for segment in self if segment.account == account]

    def behind(self, ad_segment: str) -> Segment | None:
        """The segment that campaigns target under this URN."""
        number = ad_segment.removeprefix("urn:li:adSegment:")
        segment = self._by_id.get(int(number) + AD_SEGMENTS_BELOW) if number.isdecimal() else None
        return None if segment is None else self.refresh(segment)

    def delete(self, segment: Segment) -> None:
        del self._by_id[segment.id]

    def refresh(self, segment: Segment) -> Segment:
        """Play the transitions that came due since it was last looked at."""
        self._apply(segment, *lifecycle.elapse(segment.life, self._clock.now()))
        return segment

    def touch(self, segment: Segment) -> None:
        """Users or companies are about to land."""
        now = self._clock.now()
        self._freeze(segment, now)
        first = not segment.members
        matching = lifecycle.matching_time(segment.id)
        self._apply(segment, *lifecycle.streamed(segment.life, now, matching, first=first))
        segment.modified = now

    def take_list(self, segment: Segment, keys: Iterable[bytes], flaw: str | None) -> None:
        """A list takes the place of what was there; one with a flaw changes nothing but the status, a little later."""
        now = self._clock.now()
        self._freeze(segment, now)
        matching = lifecycle.matching_time(segment.id)
        segment.list_flaw = flaw
        self._apply(segment, *lifecycle.listed(segment.life, now, matching, flawed=flaw is not None))
        segment.modified = now
        if flaw is None:
            segment.members.purge()
            segment.members.add(keys, now)

    def _freeze(self, segment: Segment, now: float) -> None:
        """While matching goes on, the audience is what it was before."""
        if segment.life.status not in {Status.UPDATING, Status.BUILDING}:
            segment.frozen_audience = segment.members.audience(now)

    def put_in_campaign(self, segment: Segment, *, used: bool) -> None:
        now = self._clock.now()
        if not used:
            segment.life = lifecycle.unused(segment.life, now)
            return
        self._freeze(segment, now)
        matching = lifecycle.matching_time(segment.id)
        audience = segment.members.audience(now)
        self._apply(segment, *lifecycle.used(segment.life, now, matching, audience=audience))

    def force(self, segment: Segment, status: Status) -> None:
        matching = lifecycle.matching_time(segment.id)
        self._apply(segment, *lifecycle.forced(segment.life, status, self._clock.now(), matching))

    def _apply(self, segment: Segment, life: Life, transitions: list[Transition]) -> None:
        segment.life = life
        for transition in transitions:
            segment.transitions.append(transition)
            if transition.to is Status.EXPIRED:
                segment.members.purge()
                segment.frozen_audience = 0

    def audience(self, segment: Segment) -> int | None:
        """`audienceSize`: unknown until matched once; while an update is taken up, the size before it."""
        if not segment.life.known:
            return None
        if segment.life.status in {Status.UPDATING, Status.BUILDING}:
            return segment.frozen_audience
        return segment.members.audience(self._clock.now())

    def document(self, segment: Segment) -> dict[str, object]:
        """The segment as `GET /dmpSegments/{id}` shows it."""
        document: dict[str, object] = {
            "id": segment.id,
            "name": segment.name,
            "account": segment.account,
            "accessPolicy": "PRIVATE",
            "type": segment.type,
            "sourcePlatform": segment.source_platform,
            "created": millis(segment.created),
            "lastModified": millis(segment.modified),
            "destinations": [self.destination(segment, name) for name in segment.destinations],
        }
        if segment.source_segment_id is not None:
            document["sourceSegmentId"] = segment.source_segment_id
        if segment.life.known:
            document["inputCount"] = segment.members.input_count(self._clock.now())
        return document

    def destination(self, segment: Segment, name: str) -> dict[str, object]:
        document: dict[str, object] = {
            "destination": name,
            "destinationSegmentId": segment.ad_segment_urn,
            "status": segment.life.status,
            "created": millis(segment.destinations[name]),
            "lastModified": millis(max(segment.life.since, segment.destinations[name])),
        }
        audience = self.audience(segment)
        if audience is not None:
            document["matchedCount"] = segment.members.matched_count(self._clock.now())
            document["audienceSize"] = audience
        return document
