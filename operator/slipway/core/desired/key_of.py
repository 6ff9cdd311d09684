"""Keys of Secrets and ConfigMaps as environment variables of a container."""

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


MLFLOW_LOGIN = (("MLFLOW_TRACKING_USERNAME", "username"), ("MLFLOW_TRACKING_PASSWORD", "password"))
"""The variables of MLflow's own client, and the keys of the Secret that the installation names."""


def mlflow_login(secret: str) -> tuple[KeyOf, ...]:
    """What a Job needs to log in at MLflow, by the Secret of that name in its namespace; nothing without a name."""
    return tuple(KeyOf(variable, "secretKeyRef", secret, key) for variable, key in MLFLOW_LOGIN) if secret else ()
