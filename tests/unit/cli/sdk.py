"""Runs the command in its own environment, where the kserve SDK is."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / ".venv-cli" / "bin" / "python"


def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """`python <arguments>` in .venv-cli; skips the test where `make` did not make that environment."""
    if not PYTHON.exists():
        pytest.skip(".venv-cli is missing: `make check` makes it")
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'operator'}:{ROOT / 'model_images'}"}
    return subprocess.run(
        [str(PYTHON), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
        check=False,
    )


def slipway(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """`slipway <arguments>`."""
    return run("-m", "slipway.cli", *arguments, stdin=stdin)
