"""Why a build failed: which step, in words for a condition, and whether trying again can help."""

from __future__ import annotations

from dataclasses import dataclass

EXIT_INPUT = 1  # somebody has to change something
EXIT_TRANSIENT = 75  # EX_TEMPFAIL of sysexits.h: the Job's backoff tries again


@dataclass
class BuildFault(Exception):
    """`step` is one of resolve, base, system, download, lookup, lock, dependencies, append; `reason` is CamelCase."""

    step: str
    reason: str
    message: str
    transient: bool = False

    @property
    def exit_code(self) -> int:
        """The process's exit code."""
        return EXIT_TRANSIENT if self.transient else EXIT_INPUT

    def __str__(self) -> str:
        return f"{self.step}: {self.reason}: {self.message}"
