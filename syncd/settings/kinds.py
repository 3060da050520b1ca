"""Kinds of values that several groups of settings have."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from syncd.settings import checks

Text = Annotated[str, Field(min_length=1)]
OptionalText = Annotated[Text | None, BeforeValidator(checks.nothing_if_empty)]
Port = Annotated[int, Field(ge=0, le=65535)]
PlainUrl = Annotated[str, AfterValidator(checks.plain_url)]
