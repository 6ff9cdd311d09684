"""Whether a prediction is so quick that handing it to a thread would cost more than the prediction."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

# Handing over and back takes 0.1 ms of CPU. A prediction of three times that may hold up a probe as long as parsing a
# request does.
_QUICK_SECONDS = 0.0003
_MOST_ROWS = 16
_TRIES = 5
# One that then takes this long is a model that can be slow: threads for the next thousand requests, and twice as many
# after each further one.
_SLOW_SECONDS = 0.01
_PENALTY = 1000


class Pace:
    """Knows one model's pace: from its first predictions, and from those that were not handed over.

    `seconds` is what a prediction for one row took while nothing else ran.
    """

    def __init__(self, seconds: float) -> None:
        self._quick = seconds <= _QUICK_SECONDS
        self._handed_over = 0
        self._penalty = _PENALTY

    def at_once(self, rows: int) -> bool:
        """Whether to predict for so many rows in the event loop."""
        if not self._quick or rows > _MOST_ROWS:
            return False
        if self._handed_over:
            self._handed_over -= 1
            return False
        return True

    def took(self, seconds: float) -> None:
        """Says how long a prediction in the event loop took."""
        if seconds > _SLOW_SECONDS:
            self._handed_over = self._penalty
            self._penalty *= 2


def pace_of(predict: Callable[[], object]) -> Pace:
    """That of a model which `predict` asks for one row; one that fails, if only now and then, gets threads."""
    try:
        return Pace(shortest(predict))
    except Exception:  # of foreign code
        return Pace(math.inf)


def shortest(predict: Callable[[], object]) -> float:
    """Seconds of the shortest of a few predictions; of one, where that is slow. Raises what `predict` raises."""
    least = math.inf
    for _ in range(_TRIES):
        start = time.perf_counter()
        predict()
        least = min(least, time.perf_counter() - start)
        if least > _SLOW_SECONDS:
            break
    return least
