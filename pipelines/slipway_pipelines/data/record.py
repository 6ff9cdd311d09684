"""What the steps found: counts, findings for a person, and facts that conditions are made of."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["Warning", "Note"]
_ILLEGAL = re.compile(r"[^\w./: -]")  # in MLflow's names of metrics; columns may be called anything
_LONGEST_NAME = 240


@dataclass(frozen=True)
class Finding:
    """One thing that a person should know of. `reason` is CamelCase; `columns` are those that it is about."""

    severity: Severity
    reason: str
    message: str
    columns: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


@dataclass(frozen=True)
class Counted:
    """Rows before and after a step."""

    step: str
    before: int
    after: int
    note: str = ""


@dataclass
class Record:
    """Collects what the steps tell, in their order. `facts` are figures by name, for MLflow and for the report."""

    counts: list[Counted] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def warn(self, reason: str, message: str, *columns: str) -> None:
        """Adds what a person should act on."""
        self.findings.append(Finding("Warning", reason, message, columns))

    def note(self, reason: str, message: str, *columns: str) -> None:
        """Adds what a person may want to know."""
        self.findings.append(Finding("Note", reason, message, columns))

    def count(self, step: str, before: int, after: int, note: str = "") -> None:
        """Adds the rows that went into a step and came out of it."""
        self.counts.append(Counted(step, before, after, note))

    def about(self, *reasons: str) -> list[Finding]:
        """The findings with one of these reasons."""
        return [one for one in self.findings if one.reason in reasons]

    @property
    def numbers(self) -> dict[str, float]:
        """Facts that are numbers, for MLflow."""
        plain = {name: value for name, value in self.facts.items() if isinstance(value, int | float)}
        return {f"data.{_ILLEGAL.sub(':', name)[:_LONGEST_NAME]}": float(value) for name, value in plain.items()}
