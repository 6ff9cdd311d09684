"""The demonstration is a test: what it shows really happens. How long it takes is measured by tests/bench."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.alone

ROOT = Path(__file__).resolve().parents[2]
CLAIMS = 10


@pytest.mark.timeout(45 * 60)
def test_make_demo_shows_what_really_happened() -> None:
    done = subprocess.run(
        ["make", "--no-print-directory", "demo"], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip
    sys.stdout.write(done.stdout)
    assert done.returncode == 0, done.stdout[-6000:]
    summary = done.stdout.rpartition("What really happened")[2]
    assert summary.count(" yes ") == CLAIMS
    assert " NO " not in summary
    assert "kubectl -n demo get" in summary
    assert "\x1b[" not in done.stdout, "plain lines where there is no terminal"
