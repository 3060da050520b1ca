"""What the console brings along: vendored files as they were published, and nothing inline that the policy would block."""

from __future__ import annotations

import hashlib
import re
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from syncd.admin.console.rendering import STATIC

ROOT = Path(__file__).parents[2]
TEMPLATES = sorted((STATIC.parent / "templates").glob("*.html"))
OWN = {"console.css", "console.js", "favicon.svg", "VENDORED.md"}


def vendored() -> list[tuple[str, str, str]]:
    """File, licence file and hash of each row of the table."""
    text = (STATIC / "VENDORED.md").read_text()
    return re.findall(r"^\| ([\w.-]+) \|.*?, ([\w.-]+) \| ([0-9a-f]{64}) \|$", text, re.MULTILINE)


def test_every_file_of_others_is_as_it_was_published_and_has_its_licence() -> None:
    listed = vendored()
    assert listed
    for name, licence, digest in listed:
        assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == digest, name
        assert (STATIC / licence).read_text()
    named = {name for row in listed for name in row[:2]}
    assert {file.name for file in STATIC.iterdir()} == OWN | named


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda file: file.name)
def test_no_template_has_a_script_a_style_or_a_handler_of_its_own(template: Path) -> None:
    text = template.read_text()
    assert not re.search(r"<style|\bstyle=|javascript:|\son[a-z]+=|\|\s*safe\b", text)
    assert all(" src=" in tag for tag in re.findall(r"<script[^>]*>", text))


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda file: file.name)
def test_every_form_that_posts_carries_the_token_of_the_session(template: Path) -> None:
    if template.name == "sign_in.html":
        return
    for form in re.findall(r'<form[^>]*method="post".*?</form>', template.read_text(), re.DOTALL):
        assert "token()" in form


def test_a_wheel_holds_templates_and_assets(tmp_path: Path) -> None:
    built = next(WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"]))
    names = set(zipfile.ZipFile(built).namelist())
    wanted = [*STATIC.iterdir(), *TEMPLATES]
    assert {str(file.relative_to(ROOT)) for file in wanted} <= names
