"""The sandbox as a process of its own."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from syncd.sandbox.__main__ import build_parser, read_options
from syncd.sandbox.options import MemberOption, SandboxOptions, parse_clock, parse_member


@asynccontextmanager
async def running(*options: str) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "syncd.sandbox", "--port", "0", *options, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        line = (await process.stdout.readline()).decode()
        yield line.removeprefix("sandbox listening on ").strip(), process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_it_says_where_it_listens_and_ends_on_sigterm() -> None:
    async with running("--users-per-minute", "7") as (url, process), aiohttp.ClientSession() as session:
        async with session.get(f"{url}/_sandbox") as response:
            assert (await response.json())["options"]["users_per_minute"] == 7
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 5) == 0


def test_the_command_line_reaches_every_option_and_changes_nothing_unsaid() -> None:
    assert read_options(build_parser().parse_args([])) == SandboxOptions()
    words = "--clock 3600x --member ann:t1 --member vic:t2:VIEWER --account urn:li:sponsoredAccount:7 --expired-stream refuse --latency 0.5"
    options = read_options(build_parser().parse_args(words.split()))
    assert options == SandboxOptions(
        clock_factor=3600.0,
        members=(MemberOption("ann", "t1"), MemberOption("vic", "t2", "VIEWER")),
        accounts=("urn:li:sponsoredAccount:7",),
        expired_stream="refuse",
        latency=0.5,
    )


@pytest.mark.parametrize("text", ["ann", "ann:", "a:b:c:d"])
def test_a_member_that_is_misspelt_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="KEY:TOKEN"):
        parse_member(text)


@pytest.mark.parametrize("text", ["0x", "-1", "fast"])
def test_a_clock_that_does_not_run_forward_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_clock(text)


@pytest.mark.parametrize(
    "words",
    [
        ("--clock", "fast"),
        ("--member", "ann"),
        ("--active-version", "latest"),
        ("--match-rate", "70"),
        ("--port", "99999"),
        ("--port", "-1"),
        ("--account", "foo"),
        ("--test-account", "urn:li:person:1"),
        ("--expired-stream", "perhaps"),
        ("--users-per-minute", "many"),
        ("--colour", "red"),
    ],
)
def test_a_wrong_option_is_one_line_and_exit_code_2(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        build_parser().parse_args(words)
    said = capsys.readouterr().err
    assert (ended.value.code, said.count("\n")) == (2, 1)
    assert words[0] in said


async def test_a_port_that_is_taken_is_one_line_and_exit_code_2() -> None:
    async with running() as (url, _):
        second = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "syncd.sandbox", "--port", url.rpartition(":")[2]), stderr=asyncio.subprocess.PIPE
        )
        _, said = await second.communicate()
    assert (second.returncode, said.count(b"\n")) == (2, 1)
    assert b"cannot start" in said
