"""What peeking does to a test not made for it, what the sequence pays instead, and false alarms of the split."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from slipway.statistics.horizon import horizon
from slipway.statistics.sample_ratio import ALARM, sequential_p_value
from slipway.statistics.sequential import Design, radius
from slipway.statistics.split import mismatch_p_value

_DESIGN = Design(1.0)


def _scores(rng: np.random.Generator, runs: int, looks: int, length: float, drift: float) -> NDArray[np.float64]:
    """z values of Brownian paths at equally spaced looks up to `length` fixed sizes."""
    times = length * np.arange(1, looks + 1) / looks
    steps = rng.standard_normal((runs, looks)) * np.sqrt(length / looks)
    return (steps.cumsum(axis=1) + drift * times) / np.sqrt(times)


def naive(rng: np.random.Generator, runs: int, looks: int) -> float:
    """False positives of a z-test at 5%, asked at every look."""
    return float((np.abs(_scores(rng, runs, looks, 1.0, 0.0)) > 1.96).any(axis=1).mean())


def sequence(rng: np.random.Generator, runs: int, looks: int) -> tuple[float, float]:
    """Power and mean size of the confidence sequence at the horizon that was integrated."""
    length = horizon(_DESIGN, looks).inflation
    bound = radius(length * np.arange(1, looks + 1) / looks, _DESIGN)
    crossed = _scores(rng, runs, looks, length, _DESIGN.drift) > bound
    stop = np.where(crossed.any(axis=1), crossed.argmax(axis=1) + 1, looks)
    return float(crossed.any(axis=1).mean()), float(stop.mean()) * length / looks


def split_alarms(rng: np.random.Generator, runs: int) -> tuple[float, float, float]:
    """False alarms at 0.1% over 14 daily looks at 3,000 users who return: the sequential test on first exposures, the
    fixed one on first exposures, and the fixed one on requests."""
    alarms = np.zeros((runs, 3), bool)
    for run in range(runs):
        arm, first = rng.integers(2, size=3000), np.sort(rng.integers(14, size=3000))
        daily = rng.lognormal(0, 1, 3000)
        p, last = 1.0, np.zeros(3)
        for day in range(14):
            there = first <= day
            exposures = np.bincount(arm[there], minlength=2)
            requests = np.bincount(arm[there], rng.poisson(daily[there] * (day - first[there] + 1)), minlength=2)
            p = sequential_p_value(exposures, (0.5, 0.5), p)
            last = np.array([p, mismatch_p_value(exposures, (0.5, 0.5)), mismatch_p_value(requests, (0.5, 0.5))])
            alarms[run] |= last < ALARM
    first_exposures, fixed, requests_share = alarms.mean(axis=0)
    return float(first_exposures), float(fixed), float(requests_share)


def peeking_table(rng: np.random.Generator, runs: int) -> str:
    """As markdown."""
    lines = ["| what | hourly | daily |", "|---|---|---|"]
    looks = (14 * 24, 14)
    lines.append(
        "| naive z-test at 5%, 14 days, no effect | " + " | ".join(f"{naive(rng, runs, k):.1%}" for k in looks) + " |"
    )
    integrated = [horizon(_DESIGN, k) for k in looks]
    lines.append(
        "| sequence: horizon for 80% power, integrated | " + " | ".join(f"{h.inflation:.3f}" for h in integrated) + " |"
    )
    lines.append("| its mean stop, integrated | " + " | ".join(f"{h.mean_stop:.2f}" for h in integrated) + " |")
    simulated = [sequence(rng, runs, k) for k in looks]
    lines.append(
        "| its power and mean stop, simulated | " + " | ".join(f"{p:.1%}, {s:.2f}" for p, s in simulated) + " |"
    )
    closing = [horizon(_DESIGN, k, closing=True) for k in looks]
    lines.append(
        "| with a closing interval: horizon, integrated | " + " | ".join(f"{h.inflation:.3f}" for h in closing) + " |"
    )
    lines.append("| its mean stop, integrated | " + " | ".join(f"{h.mean_stop:.2f}" for h in closing) + " |")
    exposures, fixed, requests = split_alarms(rng, min(runs, 1000))
    lines += ["", "| sample ratio, false alarms at 0.1%, daily looks for 14 days | share of runs |", "|---|---|"]
    lines.append(f"| sequential test on first exposures | {exposures:.2%} |")
    lines.append(f"| chi-square on first exposures | {fixed:.2%} |")
    lines.append(f"| chi-square on requests | {requests:.1%} |")
    return "\n".join(lines)
