"""From counts to a verdict on each feature, and from windows to one on the trigger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from slipway.api.v1alpha1.retrain_status import FeatureDrift
from slipway.api.v1alpha1.retrain_triggers import DriftTrigger, PredictionsTrigger
from slipway.core.plan import Unavailable
from slipway.statistics.drift import ks_chance, ks_interval, ks_rows, minimum_rows, null_psi, psi, share_low

Verdict = Literal["Drifted", "Stable", "InsufficientData", "Unknown"]
Histograms = Mapping[str, Sequence[float]]
"""Counts or shares in each bucket, by feature."""

PREDICTIONS = "predictions"
"""What the histogram of the model's scores is called where a feature has its name."""

HYSTERESIS = 0.7
"""What has drifted has ceased to only below this part of its bound: an index on the edge is no relief."""

BROKEN = 0.5
"""Share of missing or never seen values from which a feature is broken rather than drifted: training drops such a
column (`quality.missing.dropFrom`), so a served model has never known it like that."""


@dataclass(frozen=True)
class Bounds:
    """What counts as drift, by either of two distances; None where a distance is not judged."""

    psi: float | None
    ks: float | None

    @classmethod
    def of(cls, trigger: DriftTrigger) -> Bounds:
        """Those of a trigger; 0 judges nothing."""
        psi, ks = (float(each.value) if each is not None else 0.0 for each in (trigger.psi, trigger.ks))
        return cls(psi if psi > 0 else None, ks if ks > 0 else None)


@dataclass(frozen=True)
class Reading:
    """What Prometheus says about one revision: the reference, and live rows by window, newest first.

    Attributes:
        missing: rows of the newest window without a value.
        unseen: those with a category that training never saw.
    """

    reference: Histograms
    windows: tuple[Histograms, ...]
    missing: Histograms = field(default_factory=dict)
    unseen: Histograms = field(default_factory=dict)


@dataclass(frozen=True)
class Look:
    """One trigger at one instant.

    Attributes:
        features: of the newest window, by name.
        drifted: how many of the windows drifted.
        needed: how many must, to confirm.
        problem: why nothing could be measured.
        lingers: whether a feature is so near its bound that what has drifted has not ceased to.
        damage: what is broken rather than drifted.
    """

    trigger: str
    features: tuple[FeatureDrift, ...] = ()
    drifted: int = 0
    needed: int = 1
    problem: Unavailable | None = None
    lingers: bool = False
    damage: tuple[str, ...] = ()

    @property
    def confirmed(self) -> bool:
        """Enough windows drifted, the newest among them: what has passed by is no reason to train."""
        return self.drifted >= self.needed and any(feature.verdict == "Drifted" for feature in self.features)

    @property
    def suspected(self) -> bool:
        """Whether any window drifted."""
        return self.drifted > 0

    @property
    def suspicion(self) -> str:
        """What is suspected, for a person."""
        return f"{self.trigger}: {self.drifted} of the {self.needed} windows that confirm it"

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
    bounds = Bounds.of(trigger)
    if bounds.psi is None and bounds.ks is None:
        return Look(name, needed=needed, problem=Unavailable("NoBound", "set psi or ks to a bound above 0"))
    watched = tuple(feature for feature in sorted(reading.reference) if _watched(feature, trigger))
    if not watched:
        message = "the served revision exports no reference of the features that the trigger names"
        return Look(name, needed=needed, problem=Unavailable("NoReference", message))
    windows = [
        tuple(_judge(feature, window.get(feature, ()), reading.reference[feature], bounds) for feature in watched)
        for window in reading.windows
    ]
    drifted = sum(any(feature.verdict == "Drifted" for feature in window) for window in windows)
    newest = windows[0] if windows else ()
    lingers = any(_lingers(feature, bounds) for feature in newest)
    broken = _damage(reading) if reading.windows else ()
    return Look(name, newest, drifted, needed, lingers=lingers, damage=broken)


def of_predictions(trigger: PredictionsTrigger) -> DriftTrigger:
    """The same question about the one histogram of scores."""
    return DriftTrigger(window=trigger.window, psi=trigger.psi)


def windows_of(trigger: DriftTrigger) -> int:
    """How many windows back a decision looks."""
    return trigger.confirm.of if trigger.confirm else 1


def _watched(feature: str, trigger: DriftTrigger) -> bool:
    return not trigger.features or feature in trigger.features


def _judge(name: str, counts: Sequence[float], reference: Sequence[float], bounds: Bounds) -> FeatureDrift:
    size = max(len(counts), len(reference))
    seen, expected = _padded(counts, size), _padded(reference, size)
    if not (np.isfinite(seen).all() and np.isfinite(expected).all() and (seen >= 0).all() and expected.sum() > 0):
        return FeatureDrift(name=name, verdict="Unknown")
    rows = int(seen.sum())
    index = psi(seen, expected)
    low, high = ks_interval(seen, expected) if bounds.ks is not None else (0.0, 1.0)
    shown = FeatureDrift(
        name=name,
        psi=f"{index:.4f}" if rows else "",
        ks=(f"{low:.4f}", f"{high:.4f}") if rows and bounds.ks is not None else (),
        rows=rows,
        verdict="InsufficientData",
    )
    if rows < _enough(bounds, size):
        return shown
    # Effect first: the bootstrap is the dearer question, and most features never ask it.
    drifted = bounds.psi is not None and index >= bounds.psi and index > null_psi(expected, rows)
    drifted = drifted or (bounds.ks is not None and low >= bounds.ks and low > ks_chance(rows))
    return shown.model_copy(update={"verdict": "Drifted" if drifted else "Stable"})


def _enough(bounds: Bounds, buckets: int) -> int:
    """Rows from which each bound that is set is beyond chance."""
    by_psi = minimum_rows(bounds.psi, buckets) if bounds.psi is not None else 0
    return max(by_psi, ks_rows(bounds.ks) if bounds.ks is not None else 0)


def _lingers(feature: FeatureDrift, bounds: Bounds) -> bool:
    if feature.verdict not in ("Drifted", "Stable"):
        return False
    by_psi = bounds.psi is not None and float(feature.psi) >= HYSTERESIS * bounds.psi
    return by_psi or (bounds.ks is not None and float(feature.ks[0]) >= HYSTERESIS * bounds.ks)


def _damage(reading: Reading) -> tuple[str, ...]:
    """Features most of whose live values are missing, or categories that training never saw: broken, not drifted.

    By the lower confidence bound of the share, so that a few rows hold nothing.
    """
    found = []
    for name in sorted(reading.reference):
        present, missing, unseen = (
            float(sum(each.get(name, ()))) for each in (reading.windows[0], reading.missing, reading.unseen)
        )
        if share_low(missing, present + missing) >= BROKEN:
            found.append(f"feature {name}: more than half of the values are missing")
        if share_low(unseen, present) >= BROKEN:
            found.append(f"feature {name}: more than half of the values are categories that training never saw")
    return tuple(found)


def _padded(values: Sequence[float], size: int) -> np.ndarray:
    return np.pad(np.asarray(values, dtype=float), (0, size - len(values)))
