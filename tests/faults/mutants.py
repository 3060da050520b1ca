"""Syncd with one promise broken at a time, as preludes of the tests' own: the checker must notice every one of them.

Each mutant runs in a short scenario that holds without it, and names the invariants of which at least one must break.
A checker that misses one proves less than it says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from tests.faults.answers import MANY, MINUTE, SHORT_MINUTE, status
from tests.faults.history import person
from tests.faults.lives import force, seen
from tests.faults.people import dirty
from tests.faults.processes import FAST_PRUNE, SOON_STALE, changes, with_refresh
from tests.faults.scenario import Grounds, Outcome, Play, Scenario, is_meant, run
from tests.faults.stage import Stage

USERS = {"resource": "users"}
PATIENCE = 7.0
_AT_ONCE = 3
"""Fewer than scenarios: some are caught only when syncd is quick enough to go wrong in time."""
SHORT_DAY: dict[str, Any] = {
    "status": 429,
    "message": "Resource level throttle APPLICATION_AND_MEMBER DAY limit for calls to this resource is reached",
}


@dataclass(frozen=True)
class Mutant:
    name: str
    prelude: str
    play: Play
    breaks: frozenset[str]
    world: dict[str, Any] = field(default_factory=dict)


# Scenarios ------------------------------------------------------------------------------------------------------------
async def plain(stage: Stage) -> None:
    daemon = await stage.daemon()
    for turn in range(4):
        await stage.commit("red", changes(range(turn, turn + 6)) + changes(range(turn), "REMOVE"))
        await asyncio.sleep(0.15)
    await stage.end(daemon)


async def late_commits(stage: Stage) -> None:
    """Rows with lower ids commit after younger ones were taken."""
    daemon = await stage.daemon()
    late = asyncio.create_task(stage.commit("red", changes(range(5)), hold=1.5))
    await stage.until(lambda: any(row.commit == "open" for row in stage.crm.history.rows), "the old one has its ids")
    await stage.commit("red", changes(range(10, 20)))
    await stage.until(lambda: stage.settled(1), "the younger ones are settled", daemon, seconds=PATIENCE)
    await late
    await stage.writer(late=0.6, rollback=0.1, people=20, pause=0.02).run(100, largest=10)
    await stage.end(daemon)


async def refused(stage: Stage) -> None:
    daemon = await stage.daemon()
    stage.refused |= {stage.key(number) for number in (0, 5)}
    values = [stage.hash(number) for number in (0, 5)]
    await stage.fault("", {**USERS, "contains": values}, {"kind": "refuse_elements", "status": 400}, times=-1)
    await stage.commit("red", changes(range(8)))
    await stage.quiet(daemon)
    await stage.end(daemon)


async def resets(stage: Stage) -> None:
    daemon = await stage.daemon(MANY.format(most=5))
    await stage.fault("", USERS, {"kind": "reset"}, times=4)
    await stage.commit("red", changes(range(30)))
    await stage.commit("red", changes(range(10), "REMOVE"))
    await stage.until(lambda: _asked(stage, 5), "it asks", daemon, seconds=PATIENCE)
    await stage.end(daemon)


async def _asked(stage: Stage, count: int) -> bool:
    return len([one for one in await stage.rig.requests() if one["resource"] == "users"]) >= count


async def short_arrays(stage: Stage) -> None:
    daemon = await stage.daemon()
    await stage.fault("", USERS, {"kind": "length", "change": -2}, times=3)
    await stage.commit("red", changes(range(12)))
    await stage.until(lambda: _asked(stage, 1), "it asks", daemon, seconds=PATIENCE)
    await asyncio.sleep(0.4)
    await stage.judge()
    await stage.end(daemon)


async def crowd_at_the_limit(stage: Stage) -> None:
    daemon = await stage.daemon(MANY.format(most=2))
    await stage.commit("red", changes(range(32)))
    await stage.commit("blue", changes(range(32)))
    await asyncio.sleep(4.0)
    await stage.judge()
    await daemon.stop()


async def two_workers(stage: Stage) -> None:
    daemons = await asyncio.gather(stage.daemon(MANY.format(most=3)), stage.daemon(MANY.format(most=3)))
    await stage.fault("", USERS, {"kind": "latency", "seconds": 0.05}, times=-1)
    writing = asyncio.create_task(stage.writer(people=8, pause=0.02).run(250, largest=4))
    await asyncio.sleep(2.5)
    await writing
    await stage.end(*daemons)


async def frozen_while_waiting(stage: Stage) -> None:
    """The owner freezes while a batch waits for another attempt; it wakes when somebody else owns the member."""
    slow = "from syncd.domain import retry as _r, settlement as _s\n_s.BATCH = _r.Backoff(0.5, 0.5)\n"
    first = await stage.daemon(slow)
    await stage.until(lambda: first.events("lease_taken"), "the first owns the member", first)
    await stage.fault("", USERS, status(503), times=1)
    second = await stage.daemon()
    await stage.commit("red", changes(range(10)))
    await stage.until(lambda: _asked(stage, 1), "it asks", first)
    await asyncio.sleep(0.1)
    stage.freeze(first)
    await stage.until(lambda: second.events("lease_taken"), "the second takes over", second)
    await stage.commit("red", changes(range(5), "REMOVE"))
    await stage.until(lambda: stage.settled(1), "the second works", second, seconds=PATIENCE)
    stage.thaw(first)
    await asyncio.sleep(0.4)
    await stage.end(first, second)


async def killed_between(stage: Stage) -> None:
    """kill -9 while a request hangs, with rows in a batch."""
    daemon = await stage.daemon()
    await stage.fault("", USERS, {"kind": "hang", "apply": "never", "seconds": 3, "then": "close"})
    await stage.commit("red", changes(range(10)))
    await stage.until(lambda: _asked(stage, 1), "it asks", daemon, seconds=PATIENCE)
    await daemon.kill()
    await stage.judge()
    await stage.end(await stage.daemon())


async def tombstones(stage: Stage) -> None:
    daemon = await stage.daemon()
    late = asyncio.create_task(stage.commit("red", changes(range(5)), hold=1.5))
    await stage.until(lambda: any(row.commit == "open" for row in stage.crm.history.rows), "the old one has its ids")
    await stage.commit("red", changes(range(5), "REMOVE"))
    await late
    await stage.end(daemon)


async def overtaken(stage: Stage) -> None:
    """An ADD fails for a while; its REMOVE follows."""
    daemon = await stage.daemon(
        "from syncd.domain import retry as _r, settlement as _s\n_s.BATCH = _r.Backoff(0.6, 1.0)\n"
    )
    await stage.fault("", USERS, status(503), times=1)
    await stage.commit("red", changes(range(10)))
    await stage.until(lambda: _asked(stage, 1), "it asks", daemon, seconds=PATIENCE)
    await stage.commit("red", changes(range(10), "REMOVE"))
    await asyncio.sleep(1.2)
    await stage.end(daemon)


async def demoted(stage: Stage) -> None:
    daemon = await stage.daemon()
    await stage.commit("red", changes(range(3)))
    await stage.quiet(daemon)
    await stage.rig.control("tokens", {"do": "role", "member": "ads", "role": "VIEWER"})
    await stage.commit("red", changes(range(3, 8)))
    await asyncio.sleep(0.6)
    await stage.judge()
    await stage.rig.control("tokens", {"do": "role", "member": "ads", "role": "CAMPAIGN_MANAGER"})
    await stage.end(daemon)


async def dirt(stage: Stage) -> None:
    daemon = await stage.daemon()
    await stage.commit("red", dirty(stage.seed, 20))
    await stage.end(daemon)


async def late_apply(stage: Stage) -> None:
    """The first request takes effect after the REMOVE that follows it."""
    daemon = await stage.daemon()
    await stage.fault("", USERS, {"kind": "late", "seconds": 1.6, "hang": 0.0})
    await stage.commit("red", changes(range(5)))
    await stage.until(lambda: stage.settled(1), "the retry is settled", daemon, seconds=PATIENCE)
    await stage.commit("red", changes(range(5), "REMOVE"))
    await stage.until(lambda: _late(stage), "it takes effect", daemon, seconds=PATIENCE)
    await stage.quiet(daemon)
    await stage.end(daemon)


async def _late(stage: Stage) -> bool:
    return any(one["late"] and one["order"] for one in await stage.rig.requests())


def throttled(name: str, body: dict[str, Any]) -> Play:
    async def play(stage: Stage) -> None:
        daemon = await stage.daemon(MANY.format(most=3))
        await stage.fault(name, USERS, status(429, body), times=2)
        await stage.commit("red", changes(range(6)))
        await stage.commit("blue", changes(range(6)))
        await asyncio.sleep(1.5)
        await stage.quiet(daemon, seconds=30)
        await stage.end(daemon)

    return play


async def daily(stage: Stage) -> None:
    """A daily limit that stays for a while."""
    daemon = await stage.daemon(MANY.format(most=3))
    await stage.fault("429 day", USERS, status(429, SHORT_DAY), times=-1)
    await stage.commit("red", changes(range(6)))
    await stage.commit("blue", changes(range(6)))
    await stage.until(lambda: daemon.events("resource_throttled"), "it is throttled", daemon, seconds=PATIENCE)
    await asyncio.sleep(1.5)
    await stage.clear_faults()
    await stage.quiet(daemon, seconds=30)
    await stage.end(daemon)


async def daily_over_a_death(stage: Stage) -> None:
    """The second refusal asks for ten seconds: time enough to stop and to start again."""
    daemon = await stage.daemon()
    await stage.fault("429 day", USERS, status(429, SHORT_DAY), times=2)
    await stage.commit("red", changes(range(6)))
    await stage.until(lambda: len(daemon.events("resource_throttled")) == 2, "it is throttled twice", daemon)
    await daemon.stop()
    await stage.end(await stage.daemon())


async def daily_for_all(stage: Stage) -> None:
    """ads runs into its application's limit, bids has something to send all the time."""
    daemon = await stage.daemon()
    await stage.until(stage.is_quiet, "segments are bound", daemon)
    body = {**SHORT_DAY, "message": SHORT_DAY["message"].replace("APPLICATION_AND_MEMBER", "APPLICATION")}
    await stage.fault("429 application", {**USERS, "member": "ads"}, status(429, body))
    await stage.commit("red", changes(range(6)))
    await stage.until(lambda: daemon.events("resource_throttled"), "it is throttled", daemon, seconds=PATIENCE)
    for number in range(6):
        await stage.commit("blue", changes(range(number, number + 1)))
        await asyncio.sleep(0.4)
    await stage.end(daemon)


async def renewed(stage: Stage) -> None:
    """A token ends and another one is granted."""
    daemon = await stage.daemon(env=with_refresh(stage))
    await stage.commit("red", changes(range(3)))
    await stage.quiet(daemon)
    await stage.rig.control("tokens", {"do": "expire", "member": "ads"})
    await stage.commit("red", changes(range(3, 6)))
    await stage.end(daemon)


async def create_lost(stage: Stage) -> None:
    create = {"resource": "segments", "method": "CREATE"}
    await stage.fault("", create, {"kind": "reset", "apply": True})
    daemon = await stage.daemon()
    await stage.commit("red", changes(range(3)))
    await stage.quiet(daemon)
    await stage.end(daemon)


async def newborn(stage: Stage) -> None:
    await stage.commit("red", changes(range(3)))
    daemon = await stage.daemon(
        "from syncd.pipeline import refresh as _refresh\n_refresh.SETTLED_IN = 2.2\n" + stage.prelude
    )
    await stage.end(daemon)


async def braided(stage: Stage) -> None:
    """Rows of two transactions between each other, all of them there before intake looks."""
    for one, actions in enumerate((("ADD", "REMOVE", "ADD"), ("REMOVE", "ADD", "REMOVE"))):
        await stage.crm.braid("red", [(action, person(one), None) for action in actions])
    await stage.end(await stage.daemon())


async def expired(stage: Stage) -> None:
    """FAILED is left in a way that no reference knows; then the segment expires and is emptied."""
    daemon = await stage.daemon(env={"SYNCD_RESYNC__AFTER_EXPIRY": "replay", "SYNCD_TRACKER__INTERVAL": "0.2"})
    await stage.commit("red", changes(range(6)))
    await stage.quiet(daemon)
    for to in ("FAILED", "READY", "EXPIRED"):
        await force(stage, to=to, clear=to == "EXPIRED")
        await seen(stage, to, daemon)
    await stage.commit("red", changes(range(6, 9)))
    await stage.end(daemon)


async def repeats(stage: Stage) -> None:
    daemon = await stage.daemon()
    await stage.commit("red", [(action, person(1), None) for action in ("ADD", "REMOVE", "ADD", "REMOVE")])
    await stage.end(daemon)


# Mutants --------------------------------------------------------------------------------------------------------------
_CURSOR = """
from sqlalchemy import text as _sql
from syncd.domain.change import Changes as _Changes
from syncd.store import outbox as _outbox
_cursor = {}
_ROWS = '''with found as (select id from syncd.outbox where segment_key = :key and id > :after order by id limit :most %s)
    delete from syncd.outbox where id in (select id from found)
    returning id, case action when 'ADD' then true when 'REMOVE' then false end, subject_id, payload::text, (date_part('epoch', created_at) * 1000)::bigint'''
async def _take(connection, segment, most):
    given = {"key": segment, "after": _cursor.get(segment, 0) if CURSOR else 0, "most": most}
    rows = await connection.execute(_sql(_ROWS % LOCK), given)
    changes = _Changes.of(sorted(map(tuple, rows)))
    if changes:
        _cursor[segment] = changes.rows[-1]
    return changes
_outbox.take = _take
"""
_XID = """
from sqlalchemy import text as _sql
from syncd.domain.change import Changes as _Changes
from syncd.store import outbox as _outbox
_ROWS = '''delete from syncd.outbox where id in (select id from syncd.outbox where segment_key = :key order by id limit :most)
    returning xmin::text::bigint, id, case action when 'ADD' then true when 'REMOVE' then false end, subject_id, payload::text, (date_part('epoch', created_at) * 1000)::bigint'''
async def _take(connection, segment, most):
    rows = await connection.execute(_sql(_ROWS), {"key": segment, "most": most})
    return _Changes.of(row[1:] for row in sorted(map(tuple, rows), key=lambda row: (row[0], row[1])))
_outbox.take = _take
"""
_NO_LEASE = """
from syncd.store import leases as _leases
from syncd.store.leases import Grant as _Grant
async def _grant(connection, member, owner, hold):
    return _Grant(member, owner, 1, clean=True)
async def _kept(connection, owner, tokens, hold):
    return set(tokens)
async def _free(connection, members):
    return list(members)
_leases.take, _leases.renew, _leases.free = _grant, _kept, _free
import sys as _sys
from sqlalchemy import text as _text
async def _no_fence(connection, grant):
    import time
    mark = "select set_config('syncd.token', '%d', true), set_config('syncd.member', '%s', true)"
    await connection.execute(_text(mark % (grant.token, grant.member)))
    return time.time()
for _module in [one for name, one in _sys.modules.items() if name.startswith("syncd.")]:
    if hasattr(_module, "fence"):
        _module.fence = _no_fence
from syncd.pipeline import own as _own
_renewed = _own.Ownership._renew
async def _all(self):
    await _renewed(self)
    return len(self.members)
_own.Ownership._renew = _all
"""
_OPEN_DOOR = """
from sqlalchemy import select as _select
from syncd.store import closing as _closing
from syncd.store.tables import epoch as _epoch, now as _now
_closing.CLOSE = _closing.statement(_select(_epoch(_now()).label("moment")))
from sqlalchemy import bindparam as _bound, func as _func
from syncd.store import intakes as _intakes, tables as _tables
_intakes.IS_OURS = _tables.leases.c.member == _bound("member")
_intakes._MARK_POSTGRESQL = _intakes._marked(_func.set_config("enable_sort", "off", True))
"""
"""Settlements and intakes, whose fence is a part of another statement, ask for no lease."""
_DEAF = """
from syncd.domain.events import {event} as _event
from syncd.observe.metrics import Metrics as _metrics
_handle = _metrics.handle
_metrics.handle = lambda self, event: None if isinstance(event, _event) else _handle(self, event)
"""
_LIMITS = {"users": 20, "companies": 20}


def _mutant(name: str, patch: str, play: Callable[[Stage], Any], *breaks: str, **world: Any) -> Mutant:
    return Mutant(name, patch, play, frozenset(breaks), world)


MUTANTS: tuple[Mutant, ...] = (
    _mutant("an id cursor instead of taking rows", f"CURSOR, LOCK = True, ''\n{_CURSOR}", late_commits, "V1"),
    _mutant("ordered by transaction, not by id", _XID, braided, "V1", "S2", "S4"),
    _mutant(
        "changes in the wrong order",
        "from syncd.store import outbox as _o\n_w = _o.take\nasync def _t(*g):\n    return (await _w(*g))[::-1]\n_o.take = _t\n",
        repeats, "V1", "S2", "S4",
    ),
    _mutant("two workers, SKIP LOCKED, no fencing", f"CURSOR, LOCK = False, 'for update skip locked'\n{_CURSOR}\n{_NO_LEASE}{_OPEN_DOOR}", two_workers, "S6", "S10", "S4"),
    _mutant("two owners, the lease check off", _NO_LEASE + _OPEN_DOOR, two_workers, "S6", "S10", "S4"),
    _mutant(
        "confirmed on HTTP 200",
        "from syncd.domain.outcome import Delivered as _D\nfrom syncd.linkedin import streams as _s\n_s.results = lambda body, sent, uuid='', secrets=(): _D((), uuid)\n",
        refused, "S3", "S2",
    ),
    _mutant(
        "confirmed before it was sent",
        "import asyncio as _a\nfrom syncd.domain.outcome import Delivered as _D\nfrom syncd.pipeline import deliver as _d\n_w = _d._sent\n_kept = set()\n"
        "async def _sent(flight, going):\n    _kept.add(_a.ensure_future(_w(flight, going)))\n    return _D((), '')\n_d._sent = _sent\n",
        resets, "S3", "S2", "V1",
    ),
    _mutant(
        "sent from memory, the batch not stored",
        "from syncd.store import batches as _b\n_w = _b.row\ndef row(*g):\n    return {**_w(*g), 'open': False, 'body': None}\n_b.row = row\n",
        killed_between, "S2", "V1",
    ),
    _mutant(
        "dropped on a timeout",
        "from syncd.domain import settlement as _s\ndef _drop(part, outcome, circumstances, step):\n    step.dropped = part.indexes\n_s._unclear = _drop\n",
        resets, "S2", "V1",
    ),
    _mutant(
        "short arrays zipped onto elements",
        "from syncd.domain.outcome import Delivered as _D\nfrom syncd.linkedin import streams as _s, wire as _w\n_whole = _w.results\n"
        "def _zip(body, sent, uuid='', secrets=()):\n    found = _w._RESULTS.decode(body).elements\n    return _D(_w._exceptions(found, range(len(found)), secrets), uuid)\n_s.results = _zip\n",
        short_arrays, "S3", "S2",
    ),
    _mutant(
        "AsyncLimiter(limit, 60)",
        "from aiolimiter import AsyncLimiter as _L\nfrom syncd.linkedin import pacing as _p\n_w = _p.Pacer.__init__\n"
        "def _init(self, quota, **more):\n    _w(self, quota, **more)\n    self._bucket, self._started = _L(quota.limit, 60), True\n_p.Pacer.__init__ = _init\n",
        crowd_at_the_limit, "S7", limits=_LIMITS,
    ),
    _mutant(
        "no look at the trust window",
        "from syncd.pipeline import member as _m\n_m.Member.trusts = lambda self, now: not self.lost\n",
        frozen_while_waiting, "S10", "S6",
    ),
    _mutant(
        "settlement without fencing",
        "from syncd.pipeline import settle as _s\nasync def _no(connection, grant):\n    import time\n    return time.time()\n_s.fence, _s.is_usual = _no, lambda *given: False\n",
        plain, "S10",
    ),
    _mutant(
        "settlement in one statement without fencing",
        f"{_OPEN_DOOR}_closing.close = _closing.close.__wrapped__\n",
        plain, "S10",
    ),
    _mutant(
        "settled in one statement, the ledger left out",
        "from sqlalchemy import false as _false\nfrom syncd.store import closing as _c, ledger as _l\n_w = _l.postgresql_upsert\n"
        "_l.postgresql_upsert = lambda *given: _w(*given, _false())\n_c.CLOSE = _c.statement(_c.FENCE)\n",
        plain, "V1", "S2", "S3",
    ),
    _mutant(
        "tombstones removed at once",
        FAST_PRUNE + "from syncd.store import ledger as _l, source as _s\nasync def _p(connection, keep):\n    return await _l.prune(connection, 4e9)\n_s.prune = _p\n",
        tombstones, "V1", "S2", "S4",
    ),
    _mutant(
        "older states sent again after newer ones",
        "from syncd.pipeline import lanes as _l\ndef _add(self, journey):\n    self.batches.append(_l.Open.of(journey))\n_l.Lane.add = _add\n_l.Lane.overtaken = lambda self, batch, part: []\n",
        overtaken, "S4", "V1",
    ),
    _mutant(
        "dead letters on 403",
        "from syncd.domain import settlement as _s\nfrom syncd.domain.outcome import NotAllowed as _N\nfrom syncd.pipeline import deliver as _d\n_w = _s.decide\n"
        "def _decide(journey, part, outcome, circumstances):\n    step = _w(journey, part, outcome, circumstances)\n    if isinstance(outcome, _N):\n"
        "        step.refused, step.again, step.park_segment = [_s.Dead(i, 403, 'no') for i in part.indexes], [], None\n    return step\n_d.decide = _decide\n",
        demoted, "V2", "V1",
    ),
    _mutant(
        "a parking is said twice",
        "from syncd.domain.events import SegmentParked as _P\nfrom syncd.pipeline import react as _r\n_w = _r._park_segment\n"
        "async def _park(lane, member, tools, reason, words):\n    await _w(lane, member, tools, reason, words)\n"
        "    tools.emit(_P(segment=lane.segment.key, reason=reason.value, words=words))\n_r._park_segment = _park\n",
        demoted, "S12",
    ),
    _mutant("a parking that no metric tells", _DEAF.format(event="SegmentParked"), demoted, "S12"),
    _mutant("a metric of a parking that stays", _DEAF.format(event="SegmentResumed"), demoted, "S12"),
    _mutant(
        "refused elements count as taken",
        "from syncd.domain.outcome import Fate as _F\nfrom syncd.linkedin import wire as _w\n_w.element_fate = lambda status: _F.ACCEPTED\n",
        refused, "S3", "S2",
    ),
    _mutant(
        "hashed without removing white space",
        "from syncd.domain import user as _u\n_u.normalise_email = lambda text: text.strip().lower()\n_u._BLANKS = b''\n",
        dirt, "S1", "V1", "V2",
    ),
    _mutant(
        "a token in the words of an error",
        "from dataclasses import replace as _r\nfrom syncd.domain.outcome import Unclear as _U\nfrom syncd.linkedin import streams as _s\nfrom syncd.pipeline import deliver as _d\n_w = _s.send\n"
        "async def _send(transport, *, token, **more):\n    made = await _w(transport, token=token, **more)\n    return _r(made, words=f'{made.words} for {token}') if isinstance(made, _U) else made\n_s.send = _send\n",
        resets, "S11",
    ),
    _mutant(
        "a token that was just granted, on standard error",
        "import sys as _y\nfrom syncd.store.tokens import SealedTokens as _S\n_w = _S.save\n"
        "async def _save(self, fresh):\n    print(fresh.access, file=_y.stderr)\n    return await _w(self, fresh)\n_S.save = _save\n",
        renewed, "S11", prelude=SOON_STALE,
    ),
    _mutant(
        "an address on standard error",
        "import sys as _y\nfrom syncd.pipeline import intake as _i\n_w = _i.prepare_users\ndef _p(payloads, **more):\n    print(*payloads, file=_y.stderr)\n    return _w(payloads, **more)\n_i.prepare_users = _p\n",
        plain, "S11",
    ),
    _mutant(
        "no re-assertion",
        "from syncd.store import batches as _b\nasync def _no(*given):\n    return\n_b.promise_reassertion = _no\n",
        late_apply, "V1",
    ),
    _mutant(
        "no pause after the minute limit",
        "from syncd.pipeline import deliver as _d, react as _r\n_d.throttle_wait = _r.throttle_wait = lambda *given: 0.1\n",
        throttled("429 minute", MINUTE), "S7b", minute=3.0, prelude=SHORT_MINUTE,
    ),
    _mutant(
        "probes of a daily limit every second",
        "from syncd.pipeline import deliver as _d, react as _r\n_d.throttle_wait = _r.throttle_wait = lambda *given: 1.0\n",
        daily, "S7c",
    ),
    _mutant(
        "a hot loop under a daily limit",
        "from syncd.pipeline import deliver as _d, react as _r\n_d.throttle_wait = _r.throttle_wait = lambda *given: 0.1\n",
        daily, "S7c",
    ),
    _mutant(
        "a daily limit that the next owner knows nothing of",
        "from syncd.store import throttles as _t\nasync def _none(*given):\n    return []\n_t.of = _none\n",
        daily_over_a_death, "S7c",
    ),
    _mutant(
        "an application's daily limit that stops one member",
        "from dataclasses import replace as _r\nfrom syncd.store import throttles as _t\n_w = _t.remember\n"
        "async def _mine(connection, wait, *more):\n    await _w(connection, _r(wait, member=wait.member or 'ads'), *more)\n_t.remember = _mine\n",
        daily_for_all, "S7c", members={"ads": "canary-token-a", "bids": "canary-token-b"},
    ),
    _mutant(
        "created without looking first",
        "from syncd.linkedin import segments as _d\nasync def _none(*given, **named):\n    return ()\n_d.find = _none\n",
        create_lost, "S8",
    ),
    _mutant("data for a segment that takes none yet", "_refresh.SETTLED_IN = 0.0\n", newborn, "S8", "V1", options=("--land-after", "2")),
    _mutant(
        "an expired segment is sent to all the same",
        "from syncd.reconcile import track as _t\n_t._purge = lambda *given: None\n",
        expired, "V1",
    ),
    _mutant(
        "every transition counts as documented",
        "from syncd.store import segments as _s\n_s.documented = lambda *given: True\n",
        expired, "S9",
    ),
    _mutant(
        "an identity twice in a batch",
        "from syncd.domain import collapse as _c\ndef _want(self, element):\n    self.wanted[element.ids[0] + b'%d' % element.row] = element\n    self.fates[element.row] = _c.RowFate.TAKEN\n_c._Sheaf.want = _want\n",
        repeats, "S5",
    ),
    _mutant(
        "invalid rows vanish without a letter",
        "from syncd.store import batches as _b\nasync def _no(*given):\n    return\n_b.bury_rows = _no\n",
        dirt, "S2", "V2",
    ),
)  # fmt: skip


@dataclass
class Hunted:
    mutant: Mutant
    caught: set[str]
    outcome: Outcome


async def hunt(ground: Grounds, seed: int, say: Callable[[str], None], *, only: str = "") -> int:
    """Runs every scenario once as it is and once per mutant; how many mutants got away or scenarios broke."""
    mutants = [one for one in MUTANTS if is_meant(one.name, only)]
    places = asyncio.Semaphore(_AT_ONCE)
    controls = list(
        {one.play: replace(one, name=f"control: {one.play.__name__}", prelude="") for one in mutants}.values()
    )

    async def one(mutant: Mutant) -> Hunted:
        async with places:
            world = {**mutant.world, "patience": PATIENCE if mutant.prelude else 30.0}
            scene = Scenario(mutant.name, (), mutant.play, world=world)
            prelude = "from syncd.pipeline import refresh as _refresh\n" + mutant.prelude if mutant.prelude else ""
            outcome = await run(scene, ground, seed, patience=60.0, prelude=prelude)
            caught = {text.split(" ", 1)[0] for text in outcome.broken}
            return Hunted(mutant, caught, outcome)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(mutant)) for mutant in (*controls, *mutants)]
    found = [task.result() for task in tasks]
    wrong = 0
    say(f"\n{'mutant':44} {'caught by':24} example")
    for hunted in found:
        mutant, outcome = hunted.mutant, hunted.outcome
        if not mutant.prelude:
            if not outcome.held:
                wrong += 1
                say(f"BROKEN  {mutant.name}: {outcome.failed} {'; '.join(outcome.broken)}")
            continue
        names = " ".join(sorted(hunted.caught)) or "nothing"
        if not hunted.caught & mutant.breaks:
            wrong += 1
            names = f"GOT AWAY ({names})"
        example = next((text for text in outcome.broken if text.split(" ", 1)[0] in mutant.breaks), outcome.failed)
        say(f"{mutant.name:44} {names:24} {example[:110]}")
    caught = sum(1 for one in found if one.mutant.prelude and one.caught & one.mutant.breaks)
    say(f"mutants caught: {caught} of {len(mutants)}")
    return wrong
