"""`--svg FILE`: a chart as a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from syncd.domain.charts import Bars, Line, picture
from syncd.domain.notices import Notice
from syncd.errors import SyncdError


def draw(file: Path, title: str, panels: Sequence[Bars | Line], notices: Sequence[Notice]) -> None:
    """Writes the picture. Raises SyncdError if the file cannot be written."""
    try:
        file.write_text(picture(title, panels, notices), encoding="utf-8")
    except OSError as error:
        raise SyncdError(f"{file} cannot be written: {error.strerror}") from None
