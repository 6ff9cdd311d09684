"""Time, as a value that tests replace."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """The two times a runtime needs."""

    def now(self) -> datetime:
        """Wall clock, UTC; read once per reconcile."""

    def monotonic(self) -> float:
        """Seconds that never go back, for delays and deadlines."""


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        """UTC, whole seconds: what conditions and statuses carry, so that a status read back compares equal."""
        return datetime.now(UTC).replace(microsecond=0)

    def monotonic(self) -> float:
        """Includes the time during which the machine slept: a lease does not wait for a suspended laptop."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)
