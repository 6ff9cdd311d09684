"""The same server without measuring and without a log: what the two are compared with."""

from __future__ import annotations

from typing import Any

from slipway_serving.service import application
from slipway_serving.service.assignment import DIRECT, Origin


class Nothing:
    """Stands where requests are counted."""

    def __init__(self, *settings: Any) -> None:
        pass

    def add(self, *request: Any) -> None:
        """Counts nothing."""

    def render(self, log: Any = None) -> str:
        """Shows nothing."""
        return ""


application.Measurements = Nothing  # type: ignore[assignment,misc]
application.read_origin = lambda *request: Origin(DIRECT)  # type: ignore[assignment]

if __name__ == "__main__":
    from slipway_serving.service.__main__ import main

    main()
