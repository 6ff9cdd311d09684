"""Commands that the demo runs, shown with what they are for and how long they took."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# As the Makefile sets it: the modules of the project are found where they lie.
PYTHONPATH = os.pathsep.join(str(ROOT / part) for part in ("operator", "pipelines", "model_images", "."))
Say = Callable[[str], None]


class CommandFailed(Exception):
    """A command ended with another code than 0; the text carries the end of its output."""


def run(
    command: Sequence[str], say: Say = lambda _: None, env: Mapping[str, str] | None = None, seconds: float = 3600
) -> str:
    """Runs a command in the project's root, passes its lines on as they come, and returns its output.

    Raises:
        CommandFailed: with the last lines of the output.
    """
    process = subprocess.Popen(
        list(command), cwd=ROOT, env={**os.environ, **(env or {})}, text=True, errors="replace",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    lines: list[str] = []
    try:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            say(lines[-1])
        code = process.wait(timeout=seconds)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=20)
    if code != 0:
        raise CommandFailed(f"`{' '.join(command)}` ended with {code}:\n" + "\n".join(lines[-25:]))
    return "\n".join(lines)


def python(module: str, *arguments: str, say: Say = lambda _: None) -> str:
    """Runs a module of this project with this interpreter."""
    return run([sys.executable, "-m", module, *arguments], say, env={"PYTHONPATH": PYTHONPATH})
