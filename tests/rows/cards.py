"""Made payments with known faults, as files, and the manifests that read them; no figure comes from Slipway."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

Object = dict[str, Any]
FIRST = pd.Timestamp("2026-01-01", tz="UTC")
ROWS = 1800


def history() -> pd.DataFrame:
    """Ninety days of payments in order. Fraud follows the amount; `refund` is known only after it was found."""
    rng = np.random.default_rng(11)
    amount = rng.gamma(2, 50, ROWS).round(4)
    fraud = rng.random(ROWS) < 1 / (1 + np.exp(-(amount - 150) / 30))
    holes = {name: rng.random(ROWS) < share for name, share in (("age", 0.03), ("device", 0.2), ("loyalty", 0.6))}
    numbers = {name: np.where(hole, np.nan, rng.normal(40, 9, ROWS).round(4)) for name, hole in holes.items()}
    return pd.DataFrame(
        {
            "payment": [f"p{number:05d}" for number in range(ROWS)],
            "card": [f"c{number:03d}" for number in rng.integers(0, 200, ROWS)],
            "paid_at": FIRST + pd.to_timedelta(np.arange(ROWS) * 72, unit="min"),
            "amount": amount,
            **numbers,
            "refund": np.where(fraud, amount, 0.0) + rng.normal(0, 0.01, ROWS).round(4),
            "fraud": fraud.astype(int),
        }
    )


def with_copies() -> pd.DataFrame:
    """The history with 50 payments reported twice, and 40 early ones copied with other ids into the last days."""
    frame, rng = history(), np.random.default_rng(12)
    edited = frame.head(40).assign(
        payment=[f"e{number}" for number in range(40)],
        paid_at=frame["paid_at"].iloc[-300:-260].to_numpy(),
        amount=lambda one: one["amount"] + rng.normal(0, 0.001, 40).round(4),
    )
    return pd.concat([frame, frame.iloc[100:150], edited], ignore_index=True)


def synthetic() -> pd.DataFrame:
    """Payments that somebody made up, half of them dated into the last days."""
    frame = history().iloc[[*range(60), *range(ROWS - 60, ROWS)]]
    rng = np.random.default_rng(13)
    return frame.assign(
        payment=[f"s{number}" for number in range(120)], card="made", amount=(frame["amount"] + rng.normal(0, 20, 120))
    )


def annotated() -> pd.DataFrame:
    """Rare fraud, as two people see it who each err in one of ten; the file says which part a row is in."""
    rng = np.random.default_rng(14)
    frame = history().drop(columns=["refund", "age", "device", "loyalty"])
    truth = rng.random(ROWS) < np.where(frame["amount"] > 160, 0.4, 0.02)
    people = {name: np.where(rng.random(ROWS) < 0.1, ~truth, truth).astype(int) for name in ("ann", "bob")}
    part = rng.choice(["train", "validation", "test"], ROWS, p=[0.6, 0.2, 0.2])
    return frame.assign(
        **people, fraud=people["ann"], part=part, items=rng.integers(1, 6, ROWS),
        shop=[f"shop{number}" for number in rng.integers(0, 70, ROWS)], land=rng.choice(["IT", "FR", "US"], ROWS),
    )  # fmt: skip


def files() -> dict[str, str]:
    """What is published."""
    held_out = annotated()
    return {
        "history.csv": with_copies().to_csv(index=False),
        "synthetic.csv": synthetic().assign(part="train").to_csv(index=False),
        "annotated.csv": held_out.to_csv(index=False),
        "made.csv": held_out.head(300).assign(payment=lambda one: "m" + one["payment"]).to_csv(index=False),
        "early.csv": held_out[held_out["part"] == "train"].to_csv(index=False),
    }


NUMERIC = ("amount", "age", "device", "loyalty", "refund")


def task(name: str, namespace: str, **changes: Any) -> Object:
    """The contract over the history; a change to None leaves a field out."""
    spec: Object = {
        "goal": "Lose less to fraud", "justification": "Changing", "type": "BinaryClassification",
        "id": "payment", "entity": "card", "timestamp": "paid_at",
        "label": {"column": "fraud", "positive": "1", "maturity": {"p95": "3d", "completeness": "80%"}},
        "serving": {"mode": "Inline", "latency": {"p99": "1s"}},
        "features": [{"name": one, "type": "Numeric"} for one in NUMERIC],
        "metrics": {"primary": "average_precision"},
        "criteria": [{"name": "ranks", "expression": "average_precision >= 0.3"}],
    }  # fmt: skip
    meta = {"name": name, "namespace": namespace}
    changed = {field: value for field, value in (spec | changes).items() if value is not None}
    return {"apiVersion": "slipway.dev/v1alpha1", "kind": "ModelTask", "metadata": meta, "spec": changed}


ANNOTATED: Mapping[str, Any] = {
    "label": {"column": "fraud", "positive": "1", "annotators": ["ann", "bob"]},
    "features": [
        {"name": "amount", "type": "Numeric"},
        {"name": "number", "column": "items", "type": "Numeric"},
        {"name": "shop", "type": "Categorical"},
        {"name": "land", "type": "Categorical"},
        {"name": "each", "expression": "amount / number"},
        {"name": "week", "window": {"aggregate": "Sum", "column": "amount", "over": "7d"}, "servedFrom": "Request"},
    ],
    "metrics": {"primary": "accuracy"},
    "criteria": [{"name": "right", "expression": "accuracy >= 0.5"}],
}


def run(name: str, namespace: str, task: str, data: Object) -> Object:
    """A TrainingRun; `data` is its spec.data, with files in the place of URIs."""
    sources = [{**source, "uri": f"http://made-data.{namespace}.svc/{source['uri']}"} for source in data.pop("sources")]
    spec = {
        "taskRef": {"name": task},
        "data": {"sources": sources, **data},
        "trainer": {"type": "BuiltIn", "builtIn": {"estimator": "Linear"}},
        "seed": 7,
    }
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": "slipway.dev/v1alpha1", "kind": "TrainingRun", "metadata": meta, "spec": spec}
