"""Wilson's score interval of a share (Wilson 1927)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

ONE_SIDED_95 = 1.6448536269514722
Floats = NDArray[np.float64]


def wilson_lower(share: ArrayLike, of: ArrayLike, z: float = ONE_SIDED_95) -> Floats:
    """Lower limit of a share of `of` units, elementwise; `z` is the normal quantile of the confidence."""
    centre, spread, scale = _parts(share, of, z)
    return np.asarray((centre - spread) / scale)


def wilson_upper(share: ArrayLike, of: ArrayLike, z: float = ONE_SIDED_95) -> Floats:
    """Upper limit of a share of `of` units, elementwise."""
    centre, spread, scale = _parts(share, of, z)
    return np.asarray((centre + spread) / scale)


def _parts(share: ArrayLike, of: ArrayLike, z: float) -> tuple[Floats, Floats, Floats]:
    p, n = np.asarray(share, float), np.asarray(of, float)
    return p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)), 1 + z**2 / n
