"""An earlier run trained again: whether the same predictions come out, and what is not as it was."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from slipway_pipelines import record
from slipway_pipelines.choosing import Chosen
from slipway_pipelines.context import Context
from slipway_pipelines.data.prepare import Prepared
from slipway_pipelines.evaluate import Frozen
from slipway_pipelines.faults import DataFault
from slipway_pipelines.metrics.base import Floats
from slipway_pipelines.split import Splits
from slipway_pipelines.stopping import Fitted

PREDICTIONS = "predictions.json"
_TOLERANCE = 1e-6
_MOST = 10_000  # predictions kept for a comparison by tolerance; the digest is over all
# What may differ between a run and its repetition without a word: names, and how the same parameters were found.
_INCIDENTAL = ("search.", "folds", "warning.")


@dataclass(frozen=True)
class Predictions:
    """Scores (or numbers) of the validation rows, of training where there are none.

    `values` are those of `size` in all that are kept: all, or at most 10,000 at equal distances.
    """

    digest: str
    values: Floats
    size: int = 0

    @classmethod
    def of(cls, model: Frozen, parts: Splits) -> Predictions:
        """What a model says of rows that the test rows are none of."""
        rows = model.rows(parts.validation if len(parts.validation) else parts.train)
        found = np.ascontiguousarray(rows.scores if rows.scores.shape[1] else rows.predicted, dtype="<f8")
        kept = found.ravel()[:: max(1, math.ceil(found.size / _MOST))]
        return cls(f"sha256:{hashlib.sha256(found.tobytes()).hexdigest()}", kept, found.size)

    def text(self) -> str:
        """As an artifact keeps it."""
        values = base64.b64encode(self.values.astype("<f8").tobytes()).decode()
        return json.dumps({"digest": self.digest, "values": values, "size": self.size})

    @classmethod
    def read(cls, text: str) -> Predictions:
        """Back from the artifact."""
        found = json.loads(text)
        return cls(str(found["digest"]), np.frombuffer(base64.b64decode(found["values"]), "<f8"), int(found["size"]))


@dataclass(frozen=True)
class Comparison:
    """How two models agree: Bitwise, Tolerance or Different, and by how much they differ at most."""

    level: str
    largest: float


def compare(before: Predictions, now: Predictions) -> Comparison:
    """By digest, then by 1e-6 of the spread of the earlier predictions. Another number of rows is another model."""
    if before.digest == now.digest:
        return Comparison("Bitwise", 0.0)
    if before.size != now.size or before.values.shape != now.values.shape or not len(now.values):
        return Comparison("Different", float("nan"))
    largest = float(np.max(np.abs(before.values - now.values)))
    spread = float(np.ptp(before.values)) or 1.0
    return Comparison("Tolerance" if largest <= _TOLERANCE * spread else "Different", largest)


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """Recorded parameters that are not as they were, as `name: before -> now`."""
    names = sorted(name for name in {*before, *now} if not name.startswith(_INCIDENTAL))
    return tuple(
        f"{name}: {before.get(name, 'absent')} -> {now.get(name, 'absent')}"
        for name in names
        if before.get(name) != now.get(name)
    )


def reproduced(context: Context, prepared: Prepared, model: Frozen, fitted: Fitted, chosen: Chosen) -> dict[str, Any]:
    """The report of a run that repeats another. The test rows stay closed, and nothing is registered.

    Raises:
        DataFault: the earlier run kept no predictions.
    """
    request, tracking = context.request, context.tracking
    assert request.spec.reproduces is not None
    earlier = request.spec.reproduces.run_id
    params = record.params(context, prepared, model, fitted) | record.choice(request, chosen)
    tracking.log(context.run, params, record.seconds(context.steps.seconds))
    try:
        before = Predictions.read(tracking.text(earlier, PREDICTIONS))
    except (OSError, ValueError, KeyError, DataFault) as error:
        raise DataFault("NothingToReproduce", f"run {earlier} of MLflow has kept no predictions: {error}") from error
    now = Predictions.of(model, prepared.parts)
    found = compare(before, now)
    differs = differences(tracking.params(earlier), tracking.params(context.run))
    tracking.log_text(context.run, PREDICTIONS, now.text())
    tracking.end(context.run, "FINISHED")
    return record.with_steps(
        {
            "runId": context.run,
            "version": "",
            "dataDigest": prepared.source.digest,
            "predictions": now.digest,
            "evaluation": "reproduced",
            **context.made_by,
            "reproduction": {
                "level": found.level,
                "largestDifference": f"{found.largest:.3g}",
                "differs": [text[:200] for text in differs[:10]],
            },
        },
        context.steps.seconds,
    )
