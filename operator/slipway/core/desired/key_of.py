"""One key of a Secret or ConfigMap as an environment variable of a container."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class KeyOf:
    """One key of a Secret or ConfigMap, and the environment variable of the builder that gets it."""

    variable: str
    kind: Literal["secretKeyRef", "configMapKeyRef"]
    name: str
    key: str

    @property
    def entry(self) -> dict[str, Any]:
        """An entry of a container's `env`. Not optional: the pod waits until it exists, and says so."""
        return {"name": self.variable, "valueFrom": {self.kind: {"name": self.name, "key": self.key}}}
