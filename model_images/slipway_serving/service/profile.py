"""The reference profile that travels with a model: what its features and answers looked like in training."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slipway.features.slices import SliceColumn, slice_column

PROFILE = "slipway/profile.json"


@dataclass(frozen=True)
class ReferenceFeature:
    """One feature's reference histogram.

    Numeric: `edges` are the inner edges in ascending order; a value equal to an edge lies above it. Categorical:
    `values` are the known categories as text. `counts` are the reference rows in each bucket.
    """

    name: str
    numeric: bool
    edges: tuple[float, ...]
    values: tuple[str, ...]
    counts: tuple[float, ...]

    @property
    def buckets(self) -> int:
        """How many buckets are counted: a categorical feature has one more, for every other category."""
        return len(self.edges) + 1 if self.numeric else len(self.values) + 1

    @property
    def complete(self) -> bool:
        """Whether `values` are all categories of training, so that every other one was never seen in it."""
        return not self.numeric and sum(self.counts[len(self.values) :]) == 0

    def shares(self) -> list[float]:
        """The reference's share of each bucket, 0 throughout where the reference is empty."""
        total = sum(self.counts)
        padded = [*self.counts, *[0.0] * (self.buckets - len(self.counts))]
        return [count / total if total else 0.0 for count in padded]


@dataclass(frozen=True)
class Profile:
    """The whole profile; an empty one for a model that came without.

    `classes` stand in the order of the model's probabilities; they matter for a model that does not name its own.
    `threshold` holds for a model without a decision layer. `scores` are those of held-out rows, and `predicted` counts
    these rows by the class that was predicted.
    """

    features: tuple[ReferenceFeature, ...] = ()
    classes: tuple[str, ...] = ()
    positive: str | None = None
    threshold: float = 0.5
    tolerated: frozenset[str] = frozenset()
    scores: ReferenceFeature | None = None
    slices: tuple[SliceColumn, ...] = ()
    predicted: Mapping[str, float] = field(default_factory=dict)

    def named(self) -> Mapping[str, ReferenceFeature]:
        """The features by name."""
        return {feature.name: feature for feature in self.features}


def read_profile(model: Path) -> Profile:
    """Reads `slipway/profile.json` of a model directory; a model without one is served, but not compared."""
    path = model / PROFILE
    if not path.exists():
        return Profile()
    document = json.loads(path.read_text())
    positive, threshold = document.get("positive"), document.get("threshold")
    predictions = document.get("predictions") or {}
    return Profile(
        features=tuple(_feature(one) for one in document.get("features", [])),
        classes=tuple(str(name) for name in document.get("classes") or ()),
        positive=None if positive is None else str(positive),
        threshold=0.5 if threshold in (None, "") else float(threshold),
        tolerated=frozenset(_names(document.get(key) for key in ("id", "entity", "timestamp"))),
        scores=_scores(predictions.get("scores")),
        predicted={str(name): float(count) for name, count in (predictions.get("classes") or {}).items()},
        slices=tuple(slice_column(one["column"], one["values"]) for one in document.get("slices") or ()),
    )


def _scores(document: Mapping[str, Any] | None) -> ReferenceFeature | None:
    return None if document is None else _feature({"name": "score", "type": "Numeric", **document})


def _feature(document: Mapping[str, Any]) -> ReferenceFeature:
    return ReferenceFeature(
        name=document["name"],
        numeric=document["type"] == "Numeric",
        edges=tuple(float(edge) for edge in document.get("edges") or ()),
        values=tuple(str(value) for value in document.get("values") or ()),
        counts=tuple(float(count) for count in document.get("counts") or ()),
    )


def _names(values: Iterable[Any]) -> list[str]:
    return [str(value) for value in values if value]
