"""A finding: where, how bad, what is wrong and what mends it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Location = tuple[str | int, ...]


@dataclass(frozen=True)
class Finding:
    """An Error is refused; a Warning is legal, and probably not what its author wants; of a Note its author can change
    nothing."""

    severity: Literal["Error", "Warning", "Note"]
    location: Location
    message: str

    @property
    def path(self) -> str:
        """The location as Kubernetes writes it: spec.stages[1].canary.weight."""
        text = ""
        for part in self.location:
            plain = isinstance(part, str) and part.isidentifier()
            text += f".{part}" if plain and text else str(part) if plain else f"[{part}]"
        return text

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.location else self.message


def error(location: Location, message: str) -> Finding:
    """What is refused."""
    return Finding("Error", location, message)


def warning(location: Location, message: str) -> Finding:
    """What is legal and odd."""
    return Finding("Warning", location, message)


def note(location: Location, message: str) -> Finding:
    """What is legal and has to be there, and does not do what it says."""
    return Finding("Note", location, message)


def errors(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Those that are refused."""
    return tuple(each for each in findings if each.severity == "Error")
