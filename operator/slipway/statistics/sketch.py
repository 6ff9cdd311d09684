"""How many distinct entities a HyperLogLog sketch has seen, and how sure that is.

Flajolet, Fusy, Gandouet, Meunier, "HyperLogLog" (2007) with m = 1024 registers. Two summaries suffice, so that the
1024 registers never travel: the number of registers that are not zero and the sum of 2^-rank over those.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

REGISTERS = 1024
_HARMONIC_ERROR = 1.04 / math.sqrt(REGISTERS)
_LINEAR_UP_TO = 2.5 * REGISTERS
_POWERS = 2.0 ** -np.arange(0, 54)


@dataclass(frozen=True)
class Distinct:
    """An estimated count of distinct entities; `relative_error` is one standard error as a share of the count."""

    count: float
    relative_error: float


def _expected_harmonic(load: float) -> float:
    """Expected 2^-rank of one register that received a Poisson number of entities with mean `load`."""
    at_most = np.exp(-load * _POWERS)  # P(rank <= k), k = 0, 1, …
    return float(at_most[0] + np.sum(_POWERS[1:] * np.diff(at_most)))


def _harmonic(mean: float) -> float:
    """Inverts `_expected_harmonic`: this moment estimator needs no table against the raw estimator's known bias."""
    low, high = 0.0, 1.0
    while _expected_harmonic(high) > mean:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _expected_harmonic(middle) > mean else (low, middle)
    return REGISTERS * (low + high) / 2


def distinct(occupied: float, inverse_powers: float) -> Distinct:
    """Estimate from `occupied` non-zero registers and the sum of 2^-rank over them (never above `occupied`/2).

    Linear counting (Whang et al. 1990) while it is the sharper one, its standard error included.
    Raises ValueError when the summaries cannot come from one sketch.
    """
    if not 0 <= occupied <= REGISTERS or not 0 <= inverse_powers <= occupied / 2 + 1e-9:
        raise ValueError(f"not a sketch of {REGISTERS} registers: {occupied} occupied, sum {inverse_powers}")
    if occupied == 0:
        return Distinct(0.0, 0.0)
    if inverse_powers <= 0:
        raise ValueError("occupied registers need a positive sum of 2^-rank")
    if occupied < REGISTERS:
        count = REGISTERS * math.log(REGISTERS / (REGISTERS - occupied))
        if count <= _LINEAR_UP_TO:
            load = count / REGISTERS
            return Distinct(count, math.sqrt(REGISTERS * (math.expm1(load) - load)) / count)
    mean = (REGISTERS - occupied + inverse_powers) / REGISTERS
    return Distinct(_harmonic(mean), _HARMONIC_ERROR)
