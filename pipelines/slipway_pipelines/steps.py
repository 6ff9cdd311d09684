"""The steps of a run, each with its seconds: 60-80% of the work is data work, and this shows where it goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Steps:
    """Collects seconds by step. `current` names the step that runs or failed last."""

    clock: Callable[[], float] = time.monotonic
    seconds: dict[str, float] = field(default_factory=dict)
    current: str = "start"

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Times a block; the name stays current when it raises."""
        self.current = name
        started = self.clock()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + self.clock() - started
            print(f"{name}: {self.seconds[name]:.2f} s", flush=True)
