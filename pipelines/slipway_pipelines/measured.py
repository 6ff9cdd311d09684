"""The numbers of an evaluation, by the names that MLflow has them under."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from slipway_pipelines.estimate import Estimate
from slipway_pipelines.evaluate import Answers, Evaluation, validation_points
from slipway_pipelines.record import seconds
from slipway_pipelines.split import Splits


def metrics(
    evaluation: Evaluation, references: Mapping[str, Answers], parts: Splits, steps: Mapping[str, float]
) -> dict[str, float]:
    """Numbers for MLflow: metrics with their 95% intervals, beside them those of the references, of novel rows and of
    slices; validation minus test; and the seconds of the steps so far."""
    out = seconds(steps)
    out |= {f"validation.{name}": value for name, value in evaluation.validation.items()}
    out |= {f"gap.{name}": value for name, value in evaluation.gaps().items()}
    out |= {f"novel.{name}": value for name, value in evaluation.novel.items()}
    for name, reference in references.items():
        seen = validation_points(reference, parts.validation)
        out |= {f"{name}.validation.{metric}": value for metric, value in seen.items()}
    out |= tested(evaluation, "test")
    return {name: value for name, value in out.items() if math.isfinite(value)}


def tested(evaluation: Evaluation, split: str) -> dict[str, float]:
    """The metrics of the test rows, which are called `split`, with their intervals: all, compared, and by slice."""
    out: dict[str, float] = {}
    for name, found in evaluation.test.items():
        out |= interval(f"{split}.{name}", found)
    for name, found in evaluation.differences.items():
        metric, _, other = name.partition(" - ")
        out |= interval(f"{split}.{metric}-minus-{other.partition('.')[0]}", found)
    if evaluation.missed_by_rules is not None:
        out |= interval(f"{split}.recall-missed-by-rules", evaluation.missed_by_rules)
    for one in evaluation.slices:
        for name, found in one.metrics.items():
            out |= interval(f"slice.{_legal(one.name)}.{name}", found)
    return out


def interval(name: str, found: Estimate) -> dict[str, float]:
    low, high = found.interval()
    return {name: found.value, f"{name}.low": low, f"{name}.high": high}


def _legal(text: str) -> str:
    """MLflow takes letters, digits and `_-. /:` in the name of a metric."""
    return re.sub(r"[^A-Za-z0-9_. /:-]", ":", text)[:150]
