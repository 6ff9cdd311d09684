"""Why a run ends without a result."""

from __future__ import annotations

EXIT_FINAL, EXIT_TRANSIENT = 1, 75


class ScoringFault(Exception):
    """`reason` is one CamelCase word; a `transient` fault is worth another pod."""

    def __init__(self, reason: str, message: str, transient: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.transient = transient

    @property
    def exit_code(self) -> int:
        """What the Job's failure policy looks at."""
        return EXIT_TRANSIENT if self.transient else EXIT_FINAL
