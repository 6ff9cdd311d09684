"""KServe: its kinds, its controller's configuration, and that it runs models in Standard mode."""

from __future__ import annotations

import json

from tests.cluster.external.reader import Object, Reader

_KIND = "inferenceservices.serving.kserve.io"
_CONFIGURATION = "inferenceservice-config"
# Before it was renamed, Standard was RawDeployment; KServe takes both.
_STANDARD = ("Standard", "RawDeployment")
_HOW = (
    "set defaultDeploymentMode in its `deploy` to Standard (RawDeployment, where KServe is too old to know the word)"
    " and restart kserve-controller-manager; services that name their mode in an annotation keep it"
)


def find(reader: Reader, missing: list[str]) -> None:
    """Adds to `missing` what KServe lacks."""
    if not reader.get("customresourcedefinition", _KIND):
        missing.append(
            "KServe: install it in Standard mode (https://kserve.github.io/website; in its Helm chart"
            " kserve.controller.deploymentMode=Standard)"
        )
        return
    found = reader.items("configmap", f"--field-selector=metadata.name={_CONFIGURATION}")
    if not found:
        missing.append(
            f"KServe's controller: its kinds are there, and no ConfigMap {_CONFIGURATION}; install it in Standard mode"
        )
        return
    configuration = next((one for one in found if one["metadata"]["namespace"] == "kserve"), found[0])
    mode = _mode(configuration)
    if mode not in _STANDARD:
        place = f"{configuration['metadata']['namespace']}/{_CONFIGURATION}"
        missing.append(f"KServe in Standard mode: ConfigMap {place} says {mode or 'nothing'}; {_HOW}")


def _mode(configuration: Object) -> str:
    try:
        return str(json.loads(configuration.get("data", {}).get("deploy") or "{}").get("defaultDeploymentMode", ""))
    except (ValueError, AttributeError):
        return ""
