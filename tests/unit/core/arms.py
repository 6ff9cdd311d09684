"""Arms of a comparison, drawn or exact, for the tests of gates."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from slipway.api.v1alpha1.gates import Gate
from slipway.core.evidence import Arm, Evidence, Histogram
from slipway.statistics.ratios import Moments

from tests.unit.core.traffic_model import EDGES


def gate(**fields: Any) -> Gate:
    return Gate.model_validate({"name": "g", "op": "<=", **fields})


def moments(y: np.ndarray, n: np.ndarray) -> Moments:
    sums = (y.sum(), n.sum(), (y * y).sum(), (n * n).sum(), (y * n).sum())
    return Moments(float(len(n)), *map(float, sums))


def exact(share: float, requests: int, clusters: int = 128) -> Moments:
    """Every cluster alike, Poisson inside."""
    n = requests / clusters
    y = n * share
    return Moments(
        clusters, y * clusters, requests, clusters * (y * y + y), clusters * (n * n + n), clusters * (y * n + y)
    )


def histogram(median: float, requests: int, edges: tuple[float, ...] = EDGES) -> Histogram:
    """Log-normal latencies (sigma 0.5), in whole expectations."""
    below = [0.5 * math.erfc(-math.log(edge / median) / 0.5 / math.sqrt(2)) for edge in edges]
    return Histogram((*edges, math.inf), (*(requests * share for share in below), float(requests)))


def arm(requests: int = 20_000, errors: float = 0.0, positive: float = 0.4, median: float = 0.01, **other: Any) -> Arm:
    """An arm with everything measured."""
    classes = {"1": exact(positive, requests), "0": exact(1 - positive, requests)}
    fields = {
        "requests": float(requests), "errors": requests * errors, "error_moments": exact(errors, requests),
        "class_moments": classes, "class_counts": {k: m.y for k, m in classes.items()},
        "latency": histogram(median, requests), "scraped": 2.0, **other,
    }  # fmt: skip
    return Arm(**fields)


def evidence(candidate: Arm, stable: Arm | None = None, assigned: bool = True) -> Evidence:
    return Evidence(candidate, stable if stable is not None else arm(), 600.0, assigned)
