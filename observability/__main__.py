"""Writes dashboards and rules to where the chart takes them from."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from observability import alerts, drawing

HELM: Final = Path(__file__).parents[1] / "helm"


def main() -> None:
    for folder, files in (("dashboards", drawing.files()), ("rules", alerts.rules())):
        place = HELM / folder
        place.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (place / name).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
