"""docs/configuration.md is what the models say, and every setting stands in it once."""

from __future__ import annotations

from syncd.settings import describe
from syncd.settings.reference import FILE, reference


def test_the_page_is_as_the_models_write_it() -> None:
    assert FILE.read_text(encoding="utf-8") == reference(), "run `python -m syncd.settings.reference`"


def test_every_setting_and_variable_stands_in_it_once() -> None:
    text = reference()
    for setting in describe():
        assert text.count(f"| `{setting.name}` |") == 1, setting.name
        assert setting.env is None or text.count(f"| `{setting.env}` |") == 1, setting.env
