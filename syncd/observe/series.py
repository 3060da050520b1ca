"""Families of time series, held as plain dictionaries.

The client library's own metrics cost a lock and a call per observation, keep a series for ever and add `_created`
twins. syncd needs the opposite: 5,000 lags of a settled batch at once, and series that vanish when a cause or a lease
is gone. So the numbers live here and the library only writes them out. Everything runs in one thread, the event loop's.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

Labels = tuple[str, ...]
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A metric as it is documented: what a value means, in which unit, and what to do about a bad one."""

    name: str
    labels: Labels = ()
    unit: str
    means: str
    todo: str

    @property
    def help(self) -> str:
        return f"{self.means} [{self.unit}] {self.todo}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge(Definition):
    """A value that goes up and down, or away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter(Definition):
    """A sum since the start of this process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram(Definition):
    """Seconds, counted by upper bounds."""

    bounds: tuple[float, ...]


class Series(Generic[Value]):
    """What all families share: their definition, and dropping series by a label's value."""

    kind = ""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self._values: dict[Labels, Value] = {}

    def describe(self) -> Iterator[Metric]:
        yield Metric(self.definition.name.removesuffix("_total"), self.definition.help, self.kind)

    def drop(self, **wanted: str) -> None:
        """Takes away the series whose labels have these values; labels a family does not have never match."""
        self._values = {labels: value for labels, value in self._values.items() if not self._matches(labels, **wanted)}

    def drop_any(self, label: str, values: AbstractSet[str]) -> None:
        """Takes away the series whose label has any of these values, in one pass over all of them."""
        if label in self.definition.labels:
            place = self.definition.labels.index(label)
            self._values = {labels: value for labels, value in self._values.items() if labels[place] not in values}

    def _matches(self, labels: Labels, **wanted: str) -> bool:
        named = dict(zip(self.definition.labels, labels, strict=True))
        return all(named.get(label) == value for label, value in wanted.items())


class Gauges(Series[float]):
    kind = "gauge"

    def set(self, value: float | None, *labels: str) -> None:
        """None takes the series away."""
        if value is None:
            self._values.pop(labels, None)
        else:
            self._values[labels] = value

    def replace(self, values: Mapping[Labels, float]) -> None:
        """The family is these values and no others."""
        self._values = dict(values)

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(self.definition.name, self.definition.help, labels=self.definition.labels)
        for labels, value in self._values.items():
            family.add_metric(labels, value)
        yield family


class Counters(Series[float]):
    kind = "counter"

    def begin(self, *labels: str) -> None:
        """A series that starts at 0: a rate sees its first event only if the zero before it was scraped."""
        self._values.setdefault(labels, 0.0)

    def add(self, amount: float, *labels: str) -> None:
        if amount:
            self._values[labels] = self._values.get(labels, 0.0) + amount

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(self.definition.name, self.definition.help, labels=self.definition.labels)
        for labels, value in self._values.items():
            family.add_metric(labels, value)
        yield family


@dataclass(slots=True)
class _Buckets:
    counts: list[int]
    total: float = 0.0


class Histograms(Series[_Buckets]):
    kind = "histogram"

    def __init__(self, definition: Histogram) -> None:
        super().__init__(definition)
        self.bounds = definition.bounds

    def observe(self, value: float, *labels: str) -> None:
        """A negative duration (a clock that was set back) counts as none."""
        buckets = self._buckets(labels)
        buckets.counts[bisect_left(self.bounds, value)] += 1
        buckets.total += max(value, 0.0)

    def observe_all(self, values: Sequence[float], *labels: str) -> None:
        """Many at once, at the price of one sort and one search per bound."""
        if not values:
            return
        ordered = sorted(values)
        ends = [0, *(bisect_right(ordered, bound) for bound in self.bounds), len(ordered)]
        buckets = self._buckets(labels)
        buckets.counts = [
            count + end - start for count, (start, end) in zip(buckets.counts, pairwise(ends), strict=True)
        ]
        buckets.total += sum(ordered[bisect_left(ordered, 0.0) :])

    def _buckets(self, labels: Labels) -> _Buckets:
        found = self._values.get(labels)
        if found is None:
            found = self._values[labels] = _Buckets([0] * (len(self.bounds) + 1))
        return found

    def collect(self) -> Iterator[Metric]:
        family = HistogramMetricFamily(self.definition.name, self.definition.help, labels=self.definition.labels)
        for labels, buckets in self._values.items():
            reached, cumulated = 0, []
            for bound, count in zip((*map(str, self.bounds), "+Inf"), buckets.counts, strict=True):
                reached += count
                cumulated.append((bound, float(reached)))
            family.add_metric(labels, cumulated, buckets.total)
        yield family


Family = Gauges | Counters | Histograms


def family(definition: Definition) -> Family:
    match definition:
        case Gauge():
            return Gauges(definition)
        case Counter():
            return Counters(definition)
        case Histogram():
            return Histograms(definition)
        case _:
            raise TypeError(type(definition).__name__)
