"""What is released: a Dockerfile without a finding, a chart's package that installs, and a list of what is inside."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import yaml

from tests.chart.reference import HELM as CHART
from tests.chart.rendering import BASE, render
from tests.chart.tools import HELM, missing, tool
from tests.house.test_house import ROOT

MIGRATIONS = ROOT / "migrations"


def program(name: str) -> Path:
    found = Path(sys.executable).with_name(name)
    if not found.exists():
        missing(f"{name} is not installed: make .venv/.deploy")
    return found


def test_the_dockerfile_has_no_finding() -> None:
    linted = subprocess.run([program("hadolint"), ROOT / "Dockerfile"], check=False, capture_output=True, text=True)
    assert linted.returncode == 0, linted.stdout


def test_the_chart_as_packaged_renders_what_the_folder_renders(tmp_path: Path) -> None:
    helm = tool(HELM)
    package = helm.package(str(CHART), destination=str(tmp_path))
    with helm.Chart.load(package) as packed:
        assert packed.version == yaml.safe_load((CHART / "Chart.yaml").read_text())["version"]
        texts = packed.render(BASE, name="syncd", namespace="crm", revision=1)
    documents = [
        one for path, text in sorted(texts.items()) if "NOTES" not in path for one in yaml.safe_load_all(text) if one
    ]
    assert documents == render(BASE).documents


def test_the_list_of_what_is_inside_has_everything_that_the_image_installs(tmp_path: Path) -> None:
    program("cyclonedx-py")
    out = tmp_path / "sbom.json"
    subprocess.run([ROOT / ".ci" / "sbom", out], check=True, capture_output=True)
    told = json.loads(out.read_text())
    assert told["bomFormat"] == "CycloneDX"
    assert told["metadata"]["component"]["name"] == "syncd"
    listed = {(one["name"], one["version"]) for one in told["components"]}
    locked = set(re.findall(r"^([\w.-]+)==([^ ;]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    assert locked <= listed
    assert {name for name, _ in listed - locked} == {"aiomysql", "joserfc", "pymysql"}


def test_a_release_is_a_wheel_a_chart_the_dashboards_and_a_list_of_what_is_inside(tmp_path: Path) -> None:
    helm = tool(HELM)
    program("cyclonedx-py")
    ran = subprocess.run([ROOT / ".ci" / "release", tmp_path], check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["version"]
    wheel, chart, boards, sbom = (
        tmp_path / f"syncd-{version}{ending}"
        for ending in ("-py3-none-any.whl", ".tgz", "-dashboards.tar.gz", ".cdx.json")
    )
    assert set(tmp_path.iterdir()) == {wheel, chart, boards, sbom}
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
    assert {
        f"syncd/migrations/{file.relative_to(MIGRATIONS)}"
        for file in MIGRATIONS.rglob("*.*")
        if "pyc" not in file.suffix
    } <= names
    assert {str(file.relative_to(ROOT)) for file in (ROOT / "syncd").rglob("*.py")} <= names
    with helm.Chart.load(str(chart)) as packed_chart:
        assert packed_chart.render(BASE, name="syncd", namespace="crm", revision=1)
    with tarfile.open(boards) as packed_boards:
        found = {name.rpartition("/")[2] for name in packed_boards.getnames() if name.endswith(".json")}
    assert found == {file.name for file in (CHART / "dashboards").iterdir()}
    assert json.loads(sbom.read_text())["bomFormat"] == "CycloneDX"


def test_scripts_of_the_image_and_the_release_are_sound() -> None:
    scripts = [ROOT / ".ci" / name for name in ("base-image", "image", "release", "run", "sbom")]
    for script in scripts:
        assert script.stat().st_mode & 0o111, script
        subprocess.run(["bash", "-n", script], check=True)
    if (found := shutil.which("shellcheck")) is not None:
        checked = subprocess.run([found, *scripts], check=False, capture_output=True, text=True)
        assert checked.returncode == 0, checked.stdout
