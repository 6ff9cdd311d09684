"""Requests as the prediction log gets them, for a model of a few features."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from slipway_serving.service.answers import Answer
from slipway_serving.service.assignment import LIVE, Origin
from slipway_serving.service.predictionlog.queue import Entry
from slipway_serving.service.schema import Column, Schema
from slipway_serving.service.settings import Settings

POD = Settings(rollout="shop/fraud", revision="r1", version="7")
KEY = "0123456789abcdef"
NOON = int(datetime(2026, 5, 1, 12, tzinfo=UTC).timestamp()) * 10**9
SCHEMA = Schema((Column("amount", "double"), Column("country", "string")), tolerated=frozenset({"card"}))


def entry(request: str | None = "request-1", amount: float = 0.5, country: str | None = "it", **changed: Any) -> Entry:
    """One answered request of one instance."""
    answer = Answer([1], np.array([1]), np.array([0.75]), 0.5)
    made = Entry(
        time.time_ns(), request, "p" * 32, Origin(LIVE, 3), "e" * 64, 200, 0.002,
        [[amount], [country]], [["4711"]], answer, 1, 40,
    )  # fmt: skip
    return made._replace(**changed)


def secret(tmp_path: Path, **keys: str) -> Path:
    """The directory, with these keys of a Secret as files in it."""
    for key, value in keys.items():
        (tmp_path / key.replace("_", "-")).write_text(value)
    return tmp_path
