"""From counts to a verdict on each feature, and from windows to one on the trigger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from slipway.api.v1alpha1.retrain_triggers import DriftTrigger
from slipway.api.v1alpha1.retrainpolicy import FeatureDrift
from slipway.core.plan import Unavailable
from slipway.statistics.drift import minimum_rows, null_psi, psi

Verdict = Literal["Drifted", "Stable", "InsufficientData", "Unknown"]
Histograms = Mapping[str, Sequence[float]]
"""Counts or shares in each bucket, by feature."""


@dataclass(frozen=True)
class Reading:
    """What Prometheus says about one revision: the reference, and live rows by window, newest first."""

    reference: Histograms
    windows: tuple[Histograms, ...]


@dataclass(frozen=True)
class Look:
    """One trigger at one instant.

    Attributes:
        features: of the newest window, by name.
        drifted: how many of the windows drifted.
        needed: how many must, to confirm.
        problem: why nothing could be measured.
    """

    trigger: str
    features: tuple[FeatureDrift, ...] = ()
    drifted: int = 0
    needed: int = 1
    problem: Unavailable | None = None

    @property
    def confirmed(self) -> bool:
        """Enough windows drifted, the newest among them: what has passed by is no reason to train."""
        return self.drifted >= self.needed and any(feature.verdict == "Drifted" for feature in self.features)

    @property
    def measured(self) -> bool:
        """Whether the newest window says anything about any feature."""
        return any(feature.verdict in ("Drifted", "Stable") for feature in self.features)

    @property
    def drifting(self) -> tuple[str, ...]:
        """The features that drifted in the newest window."""
        return tuple(feature.name for feature in self.features if feature.verdict == "Drifted")


def look(name: str, trigger: DriftTrigger, reading: Reading | Unavailable) -> Look:
    """Judges every feature in every window. No data is never a drift, and never its absence either."""
    needed = trigger.confirm.windows if trigger.confirm else 1
    if isinstance(reading, Unavailable):
        return Look(name, needed=needed, problem=reading)
    if trigger.psi is None or trigger.psi.value <= 0:
        return Look(
            name, needed=needed, problem=Unavailable("NoBound", "set psi to a bound above 0: it alone is judged")
        )
    bound = float(trigger.psi.value)
    watched = tuple(feature for feature in sorted(reading.reference) if _watched(feature, trigger))
    if not watched:
        message = "the served revision exports no reference of the features that the trigger names"
        return Look(name, needed=needed, problem=Unavailable("NoReference", message))
    windows = [
        tuple(_judge(feature, window.get(feature, ()), reading.reference[feature], bound) for feature in watched)
        for window in reading.windows
    ]
    drifted = sum(any(feature.verdict == "Drifted" for feature in window) for window in windows)
    return Look(name, windows[0] if windows else (), drifted, needed)


def windows_of(trigger: DriftTrigger) -> int:
    """How many windows back a decision looks."""
    return trigger.confirm.of if trigger.confirm else 1


def _watched(feature: str, trigger: DriftTrigger) -> bool:
    return not trigger.features or feature in trigger.features


def _judge(name: str, counts: Sequence[float], reference: Sequence[float], bound: float) -> FeatureDrift:
    size = max(len(counts), len(reference))
    seen, expected = _padded(counts, size), _padded(reference, size)
    if not (np.isfinite(seen).all() and np.isfinite(expected).all() and (seen >= 0).all() and expected.sum() > 0):
        return FeatureDrift(name=name, verdict="Unknown")
    rows = int(seen.sum())
    if rows < minimum_rows(bound, size):
        shown = f"{psi(seen, expected):.4f}" if rows else ""
        return FeatureDrift(name=name, psi=shown, rows=rows, verdict="InsufficientData")
    index = psi(seen, expected)
    # Effect first: the bootstrap is the dearer question, and most features never ask it.
    drifted = index >= bound and index > null_psi(expected, rows)
    return FeatureDrift(name=name, psi=f"{index:.4f}", rows=rows, verdict="Drifted" if drifted else "Stable")


def _padded(values: Sequence[float], size: int) -> np.ndarray:
    return np.pad(np.asarray(values, dtype=float), (0, size - len(values)))
