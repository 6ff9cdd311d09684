"""Edges of the latency histogram."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

_STEPS = 36


def latency_edges(extra: Iterable[float] = ()) -> tuple[float, ...]:
    """36 edges from 1 ms to 10 s in seconds, equal steps of the logarithm (each 30% above the last), and `extra`.

    A gate on a percentile tests the share above its limit, so its limit must be an edge (evidence.md, "Gates").
    """
    spaced = (float(f"{edge:.3g}") for edge in np.geomspace(0.001, 10.0, _STEPS))
    return tuple(sorted({*spaced, *(float(edge) for edge in extra if edge > 0)}))
