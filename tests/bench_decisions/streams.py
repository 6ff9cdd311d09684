"""Simulated traffic of one A/B: sums of a metric by hour and analysis cluster, for many runs at once.

Each stream is one thing that breaks statistics which take requests for independent. An arm is drawn as events y and
trials n of shape (runs, hours, clusters). What both arms share (the hour's shocks) is drawn first and handed to both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Generator = np.random.Generator
HOURS = 14 * 24
CLUSTERS = 256
_HOUR = np.arange(HOURS)


@dataclass(frozen=True)
class Shocks:
    """Multipliers of traffic and of the rate of events in each hour, the same for both arms: shape (runs, hours)."""

    traffic: Floats
    rate: Floats


Arm = tuple[Floats, Floats]


@dataclass(frozen=True)
class Stream:
    """`events`: y counts events among n trials, so a share's least variance applies. `sizes` multiply the traffic of
    the candidate and of stable."""

    name: str
    shocks: Callable[[Generator, int], Shocks]
    draw: Callable[[Generator, Shocks, float], Arm]
    events: bool = True
    sizes: tuple[float, float] = (1.0, 1.0)

    def candidate(self, rng: Generator, shocks: Shocks, lift: float) -> Arm:
        return self.draw(rng, Shocks(shocks.traffic * np.float32(self.sizes[0]), shocks.rate), lift)

    def stable(self, rng: Generator, shocks: Shocks) -> Arm:
        return self.draw(rng, Shocks(shocks.traffic * np.float32(self.sizes[1]), shocks.rate), 0.0)


def calm(rng: Generator, runs: int) -> Shocks:
    ones = np.ones((runs, HOURS), np.float32)
    return Shocks(ones, ones)


def of_the_day(rng: Generator, runs: int) -> Shocks:
    """Twelve times the traffic at noon as at night, where the rate is twice that of noon; and a trend of both."""
    phase = np.cos(2 * np.pi * (_HOUR % 24 - 12) / 24)
    traffic, rate = np.exp(1.25 * phase + 0.3 * _HOUR / HOURS), np.exp(-0.35 * phase - 0.3 * _HOUR / HOURS)
    traffic, rate = traffic / traffic.mean(), rate / rate.mean()
    return Shocks(*(np.broadcast_to(part.astype(np.float32), (runs, HOURS)) for part in (traffic, rate)))


def _autoregressive(rng: Generator, shape: tuple[int, ...], correlation: float, deviation: float) -> Floats:
    """A stationary AR(1) along axis 1 (hours)."""
    noise = rng.standard_normal(shape, np.float32) * np.float32(deviation)
    own = np.float32(np.sqrt(1 - correlation**2))
    for hour in range(1, shape[1]):
        noise[:, hour] = np.float32(correlation) * noise[:, hour - 1] + own * noise[:, hour]
    return noise


def of_campaigns(rng: Generator, runs: int) -> Shocks:
    """Shocks that take some twenty hours to fade, of traffic and rate."""
    traffic = np.exp(_autoregressive(rng, (runs, HOURS), 0.95, 0.4))
    return Shocks(traffic, np.exp(_autoregressive(rng, (runs, HOURS), 0.95, 0.3)))


def _summed(cells: NDArray[np.int64], weights: NDArray[np.float64] | None, runs: int) -> Floats:
    """Sums of the weights (ones) by cell, a cell being (run · HOURS + hour) · CLUSTERS + cluster."""
    sums = np.bincount(cells, weights, minlength=runs * HOURS * CLUSTERS)
    return sums.astype(np.float32).reshape(runs, HOURS, CLUSTERS)


def _arrivals(rng: Generator, shocks: Shocks, an_hour: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Run and hour (as one number) of each arrival, and its cell in a random cluster."""
    per_hour = rng.poisson(shocks.traffic.ravel() * an_hour)
    moment = np.repeat(np.arange(per_hour.size), per_hour)
    return moment, moment * CLUSTERS + rng.integers(CLUSTERS, size=moment.size, dtype=np.uint16)


def single_requests(rng: Generator, shocks: Shocks, lift: float) -> Arm:
    """80 new entities an hour, one request each, one in ten an event."""
    runs = len(shocks.traffic)
    moment, cell = _arrivals(rng, shocks, 80)
    event = rng.random(cell.size, np.float32) < 0.1 * (1 + lift) * shocks.rate.ravel()[moment]
    return _summed(cell[event], None, runs), _summed(cell, None, runs)


def revenue(rng: Generator, shocks: Shocks, lift: float) -> Arm:
    """160 entities an hour of which one in twenty buys, for a log-normal amount (sigma 1.2, skewness 11)."""
    runs = len(shocks.traffic)
    _, cell = _arrivals(rng, shocks, 160)
    bought = cell[rng.random(cell.size, np.float32) < 0.05]
    amounts = rng.lognormal(0.0, 1.2, bought.size) * (1 + lift)
    return _summed(bought, amounts, runs), _summed(cell, None, runs)


def bursts(rng: Generator, shocks: Shocks, lift: float) -> Arm:
    """25 entities an hour with 4 requests each on average (geometric), at a rate of their own (Beta 0.8, 3.2)."""
    runs = len(shocks.traffic)
    _, cell = _arrivals(rng, shocks, 25)
    requests = rng.geometric(0.25, cell.size)
    events = rng.binomial(requests, np.minimum(rng.beta(0.8, 3.2, cell.size) * (1 + lift), 1.0))
    return _summed(cell, events, runs), _summed(cell, requests, runs)


def moody_clusters(rng: Generator, shocks: Shocks, lift: float) -> Arm:
    """80 requests an hour; beside the common shocks each cluster has slow ones of its own."""
    runs = len(shocks.traffic)
    own = np.exp(_autoregressive(rng, (runs, HOURS, CLUSTERS), 0.95, 0.5)).ravel()
    moment, cell = _arrivals(rng, shocks, 80)
    rate = np.minimum(0.1 * (1 + lift) * shocks.rate.ravel()[moment] * own[cell], 0.9)
    event = rng.random(cell.size, np.float32) < rate
    return _summed(cell[event], None, runs), _summed(cell, None, runs)


def heavy_users(rng: Generator, shocks: Shocks, lift: float) -> Arm:
    """Users who stay: 1,000 at the start and 8 more an hour, activity log-normal (sigma 1.5: the busiest hundredth
    makes a fifth of the requests), each with a rate of its own (Beta 1, 9), following the hours of the day."""
    runs = len(shocks.traffic)
    traffic = np.concatenate([[0.0], np.cumsum(shocks.traffic[0], dtype=np.float64)])
    users = 1000 + rng.poisson(8 * HOURS, runs)
    run = np.repeat(np.arange(runs), users)
    old = np.arange(run.size) - (np.cumsum(users) - users)[run] < 1000
    since = traffic[np.where(old, 0, rng.integers(HOURS, size=run.size))]
    requests = rng.poisson(rng.lognormal(-1.125, 1.5, run.size) * 0.05 * (traffic[-1] - since))
    user = np.repeat(np.arange(run.size), requests)
    clock = since[user] + rng.random(user.size) * (traffic[-1] - since[user])
    hour = np.minimum(np.searchsorted(traffic, clock, side="right") - 1, HOURS - 1)
    cell = (run[user] * HOURS + hour) * CLUSTERS + rng.integers(CLUSTERS, size=run.size)[user]
    rate = np.minimum(rng.beta(1, 9, run.size) * (1 + lift), 1.0)
    event = rng.random(user.size) < rate[user]
    return _summed(cell[event], None, runs), _summed(cell, None, runs)


STREAMS = (
    Stream("binary", calm, single_requests),
    Stream("skewed revenue", calm, revenue, events=False),
    Stream("clustered", calm, bursts),
    Stream("autocorrelated", of_campaigns, moody_clusters),
    Stream("drifting within the day", of_the_day, single_requests),
    Stream("sticky heavy users", of_the_day, heavy_users),
    Stream("binary, a tenth", calm, single_requests, sizes=(0.4, 3.6)),
    Stream("skewed revenue, a tenth", calm, revenue, events=False, sizes=(0.4, 3.6)),
)
