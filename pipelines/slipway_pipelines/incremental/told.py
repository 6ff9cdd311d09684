"""What is written down about a run that continued a version: tags, parameters, profile and report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slipway_pipelines import record
from slipway_pipelines.context import Context
from slipway_pipelines.data.prepare import Prepared
from slipway_pipelines.data.said import quality
from slipway_pipelines.evaluate import Evaluation
from slipway_pipelines.incremental.base import Base
from slipway_pipelines.incremental.forgetting import Remembered
from slipway_pipelines.incremental.lineage import Learnt, Lineage
from slipway_pipelines.incremental.prequential import Tested
from slipway_pipelines.measured import interval, tested
from slipway_pipelines.report import criterion_entries, metric_entries
from slipway_pipelines.stopping import Curve, Fitted

PREQUENTIAL, RETAINED = "prequential", "retained"
WAITING = "waiting"
"""Nothing could be learnt yet: there is no version, and nothing has failed."""

ROWS_OF_A_PROFILE = 438
"""Rows below which a distribution of 20 buckets is mostly noise: a PSI of 0.1 is then no more than chance."""


@dataclass(frozen=True)
class Grown:
    """What a run has made of its base. `openings` is how often the judged rows have been looked at."""

    base: Base
    lineage: Lineage
    learnt: tuple[Learnt, ...]
    tested: Tested
    evaluation: Evaluation
    remembered: Remembered
    openings: int


def lineage_tags(lineage: Lineage) -> dict[str, str]:
    """Tags of run and version."""
    assert lineage.base is not None
    return {
        "slipway.base": lineage.base.uri,
        "slipway.lineage": lineage.digest,
        "slipway.batches": str(len(lineage.batches)),
    }


def params(context: Context, prepared: Prepared, grown: Grown) -> dict[str, Any]:
    """As of a training in full, and what was continued with what."""
    fitted = Fitted(grown.tested.warnings, Curve("", "", ()))
    lineage, base = grown.lineage, grown.base.version
    known: dict[str, Any] = {"base": base.uri, "base.digest": base.digest, "lineage": lineage.digest}
    known |= {"lineage.batches": len(lineage.batches), "lineage.first": lineage.first.uri if lineage.first else ""}
    known |= {f"batch.{number}.digest": one.digest for number, one in enumerate(grown.learnt, 1)}
    return record.params(context, prepared, grown.tested.model, fitted) | known


def metrics(grown: Grown, steps: Mapping[str, float]) -> dict[str, float]:
    """Numbers for MLflow."""
    out = record.seconds(steps) | tested(grown.evaluation, PREQUENTIAL)
    found = grown.remembered
    if found.value is not None and found.change is not None:
        out |= interval(f"{RETAINED}.{found.value.name}", found.value)
        out |= interval(f"{RETAINED}.{found.value.name}-minus-base", found.change)
    return {name: value for name, value in out.items() if math.isfinite(value)}


def profile(context: Context, prepared: Prepared, grown: Grown) -> dict[str, Any]:
    """The reference profile of the new rows; that of the base, part by part, where they are too few to make one."""
    made = record.profile(context.request, prepared.parts, grown.tested.model, grown.evaluation)
    kept = grown.base.profile
    if len(prepared.parts.train) < ROWS_OF_A_PROFILE:
        made |= {name: kept[name] for name in ("features", "rows", "slices") if name in kept}
    if len(prepared.parts.test) < ROWS_OF_A_PROFILE and "predictions" in kept:
        made["predictions"] = kept["predictions"]
    return made


def report(context: Context, prepared: Prepared, grown: Grown, digest: str) -> dict[str, Any]:
    """What the operator is told; version and steps are added once they exist."""
    wanted = (context.request.task.metrics.primary, *context.request.task.metrics.also)
    return {
        "runId": context.run,
        "version": "",
        "modelDigest": digest,
        "dataDigest": prepared.source.digest,
        "rows": _rows(prepared),
        "conditions": [grown.remembered.condition(), *quality(prepared.record)],
        "evaluation": record.verdict(grown.evaluation),
        "openings": grown.openings,
        "criteria": criterion_entries(grown.evaluation.verdicts),
        "metrics": _metric_entries(grown, wanted),
        "increment": increment(grown.base, grown.learnt, grown.lineage.digest),
    }


def waiting(context: Context, prepared: Prepared, base: Base, message: str) -> dict[str, Any]:
    """What the operator is told where there is nothing to learn from yet."""
    return {
        "runId": context.run,
        "version": "",
        "dataDigest": prepared.source.digest,
        "rows": _rows(prepared),
        "conditions": list(quality(prepared.record)),
        "evaluation": WAITING,
        "increment": increment(base, (), base.lineage.digest) | {"waiting": message},
    }


def increment(base: Base, learnt: Sequence[Learnt], digest: str) -> dict[str, Any]:
    """As status.increment has it."""
    batches = [
        {"digest": one.digest, "rows": one.rows, "judged": one.judged, "since": one.since, "until": one.until}
        for one in learnt
    ]
    return {"base": base.version.uri, "lineage": digest, "batches": batches, "before": len(base.lineage.batches)}


def _rows(prepared: Prepared) -> dict[str, int]:
    parts = prepared.parts
    counts = {"learnt": len(parts.train), "judged": len(parts.test), "retained": len(parts.validation)}
    return {"read": prepared.rows, **counts}


def _metric_entries(grown: Grown, wanted: Sequence[str]) -> list[dict[str, str]]:
    """The primary metric in all that it is compared with comes first: a message that is too long loses its end."""
    entries = metric_entries(grown.evaluation.test, {}, wanted, PREQUENTIAL)
    name, found = wanted[0], grown.remembered
    compared = {}
    if (change := grown.evaluation.differences.get(f"{name} - base.{name}")) is not None:
        compared[PREQUENTIAL] = {f"{name}-minus-base": change}
    if found.value is not None and found.change is not None:
        compared[RETAINED] = {name: found.value, f"{name}-minus-base": found.change}
    more = [entry for split, each in compared.items() for entry in metric_entries(each, {}, (), split)]
    return [*entries[:1], *more, *entries[1:]]
