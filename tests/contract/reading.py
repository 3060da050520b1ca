"""The references as data: what their samples and tables say, retyped."""

from functools import cache
from pathlib import Path
from typing import Any

import msgspec

DATA = Path(__file__).parent / "data"


@cache
def retyped(name: str) -> Any:
    return msgspec.json.decode((DATA / f"{name}.json").read_bytes())


def misfits(sample: Any, answer: Any, at: str = "") -> list[str]:
    """Where an answer is not shaped as a sample: fields that are missing or too many, values of another type.

    Every element of a list is held against the sample's first one.
    """
    match sample, answer:
        case dict(), dict():
            odd = [f"{at}.{name}" for name in sorted(sample.keys() ^ answer.keys())]
            both = sorted(sample.keys() & answer.keys())
            return odd + [one for name in both for one in misfits(sample[name], answer[name], f"{at}.{name}")]
        case list(), list():
            pattern = sample[:1] * len(answer)
            pairs = enumerate(zip(pattern, answer, strict=False))
            return [one for number, (left, right) in pairs for one in misfits(left, right, f"{at}[{number}]")]
        case _:
            return [] if type(sample) is type(answer) else [f"{at}: {answer!r} is not of the type of {sample!r}"]
