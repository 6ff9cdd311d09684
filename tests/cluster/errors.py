"""What can stop the cluster, each with what a person can do about it."""

from __future__ import annotations


class ClusterError(Exception):
    """The message says what happened; `remedy` says what to do, and is shown on a line of its own."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(f"{message}\n  remedy: {remedy}")
        self.message = message
        self.remedy = remedy
