"""Acceptance criteria: `metric op bound [at metric op bound] [with confidence c]`, and when one is met.

A bound is a number, or the same metric of a reference: `rules.recall`, `linear.recall`. Then the difference on the same
rows is judged, by its own confidence bound.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slipway_pipelines.estimate import Estimate
from slipway_pipelines.faults import DataFault

_CONFIDENCE = 0.95
_NUMBER = r"-?\d+(?:\.\d+)?%?"
_PART = r"(?P<{0}metric>[a-z][a-z0-9_]*)\s*(?P<{0}op>>=|<=|>|<)\s*(?P<{0}bound>{1})"
_BOUND = rf"{_NUMBER}|(?:rules|linear)\.[a-z][a-z0-9_]*"
_GRAMMAR = re.compile(
    rf"\s*{_PART.format('', _BOUND)}(?:\s+at\s+{_PART.format('at_', _NUMBER)})?"
    rf"(?:\s+with\s+confidence\s+(?P<confidence>{_NUMBER}))?\s*"
)


@dataclass(frozen=True)
class Part:
    """One comparison, such as recall >= 0.95.

    `against` names the reference whose metric is the bound; what is compared with `bound`, 0, is then the difference.
    """

    metric: str
    op: str
    bound: float
    against: str = ""

    def __str__(self) -> str:
        return f"{self.metric} {self.op} {f'{self.against}.{self.metric}' if self.against else f'{self.bound:.6g}'}"

    @property
    def key(self) -> str:
        """The name under which its estimate is found: `recall`, or `recall - rules.recall`."""
        return f"{self.metric} - {self.against}.{self.metric}" if self.against else self.metric

    @property
    def wants_more(self) -> bool:
        """Whether larger values of the metric are the good ones here."""
        return self.op.startswith(">")

    def holds(self, value: float) -> bool:
        """Whether a number satisfies it; NaN never does."""
        comparisons = {">=": value >= self.bound, "<=": value <= self.bound}
        return comparisons.get(self.op, value > self.bound if self.op == ">" else value < self.bound)


@dataclass(frozen=True)
class Criterion:
    """All parts must hold at once, each by its one-sided bound at `confidence`."""

    name: str
    lead: Part
    at: Part | None = None
    confidence: float = _CONFIDENCE

    @property
    def parts(self) -> tuple[Part, ...]:
        """The lead and, where there is one, the condition at which it must hold."""
        return (self.lead,) if self.at is None else (self.lead, self.at)


@dataclass(frozen=True)
class PartResult:
    """The achieved value of a part, and the confidence bound on the side that could refute it."""

    part: Part
    value: float
    proved: float


@dataclass(frozen=True)
class Verdict:
    """Whether a criterion is met, part by part; the first part is the lead. `note` adds what a person should know."""

    criterion: Criterion
    results: tuple[PartResult, ...]
    note: str = ""

    @property
    def met(self) -> bool:
        """Zero proof never passes: a bound that could not be computed is NaN, and NaN holds nothing."""
        return all(result.part.holds(result.proved) for result in self.results)

    @property
    def unprovable(self) -> bool:
        """Whether some bound could not be computed at all."""
        return any(math.isnan(result.proved) for result in self.results)


def parse(name: str, expression: str, metrics: Sequence[str]) -> Criterion:
    """Reads one criterion.

    Raises:
        DataFault: the expression is not of the grammar that this version evaluates, or names an unknown metric.
    """
    match = _GRAMMAR.fullmatch(expression)
    if match is None:
        message = (
            f"criterion {name!r} is {expression!r}; this version evaluates "
            "'metric op bound [at metric op number] [with confidence number]', op one of >= <= > <, bound a number, or "
            "rules.metric or linear.metric with the same metric"
        )
        raise DataFault("CriterionUnsupported", message)
    at = _part(match, "at_") if match["at_metric"] else None
    confidence = _number(match["confidence"]) if match["confidence"] else _CONFIDENCE
    if not 0.5 < confidence < 1:
        raise DataFault("CriterionUnsupported", f"criterion {name!r}: confidence must lie between 0.5 and 1")
    criterion = Criterion(name, _part(match, ""), at, confidence)
    for part in criterion.parts:
        if part.metric not in metrics:
            message = f"criterion {name!r} uses {part.metric!r}; this version measures {', '.join(metrics)}"
            raise DataFault("CriterionUnsupported", message)
    named = match["bound"].partition(".")[2]
    if criterion.lead.against and named != criterion.lead.metric:
        message = f"criterion {name!r} compares {criterion.lead.metric} with {match['bound']}: name the same metric"
        raise DataFault("CriterionUnsupported", message)
    return criterion


def judge(criteria: Sequence[Criterion], estimates: Mapping[str, Estimate]) -> tuple[Verdict, ...]:
    """Each criterion against the held-out rows."""
    return tuple(
        Verdict(one, tuple(_result(part, estimates, one.confidence) for part in one.parts)) for one in criteria
    )


def _result(part: Part, estimates: Mapping[str, Estimate], confidence: float) -> PartResult:
    found = estimates[part.key]
    proved = found.lower(confidence) if part.wants_more else found.upper(confidence)
    return PartResult(part, found.value, proved)


def _part(match: re.Match[str], prefix: str) -> Part:
    bound = match[f"{prefix}bound"]
    against = bound.partition(".")[0] if bound[0].isalpha() else ""
    return Part(match[f"{prefix}metric"], match[f"{prefix}op"], 0.0 if against else _number(bound), against)


def _number(text: str) -> float:
    return float(text[:-1]) / 100 if text.endswith("%") else float(text)
