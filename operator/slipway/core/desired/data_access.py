"""What a training pod needs to read its data: Secrets of stores and databases, the contract, the workspace.

A Secret or ConfigMap that is missing keeps the pod from starting, and its status names it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from slipway.api.v1alpha1.task_label import Label
from slipway.api.v1alpha1.training_data import Data

_WORKSPACE = "/workspace"


@dataclass(frozen=True)
class DataAccess:
    """What the data of a run and the labels of its task ask for."""

    data: Data
    label: Label

    def variables(self) -> list[dict[str, Any]]:
        """Single keys: the URL of each database, the contract; and the place of the workspace."""
        found = list(self._databases())
        contract = self.data.quality.contract if self.data.quality is not None else None
        if contract is not None:
            found.append(_key("SLIPWAY_CONTRACT", "configMapKeyRef", contract.config_map_ref.name, "schema.yaml"))
        if self.volumes():
            found.append({"name": "SLIPWAY_WORKSPACE", "value": _WORKSPACE})
        return found

    def _databases(self) -> Iterator[dict[str, Any]]:
        for place, source in enumerate(self.data.sources):
            if source.sql is not None:
                yield _key(f"SLIPWAY_SOURCE_{place}_url", "secretKeyRef", source.sql.secret_ref.name, "url")
        yield from labels_variables(self.label)

    def stores(self) -> dict[str, Any]:
        """All keys of the Secrets of stores, each source's with a prefix of its own; nothing where there are none."""
        found = [
            {"prefix": f"SLIPWAY_SOURCE_{place}_", "secretRef": {"name": source.secret_ref.name}}
            for place, source in enumerate(self.data.sources)
            if source.secret_ref is not None
        ]
        return {"envFrom": found} if found else {}

    def volumes(self) -> list[dict[str, Any]]:
        """The volume on which the steps keep what they have made."""
        claim = self.data.workspace.persistent_volume_claim if self.data.workspace is not None else None
        if claim is None:
            return []
        return [{"name": "workspace", "persistentVolumeClaim": {"claimName": claim.claim_name}}]

    def mounts(self) -> list[dict[str, Any]]:
        """Where the container has it."""
        return [{"name": one["name"], "mountPath": _WORKSPACE} for one in self.volumes()]


def labels_variables(label: Label) -> list[dict[str, Any]]:
    """The URL of the database of late labels, where they come from one."""
    late = label.source.sql if label.source is not None else None
    return [_key("SLIPWAY_LABELS_url", "secretKeyRef", late.secret_ref.name, "url")] if late is not None else []


def _key(variable: str, kind: str, name: str, key: str) -> dict[str, Any]:
    return {"name": variable, "valueFrom": {kind: {"name": name, "key": key}}}
