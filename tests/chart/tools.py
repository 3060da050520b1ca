"""The tools of the extra `deploy`, imported when a test needs them: without them a test fails in CI and is skipped elsewhere."""

from __future__ import annotations

import importlib
import os
from typing import Any, NoReturn

import pytest

HELM = "helm_python"
KUBERNETES = "kubernetes_validate"
PROMETHEUS_MODELS = "cloudcoil.models.prometheus_operator.v1"


def tool(name: str) -> Any:
    """The module of this name."""
    try:
        return importlib.import_module(name)
    except ImportError:
        missing(f"{name} is not installed: make .venv/.deploy")


def missing(reason: str) -> NoReturn:
    """A test cannot run for this reason."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
