"""What can stop the cluster, each with what a person can do about it."""

from __future__ import annotations

import sys
from collections.abc import Callable


class ClusterError(Exception):
    """The message says what happened; `remedy` says what to do, and is shown on a line of its own."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(f"{message}\n  remedy: {remedy}")
        self.message = message
        self.remedy = remedy


def exit_code(work: Callable[[], object]) -> int:
    """That of a command: what `work` returns where it is a number, else 0; 1 with the error and its remedy on standard
    error, 130 for an interruption."""
    try:
        done = work()
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; run the same command again to go on", file=sys.stderr)
        return 130
    return done if isinstance(done, int) else 0
