from __future__ import annotations

import asyncio
import gc
import hashlib
import io
import json
import logging
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, get_args

import pytest
import structlog
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from syncd.domain import events
from syncd.observe import logs, redact
from syncd.observe.traces import traces

ADDRESS = "canary.jane+list@example.com"
SHA256 = hashlib.sha256(ADDRESS.encode()).hexdigest()
SHA512 = hashlib.sha512(ADDRESS.encode()).hexdigest()
TOKEN = "AQXcanary" + "Zz9_-" * 30
FERNET = Fernet.generate_key().decode()
DEVICE = "6d92078a-8246-4ba4-ae5b-76104861e7dc"
CANARIES = (ADDRESS, SHA256, SHA512, TOKEN, FERNET, DEVICE, "hunter2pass")
SAID = (
    f"person {ADDRESS} hash {SHA256}/{SHA512.upper()} device {DEVICE} key {FERNET} Authorization: Bearer {TOKEN} "
    f"at postgresql://user:hunter2pass@db/syncd?password=hunter2pass {ADDRESS.replace('@', '%40')}"
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    kept = (root.handlers[:], root.level, logging.getLogger(logs.OURS).level)
    hooks = (sys.excepthook, threading.excepthook, sys.unraisablehook)
    yield
    root.handlers[:] = kept[0]
    root.setLevel(kept[1])
    logging.getLogger(logs.OURS).setLevel(kept[2])
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks


@pytest.fixture
def stream() -> io.StringIO:
    stream = io.StringIO()
    logs.configure("json", "debug", stream)
    return stream


def records(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def the_record(stream: io.StringIO) -> dict[str, Any]:
    (record,) = records(stream)
    return record


def fail() -> NoReturn:
    """Fails with canaries in its variables, its message, its cause and its notes."""
    address, digest, token = ADDRESS, SHA256, {"Authorization": f"Bearer {TOKEN}"}
    try:
        raise KeyError(address)  # noqa: TRY301  # the cause must have passed a frame too
    except KeyError as cause:
        error = ValueError(f"{SAID}\nDETAIL: Failing row contains (Jane, Canarylastname, {digest})")
        error.add_note(f"{token}")
        raise error from cause


def failure() -> Exception:
    try:
        fail()
    except ValueError as error:
        return error


def by_structlog() -> None:
    try:
        fail()
    except ValueError:
        structlog.get_logger("syncd.x").exception("failed", address=ADDRESS, headers={"Authorization": TOKEN})


def by_structlog_with_the_error() -> None:
    structlog.get_logger("syncd.x").error("failed", exc_info=failure(), error=failure(), stack_info=True)


def by_the_standard_library() -> None:
    try:
        fail()
    except ValueError as error:
        logging.getLogger("elsewhere").exception("failed with %s for %r", error, {"email": ADDRESS})  # noqa: TRY401  # people do


def by_the_standard_library_with_its_stack() -> None:
    logging.getLogger("elsewhere").error("failed for %s", ADDRESS, stack_info=True, exc_info=failure())


def by_a_broken_format() -> None:
    logging.getLogger("elsewhere").error("%d apples", ADDRESS)


def by_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(SAID, UserWarning, stacklevel=1)


def by_the_event_loop() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.call_exception_handler({"message": f"broke for {ADDRESS}", "exception": failure(), "token": TOKEN})
        loop.call_soon(fail)
        await asyncio.sleep(0)
        task = asyncio.ensure_future(broken())
        await asyncio.sleep(0)
        del task
        gc.collect()

    async def broken() -> None:
        fail()

    asyncio.run(main())


def by_a_group() -> None:
    group = ExceptionGroup(f"many of {ADDRESS}", [failure(), ExceptionGroup("deep", [failure()])])
    logging.getLogger("elsewhere").error("failed", exc_info=group)


def by_nobody() -> None:
    error = failure()
    sys.excepthook(type(error), error, error.__traceback__)


def by_a_thread() -> None:
    thread = threading.Thread(target=fail, name=ADDRESS)
    thread.start()
    thread.join()


def by_the_garbage_collector() -> None:
    class Broken:
        def __del__(self) -> None:
            fail()

    Broken()
    gc.collect()


PATHS = [
    by_structlog,
    by_structlog_with_the_error,
    by_the_standard_library,
    by_the_standard_library_with_its_stack,
    by_a_broken_format,
    by_a_warning,
    by_the_event_loop,
    by_a_group,
    by_nobody,
    by_a_thread,
    by_the_garbage_collector,
]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.__name__)
@pytest.mark.parametrize("form", ["json", "console", "terminal"])
def test_no_canary_comes_out_by_any_path(
    path: Callable[[], None], form: str, capfd: pytest.CaptureFixture[str]
) -> None:
    stream = Terminal() if form == "terminal" else io.StringIO()
    logs.configure("auto" if form == "terminal" else form, "debug", stream)  # type: ignore[arg-type]  # one of three
    path()
    printed = "".join(capfd.readouterr())
    assert printed == ""
    written = stream.getvalue()
    assert written
    for canary in (*CANARIES, "Canarylastname", "canary"):
        assert canary.lower() not in written.lower()


def test_an_exception_is_a_list_of_places_without_variables(stream: io.StringIO) -> None:
    by_structlog()
    record = the_record(stream)
    first, second = record["exception"]
    assert (first["type"], first["how"], second["type"], second["how"]) == ("ValueError", "raised", "KeyError", "cause")
    assert [frame["function"] for frame in first["frames"]] == ["by_structlog", "fail"]
    assert first["frames"][0]["file"] == "tests/unit/test_logs.py"
    assert set(first) == {"type", "message", "how", "frames"}
    assert set(first["frames"][0]) == {"file", "line", "function"}


def test_a_terminal_shows_an_exception_line_by_line() -> None:
    stream = Terminal()
    logs.configure("auto", "info", stream)
    by_structlog()
    lines = stream.getvalue().splitlines()
    assert "failed" in lines[0]
    assert lines[1].startswith("  raised: ValueError: person [email]")
    assert lines[2].startswith("    tests/unit/test_logs.py:")


def test_a_loop_of_causes_ends() -> None:
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    assert [trace["message"] for trace in traces(one)] == ["one", "two"]


def test_an_exception_that_cannot_be_shown_is_logged_all_the_same(stream: io.StringIO) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError(ADDRESS)

    logging.getLogger("elsewhere").error("failed", exc_info=Mute())
    assert the_record(stream)["exception"][0]["message"] == "<Mute fails to show itself: RuntimeError>"


def test_a_record_says_when_how_bad_and_where_from(stream: io.StringIO) -> None:
    structlog.get_logger("syncd.x").info("row_taken", count=3)
    record = the_record(stream)
    assert record["timestamp"].endswith("Z")
    assert (record["level"], record["logger"], record["event"], record["count"]) == ("info", "syncd.x", "row_taken", 3)


def test_auto_is_json_where_nobody_looks() -> None:
    stream = io.StringIO()
    logs.configure("auto", "info", stream)
    logging.getLogger("aiohttp.server").error("broken")
    assert the_record(stream)["logger"] == "aiohttp.server"


def test_levels_are_kept_and_other_peoples_loggers_start_at_warning() -> None:
    stream = io.StringIO()
    logs.configure("json", "info", stream)
    structlog.get_logger("syncd.x").debug("hidden")
    logging.getLogger("syncd.x").debug("hidden")
    logging.getLogger("aiosqlite").info("hidden")
    logging.getLogger("syncd.x").info("shown")
    assert [record["event"] for record in records(stream)] == ["shown"]


def test_configured_again_it_writes_to_the_new_stream_only(stream: io.StringIO) -> None:
    other = io.StringIO()
    logs.configure("json", "error", other)
    structlog.get_logger("syncd.x").warning("hidden")
    structlog.get_logger("syncd.x").error("shown")
    assert stream.getvalue() == ""
    assert the_record(other)["event"] == "shown"


def test_a_line_cannot_be_forged(stream: io.StringIO) -> None:
    structlog.get_logger("syncd.x").info('a\n{"event":"forged"}', **{"k\r\ney": "\x1b[2J\u2028\u202e\ud800"})
    record = the_record(stream)
    assert record["event"] == 'a\\n{"event":"forged"}'
    assert record["k\\r\\ney"] == "\\x1b[2J\\u2028\\u202e\\ud800"


def test_a_terminal_gets_no_control_characters_from_a_value() -> None:
    stream = io.StringIO()
    logs.configure("console", "info", stream)
    structlog.get_logger("syncd.x").info("a\nb", value="\x1b[2J\r\x9b")
    assert stream.getvalue().count("\n") == 1
    assert all(character.isprintable() for character in stream.getvalue().rstrip("\n"))


def test_redaction_reaches_every_depth_and_keys(stream: io.StringIO) -> None:
    structlog.get_logger("syncd.x").info(
        "deep",
        nested=[{"a": ({ADDRESS: [SHA256]},), ("ADD", ADDRESS): 1}],
        raw=ADDRESS.encode(),
        other=frozenset({TOKEN}),
        password="short",
        token=7,
        nothing=float("nan"),
    )
    record = the_record(stream)
    assert record["nested"] == [{"a": [{"[email]": ["[hash]"]}], "ADD/[email]": 1}]
    assert (record["raw"], record["other"]) == (f"[{len(ADDRESS)} bytes]", ["[secret]"])
    assert (record["password"], record["token"], record["nothing"]) == ("[secret]", 7, "nan")


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("nothing to hide: 3 of 4 (75 %)", "nothing to hide: 3 of 4 (75 %)"),
        ("urn:li:sponsoredAccount:123456 is unknown", "urn:li:sponsoredAccount:123456 is unknown"),
        ("KeyError(o'brien@example.com)", "KeyError([email])"),
        ('"jane doe"@example.com left', "[email] left"),
        ("用户@例子.广告", "[email]"),
        ("jane%40example.com", "[email]"),
        (f"x{SHA256}x", "x[hash]x"),
        ("Bearer abcdefgh", "Bearer [secret]"),
        ("{'Authorization': 'Basic dXNlcg=='}", "{'Authorization': [secret]}"),
        ("Cookie: a=b; session=c", "Cookie: [secret]"),
        ("refresh_token=abc&grant=x", "refresh_token=[secret]&grant=x"),
        ("client_secret: 'a b c' there", "client_secret: [secret] there"),
        ("https://api.linkedin.com/rest/x?ids=1 failed", "https://api.linkedin.com/rest/x?[query] failed"),
        ("GET /rest/x?q=account now", "GET /rest/x?[query] now"),
        ("http://user:pass@proxy:3128 is down", "http://[secret]@proxy:3128 is down"),
        ("http://user:p/w@x?y@proxy:3128 is down", "http://[withheld] is down"),
        ("https://h/x?email=a@b.example&code=1 failed", "https://[withheld] failed"),
        ("eyJhbGciOi.eyJzdWIi.c2ln", "[secret]"),
        ("no rows [parameters: ('Jane',)]", "no rows [parameters: [withheld]"),
    ],
)
def test_text_loses_what_names_a_person_or_opens_a_door(said: str, left: str) -> None:
    assert redact.text(said) == left


@given(st.text(max_size=50), st.text(max_size=50))
def test_an_address_in_any_text_is_taken_out(before: str, behind: str) -> None:
    assert ADDRESS not in redact.text(before + ADDRESS + behind)
    assert SHA256 not in redact.text(before + SHA256 + behind)
    assert redact.text(before + " " + behind).isprintable()


@pytest.mark.parametrize("piece", ["a", "a.", "://", "%40", '"', "aaaa/", "Aa1/", "password ", "bearer ", "?x", "x@"])
def test_hostile_text_costs_little(piece: str) -> None:
    redact.text(piece * 100_000)


def test_large_values_are_cut() -> None:
    assert len(redact.text("word " * 10_000)) < redact.LONGEST + 10
    assert redact.anything(list(range(redact.MOST + 5))) == [*range(redact.MOST), "[5 more]"]
    deep: list[object] = []
    deep.append(deep)
    assert "[deeper]" in json.dumps(redact.anything(deep))


EXAMPLES: list[tuple[events.Event, str, str]] = [
    (events.SegmentParked(segment="s", reason="lost", words=SAID), "segment_parked", "warning"),
    (events.MemberParked(member="m", reason="token", words=SAID), "member_parked", "warning"),
    (
        events.ResourceThrottled(member="m", resource="users", scope="minute", seconds=60, words=SAID),
        "resource_throttled",
        "warning",
    ),
    (events.ResourceBackedOff(member="m", resource="users", seconds=5), "resource_backed_off", "warning"),
    (events.ResourceBackedOff(member="m", resource="users", seconds=0), "resource_backed_off", "info"),
    (events.RowQuarantined(segment="s", row=1), "row_quarantined", "warning"),
    (events.DatabaseFailed(where="settle", words=SAID), "database_failed", "warning"),
    (events.LookFailed(member="m", words=SAID), "look_failed", "warning"),
    (events.UnknownSegments(keys=[ADDRESS, "x"]), "unknown_segments", "warning"),
    (events.SourceParked(words="ids fell back"), "source_parked", "error"),
    (events.StatusChanged(segment="s", before="A", after="B", documented=False), "status_changed", "warning"),
    (events.StatusChanged(segment="s", before="A", after="B", documented=True), "status_changed", "info"),
    (events.LeaseTaken(member="m", token=3, clean=True), "lease_taken", "info"),
    (events.LeaseEnded(member="m", token=3, how="lost"), "lease_ended", "warning"),
    (events.LeaseEnded(member="m", token=3, how="given_back"), "lease_ended", "info"),
    (events.BatchClosed(segment="s", batch=1, kind="live", outcome="accepted", attempts=1), "batch_closed", "info"),
    (events.RequestEnded(member="m", resource="users", status=200, seconds=0.3), "request_ended", "debug"),
    (events.TombstonesPruned(count=1), "tombstones_pruned", "debug"),
    (events.TokenEnds(member="m", kind="refresh", days=30, ends=1.8e9), "token_ends", "warning"),
    (events.VersionEnds(version="202608", days=59.5), "version_ends", "warning"),
    (events.RoleSeen(member="m", account="a", role="VIEWER", may_write=False), "role_seen", "warning"),
    (events.RoleSeen(member="m", account="a", role="CREATIVE_MANAGER", may_write=True), "role_seen", "debug"),
    (events.AccountSeen(member="m", account="a", segments=900), "account_seen", "debug"),
    (events.AccountCrowded(member="m", account="a", segments=900), "account_crowded", "warning"),
]


@pytest.mark.parametrize(("event", "name", "level"), EXAMPLES, ids=[f"{one[1]}-{one[2]}" for one in EXAMPLES])
def test_an_event_is_one_record(stream: io.StringIO, event: events.Event, name: str, level: str) -> None:
    logs.log_events(event)
    record = the_record(stream)
    assert (record["event"], record["level"]) == (name, level)
    assert not [canary for canary in CANARIES if canary in stream.getvalue()]


def test_every_event_has_a_level() -> None:
    for kind in get_args(events.Event):
        blank = object.__new__(kind)
        for name in ("seconds", "documented", "how", "may_write"):
            if name in kind.__slots__:
                object.__setattr__(blank, name, 0)
        assert logs.level_of(blank) in {logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR}


def test_a_settled_step_tells_how_many_lags_not_each(stream: io.StringIO) -> None:
    logs.log_events(
        events.StepSettled(
            segment="s",
            batch=1,
            elements={("ADD", "accepted"): 2},
            rows={"applied": 2},
            lags=[0.5, 2.0],
            uuid="AAYL+/x==",
        )
    )
    record = the_record(stream)
    assert (record["lags"], record["slowest"], record["elements"]) == (2, 2.0, {"ADD/accepted": 2})
    assert record["uuid"] == "AAYL+/x=="


def test_an_event_below_the_level_is_not_logged() -> None:
    stream = io.StringIO()
    logs.configure("json", "info", stream)
    logs.log_events(events.PacerWaited(resource="users", seconds=0.1))
    assert stream.getvalue() == ""


def test_the_canaries_would_be_seen_without_redaction() -> None:
    shown = "".join(traceback.format_exception(failure()))
    assert all(canary in shown for canary in (ADDRESS, SHA256, TOKEN, "Canarylastname"))
