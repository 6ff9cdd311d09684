"""What may go wrong when the operator talks to the API server, by what is to be done about it."""

from __future__ import annotations

from slipway.core.plan import ObjectKey


class ApiError(Exception):
    """Base of all; `reason` is a CamelCase condition reason, the text is what the API server said."""

    reason = "ApplyFailing"

    def __init__(self, message: str, key: ObjectKey | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.key = key

    def __str__(self) -> str:
        if self.key is None:
            return self.message
        place = f"{self.key.namespace}/{self.key.name}" if self.key.namespace else self.key.name
        return f"{self.key.kind} {place}: {self.message}"


class Conflict(ApiError):
    """409: somebody wrote in between. Read again, decide again."""

    reason = "Conflict"


class AlreadyExists(Conflict):
    """409 of a create: the name is taken."""

    reason = "AlreadyExists"


class Gone(ApiError):
    """404 of an object."""

    reason = "NotFound"


class Refused(ApiError):
    """Repeating does not help: a person must change something."""

    reason = "ApplyRefused"


class Forbidden(Refused):
    """403: RBAC, a quota, an admission policy, a namespace that is going."""


class Invalid(Refused):
    """400, 413, 422: the API server does not take this object."""


class KindMissing(Refused):
    """The API server does not serve this kind: its CRD is not installed."""

    reason = "KindNotInstalled"


class Unreachable(ApiError):
    """5xx, 429, 401, time-outs, connections: try again later."""

    reason = "ApplyFailing"


class NotLeader(Exception):
    """A write was asked for although the lease may be another's."""
