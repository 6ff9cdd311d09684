"""Chance that a Brownian score crosses given bounds at given looks, by recursive numerical integration.

Source: Armitage, McPherson, Rowe, "Repeated significance tests on accumulating data" (1969); Jennison, Turnbull,
"Group Sequential Methods" (2000), chapter 19. The score at information t is normal with mean drift·t and variance t,
with independent increments: what an estimate times its information is, whenever the estimate is efficient.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Floats = NDArray[np.float64]
_REACH = 8.5  # standard deviations beyond which nothing is integrated: 1e-17 of the mass
_CACHED_STEP = 32
_LEAST_NODES = 256  # for a next look that brings a hundredth of the information: 64 were 0.8% of alpha too generous


@dataclass(frozen=True)
class Path:
    """Where a score without drift may be that has not crossed yet: nodes, and the probability that each stands for."""

    information: float
    nodes: Floats
    mass: Floats


START = Path(0.0, np.zeros(1), np.ones(1))


@lru_cache(maxsize=64)
def _gauss_legendre(count: int) -> tuple[Floats, Floats]:
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return nodes.astype(np.float64), weights.astype(np.float64)


def advance(path: Path, information: float, low: float, high: float) -> Path:
    """The path at the next look, at `information`, without what lies outside the bounds `low` and `high`.

    Bounds are in standard deviations of the score (a z value). The nodes are as dense as the increment needs, about two
    for each of its standard deviations, and no fewer than a next look soon after needs. Raises ValueError unless
    information grows and low < high.
    """
    grown = information - path.information
    if not grown > 0 or not low < high:
        raise ValueError(f"information must grow and bounds be in order, got {path.information} to {information}")
    deviation, scale = math.sqrt(grown), math.sqrt(information)
    bottom, top = max(low, -_REACH) * scale, min(high, _REACH) * scale
    wanted = max(_LEAST_NODES, 24 + 2 * (top - bottom) / deviation)
    unit, weights = _gauss_legendre(_CACHED_STEP * math.ceil(wanted / _CACHED_STEP))
    nodes = bottom + (top - bottom) * (unit + 1) / 2
    distance = (nodes[:, None] - path.nodes[None, :]) / deviation
    density = np.exp(-0.5 * distance**2) @ path.mass / (deviation * math.sqrt(2 * math.pi))
    return Path(information, nodes, density * weights * (top - bottom) / 2)


def walk(information: Sequence[float], low: Sequence[float], high: Sequence[float], path: Path = START) -> list[Path]:
    """The path after each look that follows on `path`; bounds as for `advance`, one pair for each look."""
    paths = []
    for at, below, above in zip(information, low, high, strict=True):
        path = advance(path, at, below, above)
        paths.append(path)
    return paths


def _tilted(path: Path, drift: float) -> Floats:
    """Mass under a drift: the likelihood ratio of a Brownian path depends on its end alone (Girsanov)."""
    mass: Floats = path.mass * np.exp(drift * path.nodes - drift * drift * path.information / 2)
    return mass


def surviving(path: Path, drift: float = 0.0) -> float:
    """Probability that the score has crossed no bound up to this look."""
    return float(_tilted(path, drift).sum())


def crossing(path: Path, information: float, high: float, drift: float = 0.0) -> float:
    """Probability of no crossing up to `path` and a score above `high` at the next look, at `information`."""
    grown = information - path.information
    short = high * math.sqrt(information) - path.nodes - drift * grown
    return float(_tilted(path, drift) @ ndtr(-short / math.sqrt(grown)))


def bisect(decreasing: Callable[[float], float], target: float, low: float, high: float) -> float:
    """Where a decreasing function takes the value `target`, within [low, high]; the nearer end if it never does."""
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if decreasing(middle) > target else (low, middle)
    return (low + high) / 2
