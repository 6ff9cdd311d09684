"""Two kinds of failure, because a Job must tell them apart: bad input ends the run, a machine fault is tried again."""

from __future__ import annotations

EXIT_OK = 0
EXIT_DATA = 1
EXIT_TRANSIENT = 75  # EX_TEMPFAIL of sysexits.h: the Job's podFailurePolicy counts it, and fails at once on 1


class Fault(Exception):
    """A step that cannot go on. `reason` is CamelCase, `message` names what was found and what mends it."""

    retryable = False

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message

    @property
    def exit_code(self) -> int:
        """The exit code of the process that meets this fault."""
        return EXIT_TRANSIENT if self.retryable else EXIT_DATA


class DataFault(Fault):
    """The data or the manifest is wrong: trying again gives the same answer."""


class LostFault(DataFault):
    """What the run needs to go on is gone: nothing that comes after can succeed either."""


class TransientFault(Fault):
    """A machine, a network or a server is away: the same step may succeed later."""

    retryable = True


def fault_of(error: Exception) -> Fault:
    """Anything unforeseen: the operating system may recover, a bug will not."""
    if isinstance(error, Fault):
        return error
    kind = TransientFault if isinstance(error, OSError) else DataFault
    return kind("InternalError", f"{type(error).__name__}: {error}")
