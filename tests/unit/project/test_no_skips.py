"""A skipped test is a failure where SLIPWAY_NO_SKIPS says that nothing may be skipped."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[3]
# Skipped without promtool, which an empty PATH hides.
SKIPPED = "tests/unit/drift/test_drift_queries.py"


@pytest.mark.parametrize(
    ("setting", "code", "said"), [("", 0, " skipped in "), ("1", 1, "SLIPWAY_NO_SKIPS forbids it")]
)
def test_a_skip_fails_only_where_that_is_asked_for(setting: str, code: int, said: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", SKIPPED], cwd=ROOT, text=True, capture_output=True,
        env={**os.environ, "PATH": str(tmp_path), "SLIPWAY_NO_SKIPS": setting},
    )  # fmt: skip
    assert done.returncode == code, done.stdout
    assert said in done.stdout
