"""Every command of README.md is run, except `make test`, which runs this."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What another test runs, and where.
ELSEWHERE = {"make test": "this very run", "make demo": "tests/e2e/test_demo.py"}


def commands() -> list[str]:
    """The lines of README's shell blocks, without comments."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(?:sh|bash|shell|console)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line.removeprefix("$ ") for line in lines if line and not line.startswith("#")]


def test_readme_names_the_two_commands() -> None:
    assert set(ELSEWHERE) <= set(commands())


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("command", [line for line in commands() if line not in ELSEWHERE])
def test_a_command_of_the_readme_works(command: str) -> None:
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", command], cwd=ROOT, text=True, capture_output=True)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
