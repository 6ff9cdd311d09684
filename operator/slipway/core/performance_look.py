"""A trigger of type Performance at one instant, as the newest measurement in status has it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from slipway.api.v1alpha1.retrain_performance import Performance
from slipway.core.plan import Unavailable


@dataclass(frozen=True)
class PerformanceLook:
    """What every look says of itself, by the verdict on matured labels.

    Attributes:
        words: the figure against its bound, for a person.
        damage: what is broken about the labels; empty where nothing is.
    """

    trigger: str
    verdict: str = ""
    words: str = ""
    problem: Unavailable | None = None
    damage: str = ""
    drifting: tuple[str, ...] = ()
    lingers: bool = False

    @property
    def confirmed(self) -> bool:
        """Whether the metric has surely passed its bound."""
        return self.verdict == "Confirmed"

    @property
    def suspected(self) -> bool:
        """Whether its value has."""
        return self.verdict in ("Confirmed", "Suspected")

    @property
    def measured(self) -> bool:
        """Whether enough matured labels say anything."""
        return self.verdict in ("Confirmed", "Suspected", "Clear")

    @property
    def suspicion(self) -> str:
        """What is suspected, for a person."""
        return f"{self.trigger}: {self.words}"


def look(known: Performance, now: datetime, fresh: timedelta) -> PerformanceLook:
    """The look at what is known: a failure or an answer older than `fresh` is no knowledge, but broken labels stay
    broken until somebody has seen that they are whole."""
    damage = f"{known.name}: {known.message}" if known.verdict == "DataQualityHold" else ""
    if known.failure:
        return PerformanceLook(known.name, problem=Unavailable("MeasurementFailed", known.failure), damage=damage)
    if known.measured_at is None:
        return PerformanceLook(known.name, words="its first measurement is under way")
    if now - known.measured_at > fresh:
        message = f"matured labels were last looked at {known.measured_at:%Y-%m-%dT%H:%M:%SZ}: too long ago"
        return PerformanceLook(known.name, problem=Unavailable("StaleMeasurement", message), damage=damage)
    return PerformanceLook(known.name, known.verdict, known.message, damage=damage)
