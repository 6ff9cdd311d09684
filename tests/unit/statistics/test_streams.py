"""The simulated streams of `make bench-decisions` are what they say, and its decisions are made on them."""

from __future__ import annotations

import numpy as np
import pytest
from slipway.statistics.hypotheses import Verdict

from tests.bench_decisions.decisions import decided, looks, measured, pilot, sequence
from tests.bench_decisions.streams import CLUSTERS, HOURS, STREAMS, Stream

RUNS = 10


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_a_stream_has_its_shape_its_lift_and_its_seed(stream: Stream) -> None:
    def mean(lift: float) -> float:
        rng = np.random.default_rng(3)
        y, n = stream.candidate(rng, stream.shocks(rng, RUNS), lift)
        assert y.shape == n.shape == (RUNS, HOURS, CLUSTERS)
        assert y.min() >= 0
        assert (y[n == 0] == 0).all()
        assert not stream.events or (y <= n).all()
        return float(y.sum() / n.sum())

    assert mean(0.2) / mean(0.0) == pytest.approx(1.2, abs=0.05)
    assert mean(0.0) == mean(0.0)


def test_a_large_effect_is_promoted_and_a_large_loss_rolled_back() -> None:
    stream, rng = STREAMS[0], np.random.default_rng(4)
    prior, design = pilot(stream, RUNS, rng)
    assert 0 < prior.fixed_look() < HOURS - 1
    shocks = stream.shocks(rng, RUNS)
    stable = looks(stream.stable(rng, shocks))
    for effect, verdict in ((3 * design.effect, Verdict.PASS), (-3 * design.effect, Verdict.BREACH)):
        found = measured(stream, stream.candidate(rng, shocks, effect), stable)
        outcome = decided(found, sequence(design)(found))
        assert outcome.share(verdict) == 1
        assert outcome.hours.max() < HOURS
