"""`python -m syncd.sandbox`: a LinkedIn of your own, as a process of its own.

Every option is a field of `SandboxOptions`; most can be changed later under `/_sandbox/options`.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable
from dataclasses import Field, fields, replace
from types import NoneType
from typing import Any, Literal, NoReturn, get_args, get_origin, get_type_hints

from .app import serve
from .options import SandboxOptions, parse_account, parse_clock, parse_member, parse_port, parse_share, parse_version

DESCRIPTION = """A LinkedIn of your own, to try clients on. It sends nothing anywhere and forgets everything when it stops.
Most options can be changed while it runs, under /_sandbox/options."""

READERS = {
    "clock_factor": parse_clock,
    "members": parse_member,
    "active_versions": parse_version,
    "accounts": parse_account,
    "test_accounts": parse_account,
    "match_rate": parse_share,
    "opt_out_rate": parse_share,
}


class OneLineParser(argparse.ArgumentParser):
    """A wrong option costs its reader one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (--help lists the options)\n")


def build_parser() -> argparse.ArgumentParser:
    parser = OneLineParser(prog="syncd sandbox", description=DESCRIPTION)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=_reader(parse_port), default=8900, help="0 picks a free one (default: %(default)s)"
    )
    hints = get_type_hints(SandboxOptions)
    for option in fields(SandboxOptions):
        _add(parser, option, hints[option.name])
    return parser


def _add(parser: argparse.ArgumentParser, option: Field[Any], kind: Any) -> None:
    flag = "--" + (option.metadata["flag"] or option.name.replace("_", "-"))
    told: dict[str, Any] = {"dest": option.name, "help": _help(option, kind)}
    if kind is bool:
        parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=None, **told)
        return
    if get_origin(kind) is tuple:
        told["action"] = "append"
    if get_origin(kind) is Literal:
        told["choices"] = get_args(kind)
        told["type"] = type(get_args(kind)[0])
    else:
        told["metavar"] = option.metadata["metavar"] or "N"
        plain = next(one for one in get_args(kind) or (kind,) if one is not NoneType)
        told["type"] = _reader(READERS.get(option.name) or (plain if plain in {int, float} else str))
    parser.add_argument(flag, **told)


def _reader(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """What cannot be read is said in its own words, not in argparse's."""

    def reader(text: str) -> Any:
        try:
            return read(text)
        except ValueError as wrong:
            raise argparse.ArgumentTypeError(str(wrong)) from wrong

    return reader


def _help(option: Field[Any], kind: Any) -> str:
    """The meaning, and the default where it is short."""
    if kind is bool:
        return f"{option.metadata['help']} (default: {'yes' if option.default else 'no'})"
    if get_origin(kind) is tuple or option.default is None:
        return str(option.metadata["help"])
    return f"{option.metadata['help']} (default: {option.default})"


def read_options(arguments: argparse.Namespace) -> SandboxOptions:
    """What was said on the command line over the defaults."""
    said: dict[str, Any] = {option.name: getattr(arguments, option.name) for option in fields(SandboxOptions)}
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in said.items() if value is not None
    }
    return replace(SandboxOptions(), **given)


async def _run(arguments: argparse.Namespace) -> None:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)

    def say(url: str) -> None:
        sys.stdout.write(f"sandbox listening on {url}\n")
        sys.stdout.flush()

    await serve(read_options(arguments), arguments.host, arguments.port, say)


def main() -> None:
    parser = build_parser()
    arguments = parser.parse_args()
    try:
        asyncio.run(_run(arguments))
    except asyncio.CancelledError:
        return
    except OSError as wrong:
        parser.error(f"cannot start: {wrong}")


if __name__ == "__main__":
    main()
