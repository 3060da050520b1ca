"""Python that runs in a daemon before it starts: shorter waits, an instance that shows in logs, deaths at named points.

Only waits that have no setting are shortened; nothing else changes how syncd behaves. `TAG` lets the sandbox's log tell
replicas apart and marks every write transaction with the fencing token it was made under, for the audit triggers; tokens that LinkedIn grants
meanwhile are noted, so that they can be looked for where they must not be.
"""

from __future__ import annotations

HASTE = """
from syncd import rounds
from syncd.domain import retry, settlement
from syncd.pipeline import origin, react, refresh, watch
from syncd.reconcile import provision
refresh.SETTLED_IN = 0.0
react.PARKED = retry.Backoff(0.5, 1.0)
react.OUTAGE = retry.Backoff(0.3, 1.0)
settlement.BATCH = retry.Backoff(0.1, 1.0)
settlement.APART = retry.Backoff(0.5, 1.0)
watch._FOLLOW = 0.25
rounds._PAUSE = 0.25
provision._PATIENCE = 2
"""
"""Seconds become tenths where waiting proves nothing."""

TAG = """
import os as _os, sys as _sys
from syncd import service as _service
from syncd.errors import LeaseLost as _LeaseLost
from syncd.linkedin import transport as _transport
from syncd.store import leases as _leases
from sqlalchemy import text as _text
_transport.__version__ += "." + _os.environ.get("FAULT_TAG", "0")
_fence = _leases.fence
async def _marked(connection, grant):
    try:
        moment = await _fence(connection, grant)
    except _LeaseLost:
        print('{"event": "stale_write_refused"}', file=_sys.stderr, flush=True)
        raise
    if connection.dialect.name == "postgresql":
        mark = "select set_config('syncd.token', '%d', true), set_config('syncd.member', '%s', true)"
        await connection.execute(_text(mark % (grant.token, grant.member)))
    return moment
for _module in [one for name, one in _sys.modules.items() if name.startswith("syncd.")]:
    if getattr(_module, "fence", None) is _fence:
        _module.fence = _marked
import contextlib as _contextlib, functools as _functools
from syncd.store import closing as _closing
@_functools.wraps(_closing.close)
async def _closed(connection, grant, accepted):
    mark = "select set_config('syncd.token', '%s', false), set_config('syncd.member', '%s', false)"
    await connection.execute(_text(mark % (grant.token, grant.member)))
    try:
        return await _closed.__wrapped__(connection, grant, accepted)
    except _LeaseLost:
        print('{"event": "stale_write_refused"}', file=_sys.stderr, flush=True)
        raise
    finally:
        with _contextlib.suppress(Exception):
            await connection.execute(_text(mark % ("", "")))
_closing.close = _closed
from syncd.linkedin import auth as _auth
_granted = _auth.granted
def _noted(*given):
    made = _granted(*given)
    with open(_os.environ["FAULT_TOKENS"], "a") as _file:
        _file.writelines(f"{one}\\n" for one in (getattr(made, "access", ""), getattr(made, "refresh", "")) if one)
    return made
_auth.granted = _noted
"""

AUDIT = """
create table public.syncd_writes (
    number bigint generated always as identity primary key,
    at double precision not null default extract(epoch from clock_timestamp()),
    name text not null, token bigint, valid bigint not null);
create function public.syncd_audit() returns trigger language plpgsql as $$ begin
    insert into public.syncd_writes (name, token, valid)
    select tg_table_name, nullif(current_setting('syncd.token', true), '')::bigint,
           coalesce((select token from syncd.leases where member = current_setting('syncd.member', true)), 0);
    return null;
end $$;
create trigger audit after insert or update or delete on syncd.batches for each row execute function public.syncd_audit();
create trigger audit after insert or update or delete on syncd.ledger for each row execute function public.syncd_audit();
create trigger audit after insert on syncd.dead_letters for each row execute function public.syncd_audit();
create trigger audit after delete on syncd.reassertions for each row execute function public.syncd_audit();
"""
"""Triggers of the tests' own: which token a write was made under, and which was valid. Row by row: a statement that finds no
lease touches no row, and would be told all the same.
"""

_CRASH = """
import os as _os, signal as _signal, functools as _functools, inspect as _inspect
_left = [int(_os.environ.get("CRASH_NTH", "0"))]
_point = _os.environ.get("CRASH_POINT", "")
def _hit():
    _left[0] -= 1
    if _left[0] == 0:
        _os.kill(_os.getpid(), _signal.SIGKILL)
def _crash(owner, name, when):
    whole = getattr(owner, name)
    if _inspect.iscoroutinefunction(whole):
        @_functools.wraps(whole)
        async def wrapped(*given, **named):
            if when == "before":
                _hit()
            made = await whole(*given, **named)
            if when == "after" or (when == "after something" and made):
                _hit()
            return made
    else:
        @_functools.wraps(whole)
        def wrapped(*given, **named):
            if when == "before":
                _hit()
            made = whole(*given, **named)
            if when == "after":
                _hit()
            return made
    setattr(owner, name, wrapped)
"""

CRASH_POINTS: dict[str, tuple[str, str]] = {
    "intake counted, nothing taken": ("syncd.pipeline.intake:_take", "before"),
    "rows taken, in the transaction": ("syncd.store.outbox:take", "after"),
    "batch written, in the transaction": ("syncd.store.intakes:ended", "after"),
    "batch stored": ("syncd.pipeline.lanes:Lane.add", "before"),
    "before the request": ("syncd.pipeline.deliver:_sent", "before"),
    "after the answer": ("syncd.pipeline.deliver:_sent", "after"),
    "ledger written, in the transaction": ("syncd.store.ledger:record", "after"),
    "batch settled, in the transaction": ("syncd.store.batches:settle", "after"),
    "before the settlement of all in one statement": ("syncd.store.closing:close", "before"),
    "all settled in one statement": ("syncd.store.closing:close", "after"),
    "settlement committed": ("syncd.pipeline.settle:record", "after"),
    "reaction written": ("syncd.pipeline.react:react", "after"),
    "re-assertion taken, in the transaction": ("syncd.store.letters:done", "after"),
    "re-assertion stored": ("syncd.pipeline.resend:reassert", "after"),
    "creation intended": ("syncd.linkedin.segments:create", "before"),
    "created, id not stored": ("syncd.linkedin.segments:create", "after"),
    "id stored, in the transaction": ("syncd.store.segments:bind", "after"),
    "token refreshed, not stored": ("syncd.store.tokens:SealedTokens.save", "before"),
    "token stored": ("syncd.store.tokens:SealedTokens.save", "after"),
    "lease taken, in the transaction": ("syncd.store.leases:take", "after"),
    "lease taken": ("syncd.pipeline.own:Ownership._begin", "before"),
    "lease renewed, in the transaction": ("syncd.store.leases:renew", "after"),
    "lease given back, in the transaction": ("syncd.store.leases:give_back", "after"),
    "replica gone": ("syncd.store.leases:depart", "after"),
    "replay begun, in the transaction": ("syncd.store.resyncs:change", "after"),
    "replayed batch written, in the transaction": ("syncd.store.resyncs:advance", "after"),
    "replay ended, in the transaction": ("syncd.store.resyncs:end", "after"),
    "pruning, in the transaction": ("syncd.store.source:prune", "after"),
    "expiring, in the transaction": ("syncd.store.retention:expire", "after something"),
    "declaring, in the transaction": ("syncd.store.segments:declare", "after"),
}


def crash(point: str) -> str:
    """The prelude that kills the daemon at the point's CRASH_NTH hit."""
    path, when = CRASH_POINTS[point]
    module, _, name = path.partition(":")
    owner, _, attribute = name.rpartition(".")
    target = f"_module.{owner}" if owner else "_module"
    return f"{_CRASH}\nimport importlib as _importlib\n_module = _importlib.import_module({module!r})\n_crash({target}, {attribute!r}, {when!r})\n"
