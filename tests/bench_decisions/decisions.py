"""What the whole design decides on a stream: promotions, rollbacks and stopping times under hourly peeking."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from slipway.statistics.estimates import Estimate, arms, relative
from slipway.statistics.first_passage import closing_bound
from slipway.statistics.group_sequential import boundaries, obrien_fleming
from slipway.statistics.hypotheses import Hypothesis, Verdict, judge
from slipway.statistics.ratios import Moments
from slipway.statistics.sequential import Design, interval, radius

from tests.bench_decisions.streams import HOURS, Arm, Stream

SIZE = 1.8
"""The horizon in units of a fixed test: the most that the design may take."""

BATCH = 10
EFFECTS = (-1.0, 0.0, 1.0)
"""In units of the effect to be found."""


def looks(arm: Arm) -> Moments:
    """Sums over clusters at the end of each hour, of all that was seen until then: arrays of shape (runs, hours)."""
    y, n = (np.cumsum(part, axis=1, dtype=np.float32) for part in arm)
    pairs = ((y, y), (n, n), (y, n))
    products = (np.einsum("rhc,rhc->rh", left, right) for left, right in pairs)
    return Moments(np.count_nonzero(n, axis=2), y.sum(axis=2), n.sum(axis=2), *products)  # type: ignore[arg-type]


def measured(stream: Stream, candidate: Arm, stable: Moments) -> Estimate:
    """The relative effect at each hour; stable's sums are shared by several candidates."""
    return relative(*arms(looks(candidate), stable, stream.events))


@dataclass(frozen=True)
class Pilot:
    """Standard error of the relative effect at each hour, the mean of what `runs` say of themselves."""

    error: NDArray[np.float64]

    def detectable(self, design: Design) -> float:
        """The effect that a fixed test of 1/SIZE of the information at the end finds with the design's power."""
        return float(design.drift * np.sqrt(SIZE) * self.error[-1])

    def fixed_look(self) -> int:
        """The hour at which that fixed test is made."""
        return int(np.argmax(self.error <= np.sqrt(SIZE) * self.error[-1]))


def pilot(stream: Stream, runs: int, rng: np.random.Generator) -> tuple[Pilot, Design]:
    """The effect to be found follows from the traffic; its own variance is taken in, as in any sample size."""
    prior, design = _pilot(stream, runs, 0.0, rng), Design(1.0)
    prior = _pilot(stream, runs, prior.detectable(design), rng)
    return prior, Design(prior.detectable(design))


def _pilot(stream: Stream, runs: int, lift: float, rng: np.random.Generator) -> Pilot:
    shocks = stream.shocks(rng, runs)
    found = measured(stream, stream.candidate(rng, shocks, lift), looks(stream.stable(rng, shocks)))
    information = found.information.mean(axis=0)
    return Pilot(np.sqrt(1 / np.where(information > 0, information, np.nan)))


Multiples = Callable[[Estimate], NDArray[np.float64]]
"""Of the standard error, for each run and hour; infinite where a method does not look."""


def sequence(design: Design) -> Multiples:
    """The confidence sequence at every hour."""
    return lambda estimate: radius(estimate.information / design.information, design)


def closed(design: Design) -> Multiples:
    """The same with a closing interval at the end, interpolated between lengths of the horizon."""
    lengths = np.geomspace(0.05, 8, 16)
    closings = [closing_bound(float(length), design) for length in lengths]

    def multiples(estimate: Estimate) -> NDArray[np.float64]:
        fractions = estimate.information / design.information
        found = radius(fractions, design)
        found[:, -1] = np.minimum(found[:, -1], np.interp(fractions[:, -1], lengths, closings))
        return found

    return multiples


def grouped(design: Design) -> Multiples:
    """O'Brien-Fleming-like spending at the end of each day, planned by time."""
    days = np.arange(1, HOURS // 24 + 1)
    planned = np.full(HOURS, np.inf)
    planned[days * 24 - 1] = boundaries(list(days / days[-1]), design.tail, obrien_fleming)
    return lambda estimate: np.broadcast_to(planned, estimate.value.shape)


METHODS = {"sequence": sequence, "closed": closed, "grouped": grouped}


@dataclass(frozen=True)
class Outcome:
    """Of each run: the verdict, and the hour at which it fell."""

    verdicts: NDArray[np.str_]
    hours: NDArray[np.int64]

    def share(self, verdict: Verdict) -> float:
        return float((self.verdicts == verdict.value).mean())


def decided(estimate: Estimate, multiples: NDArray[np.float64]) -> Outcome:
    """Verdicts of superiority, judged at the first hour at which the interval excludes its limit, or at the end."""
    hypothesis = Hypothesis()
    low, high = interval(estimate, multiples)
    clear = (low > hypothesis.limit) | (high < hypothesis.limit)
    hours = np.where(clear.any(axis=1), clear.argmax(axis=1), HOURS - 1)
    runs = np.arange(len(hours))
    ends = zip(low[runs, hours], high[runs, hours], strict=True)
    return Outcome(np.array([judge(*pair, hypothesis, ended=True).value for pair in ends]), hours + 1)


def fixed(estimate: Estimate, look: int) -> Outcome:
    """One look by a two-sided test at 5%, at its own size."""
    multiples = np.full(estimate.value.shape, np.inf)
    multiples[:, look] = 1.96
    return decided(estimate, multiples)


Outcomes = dict[tuple[str, float], Outcome]
"""By method (those of METHODS, and "fixed") and by effect in units of the effect to be found."""


def simulate(stream: Stream, runs: int, seed: Sequence[int]) -> tuple[Design, Pilot, Outcomes]:
    """Runs of different effects share stable's arm; within an effect they are independent."""
    rng = np.random.default_rng(seed)
    prior, design = pilot(stream, 100, rng)
    methods = {name: method(design) for name, method in METHODS.items()}
    parts: dict[tuple[str, float], list[Outcome]] = {}
    for start in range(0, runs, BATCH):
        shocks = stream.shocks(rng, min(BATCH, runs - start))
        stable = looks(stream.stable(rng, shocks))
        for effect in EFFECTS:
            found = measured(stream, stream.candidate(rng, shocks, effect * design.effect), stable)
            for name, multiples in methods.items():
                parts.setdefault((name, effect), []).append(decided(found, multiples(found)))
            parts.setdefault(("fixed", effect), []).append(fixed(found, prior.fixed_look()))
    return design, prior, {key: _joined(part) for key, part in parts.items()}


def _joined(parts: list[Outcome]) -> Outcome:
    return Outcome(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("verdicts", "hours")))
