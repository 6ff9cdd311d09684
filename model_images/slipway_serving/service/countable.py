"""What of a model is counted: which labels, buckets and slices its series have."""

from __future__ import annotations

from dataclasses import dataclass

from slipway.features.slices import SliceColumn

from slipway_serving.service.profile import ReferenceFeature


@dataclass(frozen=True)
class Countable:
    """`classes` label predictions, `deciders` who answered (the last is the model); `scores` is the reference of
    the model's scores, None for a model without one."""

    classes: tuple[str, ...] = ()
    features: tuple[ReferenceFeature, ...] = ()
    scores: ReferenceFeature | None = None
    deciders: tuple[str, ...] = ()
    slices: tuple[SliceColumn, ...] = ()
