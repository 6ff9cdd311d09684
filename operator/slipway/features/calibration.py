"""From a model's score to a probability, by a map that training fitted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from slipway.features.decision import Calibration

_CLIP = 1e-12  # a log-odds of ±27.6: scores of exactly 0 and 1 have none


def calibrated(calibration: Calibration, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities for scores in [0, 1]; same shape.

    Isotonic interpolates between the knots, and is flat outside of them (Zadrozny and Elkan 2002). Sigmoid is
    1 / (1 + exp(-(a · log-odds + b))): Platt's (1999) two parameters over the log-odds of the score, so that a = 1,
    b = 0 changes nothing.
    """
    if calibration.method == "Isotonic":
        return np.interp(scores, calibration.scores, calibration.probabilities)
    return np.asarray(1 / (1 + np.exp(-(calibration.slope * log_odds(scores) + calibration.intercept))))


def log_odds(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """log(p / (1 - p)), finite for 0 and 1."""
    clipped = np.clip(scores, _CLIP, 1 - _CLIP)
    return np.asarray(np.log(clipped / (1 - clipped)))
