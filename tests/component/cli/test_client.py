"""What a command does with a server: where its token goes, and what it says of one that refuses, fails, or is not there."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from syncd.admin.api.wire import Why
from syncd.cli.address import Address, address
from syncd.cli.asking import asked
from syncd.cli.client import client
from syncd.errors import Absent, BadConfiguration, Transient
from syncd.operations.segments import SegmentDetails
from tests.component.cli.conftest import configuration
from tests.component.cli.served import House, command, serving

TOKEN = "syncd_12345678_cnry-secret"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@contextmanager
def server(handler: Handler) -> Iterator[str]:
    """A server that answers everything by one handler."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    served = TestServer(app, host="127.0.0.1")
    asyncio.run_coroutine_threadsafe(served.start_server(), loop).result(10)
    try:
        yield str(served.make_url("")).rstrip("/")
    finally:
        asyncio.run_coroutine_threadsafe(served.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def answers(status: int, body: object = None, kind: str = "application/problem+json", **headers: str) -> Handler:
    async def answer(_request: web.Request) -> web.Response:
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=status, text=text, content_type=kind, headers=headers)

    return answer


def problem(status: int, detail: str = "", kind: str = "about:blank") -> dict[str, object]:
    return {"type": kind, "title": "Words", "status": status, "detail": detail}


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (answers(401, problem(401, "that token is none, or it has ended")), 2, "SYNCD_TOKEN: that token is none"),
        (answers(403, problem(403, "this needs the role admin")), 2, "this needs the role admin"),
        (answers(404, problem(404)), 2, "the API says 404 Words"),
        (answers(409, problem(409, "not now")), 2, "not now"),
        (answers(409, problem(409, "no key", "urn:syncd:problem:configuration")), 78, "no key"),
        (answers(409, problem(409, "LinkedIn refuses", "urn:syncd:problem:failed")), 1, "LinkedIn refuses"),
        (answers(422, problem(422, "nothing\x1b[2J was\ntaken")), 2, "nothing�[2J was taken"),
        (answers(429, problem(429, "later")), 1, "later"),
        (answers(500, problem(500, "something went wrong here")), 1, "something went wrong here"),
        (answers(503, problem(503, "the database cannot be reached")), 1, "the database cannot be reached"),
        (answers(502, "<html>cnry-page</html>", "text/html"), 1, "the API says 502 Bad Gateway"),
        (answers(404, "<html>cnry-page</html>", "text/html"), 2, "the API says 404 Not Found"),
        (answers(400, "{", "application/problem+json"), 2, "the API says 400"),
        (answers(302, "", "text/html", Location="https://example.com/cnry"), 78, "SYNCD_URL: leads on"),
        (answers(200, "<html>cnry-page</html>", "text/html"), 1, "is not understood"),
        (answers(200, {"items": 3}, "application/json"), 1, "is not understood"),
    ],
)
def test_what_a_server_refuses_is_one_line_and_an_exit_code(answer: Handler, code: int, words: str) -> None:
    with server(answer) as url:
        told = command("segments", "list", SYNCD_URL=url, SYNCD_TOKEN=TOKEN)
    assert (told.code, told.out) == (code, ""), told
    assert told.err.startswith("syncd: ")
    assert told.err.count("\n") == 1
    assert words in told.err
    assert "cnry" not in told.err


def test_a_server_that_is_away_is_said_in_one_line() -> None:
    told = command("segments", "list", SYNCD_URL="http://127.0.0.1:9", SYNCD_TOKEN=TOKEN)
    assert (told.code, told.out) == (1, "")
    assert told.err == "syncd: http://127.0.0.1:9 cannot be reached: connection refused\n"


async def test_a_server_that_is_too_slow_is_given_up() -> None:
    held = asyncio.Event()

    async def never(_request: web.Request) -> web.Response:
        await held.wait()
        return web.Response()

    app = web.Application()
    app.router.add_get("/{path:.*}", never)
    async with TestServer(app, host="127.0.0.1") as served:
        where = Address(url=str(served.make_url("")).rstrip("/"), token=TOKEN)
        async with client(where, patience=0.05) as asking:
            with pytest.raises(Transient, match="did not answer within"):
                await asking.ask(asked("GET /segments/{segment}", SegmentDetails, None, {"segment": "ours"}))
        held.set()


class Recorder:
    """Cuts the first connections, then answers; what came is kept."""

    def __init__(self, cuts: int) -> None:
        self.cuts = cuts
        self.seen: list[dict[str, Any]] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.seen.append({"path": request.raw_path, "headers": dict(request.headers), "body": body})
        if len(self.seen) <= self.cuts:
            assert request.transport is not None
            request.transport.abort()
        return web.json_response(problem(409, "enough"), status=409, content_type="application/problem+json")


@pytest.mark.parametrize("arguments", [("segments", "pause", "ours"), ("segments", "list")])
def test_a_lost_answer_is_asked_for_once_more(arguments: tuple[str, ...]) -> None:
    recorder = Recorder(cuts=1)
    with server(recorder.answer) as url:
        told = command(*arguments, SYNCD_URL=url, SYNCD_TOKEN=TOKEN)
    assert (len(recorder.seen), told.err) == (2, "syncd: enough\n")
    keys = {one["headers"].get("Idempotency-Key") for one in recorder.seen}
    assert len(keys) == 1
    assert (None in keys) == (arguments[1] == "list")


def test_two_commands_have_two_keys() -> None:
    recorder = Recorder(cuts=0)
    with server(recorder.answer) as url:
        for _ in range(2):
            command("segments", "pause", "ours", SYNCD_URL=url, SYNCD_TOKEN=TOKEN)
    assert len({one["headers"]["Idempotency-Key"] for one in recorder.seen}) == 2


async def test_the_second_request_waits_while_the_server_is_at_work_on_the_first() -> None:
    keys: list[str] = []
    slept: list[float] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        keys.append(request.headers["Idempotency-Key"])
        if len(keys) == 1:
            assert request.transport is not None
            request.transport.abort()
        under_way, done = len(keys) < 4, problem(404, "done")
        if under_way:
            return web.json_response(problem(409, "under way"), status=409, headers={"Retry-After": "2"})
        return web.json_response(done, status=404, content_type="application/problem+json")

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    async with TestServer(app, host="127.0.0.1") as served:
        where = Address(url=str(served.make_url("")).rstrip("/"), token=TOKEN)
        async with client(where, sleep=sleep) as asking:
            with pytest.raises(Absent, match="done"):
                await asking.ask(asked("POST /segments/{segment}/pause", SegmentDetails, Why(), {"segment": "ours"}))
    assert (len(set(keys)), len(keys), slept) == (1, 4, [2, 2])


def test_a_file_that_is_refused_before_it_is_read_is_told_as_refused(tmp_path: Path, house: House) -> None:
    config = configuration(tmp_path / "there", house.copied(tmp_path / "there"))
    file = tmp_path / "people.csv"
    file.write_text("email\n" + "a.long.address.of.somebody@example.com\n" * 200_000)
    upload = (
        "resync",
        "ours",
        "--mode",
        "reconcile",
        "--file",
        str(file),
        "--as-of",
        "2026-01-01T00:00:00",
        "--dry-run",
    )
    with serving(config) as url:
        for name, words in (("a viewer", "needs the role operator"), ("command line", "within the last 24 hours")):
            told = command(*upload, SYNCD_URL=url, SYNCD_TOKEN=house.tokens[name])
            assert (told.code, told.out) == (2, ""), told
            assert words in told.err


def test_what_could_be_done_twice_is_not_sent_again() -> None:
    recorder = Recorder(cuts=1)
    ask = asked("POST /segments/{segment}/pause", SegmentDetails, Why(), {"segment": "ours"})
    unkept = replace(ask, route=replace(ask.route, starts_work=False))

    async def once(url: str) -> None:
        async with client(Address(url=url, token=TOKEN)) as asking:
            await asking.ask(unkept)

    with server(recorder.answer) as url, pytest.raises(Transient, match="broke off"):
        asyncio.run(once(url))
    assert len(recorder.seen) == 1


def test_a_file_is_sent_whole_the_second_time_too(tmp_path: Path) -> None:
    recorder = Recorder(cuts=1)
    lines = b'{"segment":"ours"}\n' * 50_000
    file = tmp_path / "changes.ndjson"
    file.write_bytes(lines)
    with server(recorder.answer) as url:
        command("changes", "post", "--file", str(file), SYNCD_URL=url, SYNCD_TOKEN=TOKEN)
    assert recorder.seen[-1]["body"] == lines
    assert recorder.seen[-1]["headers"]["Content-Type"] == "application/x-ndjson"


def test_a_second_lost_answer_is_told() -> None:
    recorder = Recorder(cuts=5)
    with server(recorder.answer) as url:
        told = command("segments", "pause", "ours", SYNCD_URL=url, SYNCD_TOKEN=TOKEN)
    assert (told.code, len(recorder.seen)) == (1, 2)
    assert "broke off" in told.err


def test_the_token_is_in_one_header_and_a_path_before_the_api_is_kept() -> None:
    recorder = Recorder(cuts=0)
    with server(recorder.answer) as url:
        told = command("members", "pause", "a b/c?d", SYNCD_URL=f"{url}/behind/", SYNCD_TOKEN=TOKEN)
    (seen,) = recorder.seen
    assert seen["path"] == "/behind/api/v1/members/a%20b%2Fc%3Fd/pause"
    assert [name for name, value in seen["headers"].items() if TOKEN in value] == ["Authorization"]
    assert "cnry" not in seen["path"] + told.out + told.err


@pytest.mark.parametrize("name", ["..", ".", ""])
def test_a_name_that_a_proxy_would_take_for_another_path_is_not_sent(name: str) -> None:
    recorder = Recorder(cuts=0)
    with server(recorder.answer) as url:
        told = command("users", "remove", name, SYNCD_URL=url, SYNCD_TOKEN=TOKEN)
    assert (told.code, told.err, recorder.seen) == (2, f"syncd: {name!r} is no name\n", [])


async def test_a_certificate_of_a_stranger_is_not_trusted(tmp_path: Path) -> None:
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trusting.load_cert_chain(*_certificate(tmp_path))
    served = TestServer(web.Application(), host="127.0.0.1", scheme="https")
    await served.start_server(ssl=trusting)
    try:
        where = Address(url=f"https://127.0.0.1:{served.port}", token=TOKEN)
        async with client(where) as asking:
            with pytest.raises(BadConfiguration, match="certificate is not trusted"):
                await asking.ask(asked("POST /segments/{segment}/pause", SegmentDetails, Why(), {"segment": "ours"}))
    finally:
        await served.close()


def _certificate(folder: Path) -> tuple[Path, Path]:
    """One that nobody has signed."""
    from datetime import UTC, datetime, timedelta  # noqa: PLC0415 - only here

    from cryptography import x509  # noqa: PLC0415 - only here
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415 - only here
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - only here

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    certificate, secret = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, secret


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"SYNCD_URL": "https://syncd.example.com"}, "SYNCD_TOKEN: is missing"),
        ({"SYNCD_URL": "http://syncd.example.com", "SYNCD_TOKEN": TOKEN}, "must begin with https://"),
        ({"SYNCD_URL": "http://127.0.0.1.example.com", "SYNCD_TOKEN": TOKEN}, "must begin with https://"),
        ({"SYNCD_URL": "ftp://127.0.0.1", "SYNCD_TOKEN": TOKEN}, "must be a URL"),
        ({"SYNCD_URL": "https://ann:cnry@example.com", "SYNCD_TOKEN": TOKEN}, "must not contain a user"),
        ({"SYNCD_URL": "https://example.com/?token=cnry", "SYNCD_TOKEN": TOKEN}, "without ? or #"),
        ({"SYNCD_URL": "https://example.com", "SYNCD_TOKEN": "cnry two"}, "is no token"),
        ({"SYNCD_URL": "https://example.com", "SYNCD_TOKEN": f"{TOKEN}\r\nX: y"}, "is no token"),
        ({"SYNCD_URL": "https://example.com", "SYNCD_TOKEN": TOKEN, "SYNCD_TOKEN_FILE": "x"}, "beside its file form"),
        ({"SYNCD_URL": "https://example.com", "SYNCD_TOKEN_FILE": "/no/such/file"}, "SYNCD_TOKEN_FILE: must be"),
        ({"SYNCD_TOKEN": TOKEN}, "SYNCD_TOKEN: is no setting of syncd"),
    ],
)
def test_an_address_that_is_none_is_one_line_and_exit_code_78(env: dict[str, str], words: str) -> None:
    told = command("segments", "list", **env)
    assert (told.code, told.out, told.err.count("\n")) == (78, "", 1), told
    assert words in told.err
    assert "cnry" not in told.err


def test_a_token_may_stand_in_a_file_and_is_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    found = address({"SYNCD_URL": "https://syncd.example.com/", "SYNCD_TOKEN_FILE": str(file)})
    assert found == Address(url="https://syncd.example.com", token=TOKEN)
    assert "cnry" not in repr(found)
    assert address({"SYNCD_URL": ""}) is None


def test_an_empty_address_is_none(tmp_path: Path, house: House) -> None:
    config = configuration(tmp_path / "here", house.copied(tmp_path / "here"))
    told = command("--config", str(config), "segments", "list", SYNCD_URL="", SYNCD_TOKEN="")
    assert (told.code, "ours" in told.out) == (0, True), told


def test_a_token_does_what_its_role_and_accounts_allow(tmp_path: Path, house: House) -> None:
    config = configuration(tmp_path / "there", house.copied(tmp_path / "there"))
    with serving(config) as url:
        for name, arguments, words in (
            ("a viewer", ("segments", "pause", "ours"), "this needs the role operator"),
            ("a viewer", ("audit",), "this needs the role operator"),
            ("of others", ("segments", "show", "ours"), "there is no such segment"),
            ("of others", ("users", "list"), "those who may see all ad accounts"),
        ):
            told = command(*arguments, SYNCD_URL=url, SYNCD_TOKEN=house.tokens[name])
            assert (told.code, told.out, told.err.count("\n")) == (2, "", 1), told
            assert words in told.err
        seen = command("segments", "list", SYNCD_URL=url, SYNCD_TOKEN=house.tokens["of others"])
        assert ("theirs" in seen.out, "ours" in seen.out) == (True, False)
        wrong = command("segments", "list", SYNCD_URL=url, SYNCD_TOKEN=TOKEN)
        assert (wrong.code, wrong.err) == (2, "syncd: SYNCD_TOKEN: that token is none, or it has ended\n")
