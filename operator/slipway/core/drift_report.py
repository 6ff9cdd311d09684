"""Measurements go into status when they mean something new, not at every look (traffic.md 13)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from slipway.api.v1alpha1.retrain_status import FeatureDrift
from slipway.api.v1alpha1.retrainpolicy import RetrainPolicySpec
from slipway.core.drift import Look
from slipway.core.metric_trigger import MetricLook
from slipway.core.performance_look import PerformanceLook

_RANK = {"Unknown": 0, "InsufficientData": 1, "Stable": 2, "Drifted": 3}
_STEP = 0.05
_ROWS_STEP = 0.5
_FEW_ROWS = 50


def features_to_show(
    before: Sequence[FeatureDrift], looks: Iterable[Look | MetricLook | PerformanceLook], spec: RetrainPolicySpec | None
) -> tuple[FeatureDrift, ...]:
    """The features as status shows them: the last ones, unless a verdict changed or an index moved by 5% of its bound.

    Of several triggers the one with the worst news about a feature is shown. While nothing can be measured the last
    measurement stays: the conditions say that it is old.
    """
    drifts = [look for look in looks if isinstance(look, Look)]
    if any(look.problem is not None for look in drifts) or not drifts:
        return tuple(before)
    found = _worst(drifts)
    return found if _is_news(before, found, _smallest_bound(spec)) else tuple(before)


def _worst(looks: Iterable[Look]) -> tuple[FeatureDrift, ...]:
    worst: dict[str, FeatureDrift] = {}
    for look in looks:
        for feature in look.features:
            known = worst.get(feature.name)
            if known is None or _severity(feature) > _severity(known):
                worst[feature.name] = feature
    return tuple(worst[name] for name in sorted(worst))


def _severity(feature: FeatureDrift) -> tuple[int, float]:
    return _RANK.get(feature.verdict, 0), float(feature.psi or 0)


def _smallest_bound(spec: RetrainPolicySpec | None) -> float:
    judged = [each.drift or each.predictions for each in spec.triggers] if spec else []
    return min((float(each.psi.value) for each in judged if each is not None and each.psi is not None), default=0.2)


def _is_news(before: Sequence[FeatureDrift], found: Sequence[FeatureDrift], bound: float) -> bool:
    if [(each.name, each.verdict) for each in before] != [(each.name, each.verdict) for each in found]:
        return True
    return any(_moved(old, new, bound) for old, new in zip(before, found, strict=True))


def _moved(old: FeatureDrift, new: FeatureDrift, bound: float) -> bool:
    """5% of the bound, so that the noise of a quiet feature is no news, and 5% of the value, for one far above it."""
    was, now = float(old.psi or 0), float(new.psi or 0)
    judged = new.verdict in ("Stable", "Drifted")  # the index of a few rows is noise, which is why it is not judged
    return (judged and abs(now - was) >= _STEP * max(bound, was)) or _grew(old.rows, new.rows)


def _grew(was: int, now: int) -> bool:
    return abs(now - was) > _ROWS_STEP * max(was, _FEW_ROWS)
