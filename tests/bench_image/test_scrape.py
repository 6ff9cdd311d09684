"""A scrape of 50 features of 20 buckets, all of them filled, with the evidence of an epoch in all 256 clusters."""

from __future__ import annotations

import gzip
import time

import numpy as np
from slipway_serving.service.answers import Answer
from slipway_serving.service.assignment import Origin
from slipway_serving.service.countable import Countable
from slipway_serving.service.measure import Measurements
from slipway_serving.service.profile import ReferenceFeature
from slipway_serving.service.settings import Settings

FEATURES, BUCKETS, CLUSTERS, SCRAPES = 50, 20, 256, 50
MOST_SECONDS, MOST_BYTES = 0.015, 100_000


def filled() -> Measurements:
    """Counts of a pod that has served for a while."""
    edges = tuple(float(edge) for edge in range(1, BUCKETS))
    draw = np.random.default_rng(1)
    features = tuple(
        ReferenceFeature(f"feature_{index}", True, edges, (), tuple(draw.integers(400, 600, BUCKETS).tolist()))
        for index in range(FEATURES)
    )
    settings = Settings(rollout="shop/fraud", revision="6c5f7d9b8c", version="7")
    measurements = Measurements(settings, Countable(("0", "1"), features))
    for number in range(10 * CLUSTERS):
        origin = Origin("live", 1, number % CLUSTERS, number % CLUSTERS, 1 + number % 7)
        label = number // CLUSTERS % 2
        answer = Answer([str(label)], np.array([label], np.intp), np.array([0.25 + label / 2]), 0.5)
        measurements.add(origin, 200, 0.004, answer, draw.uniform(0, BUCKETS, (FEATURES, 1)).tolist())
    return measurements


def test_a_scrape_of_50_features() -> None:
    measurements = filled()
    start = time.process_time()
    for _ in range(SCRAPES):
        page = measurements.render().encode()
        packed = gzip.compress(page, 1, mtime=0)
    seconds = (time.process_time() - start) / SCRAPES
    lines = page.decode().splitlines()
    features = sum(len(line) + 1 for line in lines if "slipway_feature_" in line)
    print(
        f"\nscrape: {len(lines)} lines, {len(page) / 1000:.0f} kB of text ({features / 1000:.0f} kB of features), "
        f"{len(packed) / 1000:.1f} kB as sent, {1000 * seconds:.1f} ms of CPU to write and to pack"
    )
    assert seconds <= MOST_SECONDS
    assert len(packed) <= MOST_BYTES
