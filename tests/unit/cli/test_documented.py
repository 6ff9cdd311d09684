"""Every `slipway` command that a document shows is one that the parser knows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from slipway.cli.__main__ import _parser

ROOT = Path(__file__).parents[3]
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))


def commands() -> list[str]:
    """Lines of shell blocks that call the command, without their comments."""
    blocks = [block for path in DOCUMENTS for block in re.findall(r"```sh\n(.*?)```", path.read_text(), re.DOTALL)]
    return [line for block in blocks for line in block.splitlines() if line.startswith("slipway ")]


@pytest.mark.parametrize("line", commands())
def test_a_documented_command_is_understood(line: str) -> None:
    typed = line.replace("$!", "4711")  # what the shell puts in its place
    arguments = _parser("slipway").parse_args(shlex.split(typed, comments=True)[1:])
    assert callable(arguments.run)


def test_the_commands_of_the_ledger_are_documented() -> None:
    assert {line.split()[1] for line in commands()} >= {"explain", "history"}
