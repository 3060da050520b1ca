"""`/dmpSegments/{id}/users` and `/companies`: batches in, one result per element out (linkedin-api.md §4)."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain, groupby

from .answers import Answer, RefusedError, bad_request, json_answer
from .call import Call
from .elements import COMPANIES, USERS, Action, Batch, Refusal, StreamKind, raw_elements, read_batch
from .faults import holds_value
from .lifecycle import Status
from .membership import key_text
from .people import require_scope, require_writer
from .segments import UPLOADED, Segment
from .world import World

KINDS = {kind.resource: kind for kind in (USERS, COMPANIES)}


def stream_users(world: World, call: Call) -> Answer:
    return _stream(world, call, USERS)


def stream_companies(world: World, call: Call) -> Answer:
    return _stream(world, call, COMPANIES)


def _stream(world: World, call: Call, kind: StreamKind) -> Answer:
    require_scope(call.token, "rw_dmp_segments")
    segment = world.segments.visible(call.segment_id, world.options.visible_after)
    require_writer(call.member, segment.account)
    _check_segment(world, segment, kind)
    batch = read_batch(kind, call.body)
    call.entry.elements = len(batch)
    _refuse_scripted(call, batch)
    _look_for_repeats(world, call, batch)
    _land(world, call, segment, batch)
    if not batch.refusals and not world.options.batch_index:
        return Answer(status=200, body=_all_accepted(len(batch)))
    return json_answer(200, {"elements": _results(batch, with_index=world.options.batch_index)})


def _check_segment(world: World, segment: Segment, kind: StreamKind) -> None:
    """Errors about the call: they speak of the segment, never of an element."""
    if segment.type in UPLOADED:
        raise bad_request(f"DMP segment {segment.id} is of type {segment.type}: it takes list uploads, no stream")
    if segment.type != kind.segment_type:
        raise bad_request(f"DMP segment {segment.id} is of type {segment.type}: {kind.resource} cannot be added to it")
    if segment.life.status is Status.EXPIRED and world.options.expired_stream == "refuse":
        raise bad_request(f"DMP segment {segment.id} is in state EXPIRED: it cannot be updated")


def _refuse_scripted(call: Call, batch: Batch) -> None:
    for effect, values in call.refusals:
        refusal = Refusal(effect.status, effect.message)
        if values:
            raws = (bytes(raw) for raw in raw_elements(call.body))
            struck = [i for i, raw in enumerate(raws) if any(holds_value(raw, value) for value in values)]
        else:
            everyone = range(len(batch))
            struck = [everyone[i] for i in effect.indexes or everyone if -len(batch) <= i < len(batch)]
        for position in struck:
            batch.refusals.setdefault(position, refusal)


def _look_for_repeats(world: World, call: Call, batch: Batch) -> None:
    """An identity stands in a batch once: nothing says that its elements are applied in order."""
    keys = list(chain.from_iterable(batch.keys))
    if len(set(keys)) == len(keys):
        return
    seen: set[bytes] = set()
    for key in keys:
        if key in seen:
            world.journal.violate(call.entry, "repeated_identity", key_text(key))
        seen.add(key)


def _land(world: World, call: Call, segment: Segment, batch: Batch) -> None:
    """Apply what was accepted; what comes too soon after the create is accepted and silently does not land."""
    landed = world.clock.real() - segment.born_real >= world.options.land_after
    taken = len(batch.refusals) < len(batch)
    if landed and taken:
        world.segments.touch(segment)
        _apply(segment, batch, world.clock.now())
    if not landed:
        world.journal.violate(call.entry, "early_data", f"less than {world.options.land_after} s after the create")
    world.journal.applied(call.entry)
    call.entry.applied = landed and taken
    if world.record is not None:
        names: dict[str, object] = {"account": segment.account, "sourceSegmentId": segment.source_segment_id}
        world.record.applied(call.entry, batch, world.clock.real(), landed=landed, segment=names)


def _apply(segment: Segment, batch: Batch, now: float) -> None:
    """Element by element in order; neighbours with the same action go together."""
    for action, run in _runs(batch):
        keys = chain.from_iterable(run)
        if action == "ADD":
            segment.members.add(keys, now)
        else:
            segment.members.discard(keys)


def _runs(batch: Batch) -> Iterator[tuple[Action, Iterable[tuple[bytes, ...]]]]:
    if not batch.refusals and len(set(batch.actions)) == 1:
        yield batch.actions[0], batch.keys
        return
    positions = (i for i in range(len(batch)) if i not in batch.refusals)
    for action, run in groupby(positions, key=batch.actions.__getitem__):
        yield action, [batch.keys[i] for i in run]


@lru_cache(maxsize=256)
def _all_accepted(count: int) -> bytes:
    return b'{"elements":[' + b",".join([b'{"status":201}'] * count) + b"]}"


def _results(batch: Batch, *, with_index: bool) -> list[dict[str, object]]:
    results: list[dict[str, object]] = []
    for position in range(len(batch)):
        refusal = batch.refusals.get(position)
        result: dict[str, object] = {"status": 201}
        if refusal is not None:
            error = {"status": refusal.status, "message": refusal.message}
            result = {"status": refusal.status, "error": error}
        results.append({"batchIndex": position, **result} if with_index else result)
    return results


def read_leniently(resource: str, body: bytes) -> Batch | None:
    """The elements of a request that was not applied, for the record; None when it cannot be read."""
    try:
        return read_batch(KINDS[resource], body)
    except RefusedError:
        return None
