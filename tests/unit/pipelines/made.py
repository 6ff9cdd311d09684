"""Tables and requests that the tests of the pipelines share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from slipway_pipelines.columns import Columns

COLUMNS = Columns(("amount", "items"), ("country",), "fraud", "id", "card", "at")


def table(rows: int = 600, seed: int = 3) -> pd.DataFrame:
    """Cards that pay; fraud grows with the amount and is rarer at home. Some values are missing."""
    rng = np.random.default_rng(seed)
    amount, country = rng.gamma(2, 50, rows), rng.choice(["IT", "FR", "US"], rows)
    logit = (amount - 130) / 25 + np.where(country == "US", 1.5, -1.0)
    frame = pd.DataFrame(
        {
            "id": [f"t{number:05d}" for number in range(rows)],
            "card": [f"c{number:03d}" for number in rng.integers(0, rows // 5, rows)],
            "at": pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(rng.permutation(rows), unit="h"),
            "amount": amount,
            "items": rng.integers(1, 9, rows).astype(float),
            "country": country,
            "fraud": np.where(rng.random(rows) < 1 / (1 + np.exp(-logit)), "1", "0"),
        }
    )
    frame.loc[::20, "items"] = np.nan
    frame.loc[::25, "country"] = None
    return frame


def task(**changes: Any) -> dict[str, Any]:
    """A ModelTask over `table`."""
    return {
        "goal": "Lose less to fraud", "justification": "Complex", "type": "BinaryClassification",
        "id": "id", "entity": "card", "timestamp": "at", "label": {"column": "fraud", "positive": "1"},
        "serving": {"mode": "Inline", "latency": {"p99": "100ms"}},
        "features": [
            {"name": "amount", "type": "Numeric"},
            {"name": "items", "type": "Numeric"},
            {"name": "country", "type": "Categorical"},
        ],
        "metrics": {"primary": "average_precision", "also": ["recall"]},
        "criteria": [{"name": "rank", "expression": "roc_auc >= 0.7"}],
        **changes,
    }  # fmt: skip


def run(uri: str, **changes: Any) -> dict[str, Any]:
    """A TrainingRun over one file."""
    return {
        "taskRef": {"name": "fraud"},
        "data": {"sources": [{"name": "a", "uri": uri}]},
        "trainer": {"type": "BuiltIn", "builtIn": {"estimator": "Linear"}},
        "allow": {"testReuse": 100},
        "seed": 7,
        "register": {"model": "fraud", "alias": "candidate"},
        **changes,
    }


def environment(file: Path, log: Path, tracking: str, uid: str = "u-1", **parts: Any) -> dict[str, str]:
    """What the operator gives the Job."""
    request = {
        "name": "run-1",
        "namespace": "team",
        "uid": uid,
        "taskUid": "t-1",
        "task": task(**parts.get("task", {})),
        "spec": run(file.as_uri(), **parts.get("spec", {})),
    }
    return {
        "SLIPWAY_TRAINING": json.dumps(request),
        "MLFLOW_TRACKING_URI": tracking,
        "SLIPWAY_TERMINATION_LOG": str(log),
    }
