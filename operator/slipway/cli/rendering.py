"""The InferenceService that a ModelRollout would get, shown to the kserve SDK."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from slipway.api.v1alpha1 import ModelRolloutSpec
from slipway.cli.kserve_sdk import Models
from slipway.core.desired.inference_service import Served, inference_service, predictor_template
from slipway.core.desired.names import Identity, inference_service_name

# Stand-ins for what only a cluster knows; they have the form of the real ones.
_REVISION = "0123456789"
_UID = "00000000-0000-0000-0000-000000000000"
_IMAGE = f"registry.example.com/model@sha256:{'0' * 64}"


class SdkMissing(Exception):
    """The kserve SDK is not installed here."""


def refusals(manifest: Mapping[str, Any]) -> list[str]:
    """Why the kserve SDK would not accept the InferenceService of this (valid) ModelRollout; empty when it would."""
    return [
        f"the InferenceService that this makes is one that KServe's own model refuses: {reason}"
        for reason in _models().accept(rendered(manifest))
    ]


def rendered(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The InferenceService as the operator would apply it."""
    spec = ModelRolloutSpec.model_validate(manifest["spec"])
    metadata = manifest["metadata"]
    identity = Identity(metadata.get("namespace", "default"), metadata.get("name", "rollout"), _UID)
    assignment = spec.traffic.assignment if spec.traffic else None
    header = assignment.header if assignment else ""
    served = Served(_REVISION, "1", _IMAGE, header, log=spec.prediction_log)
    template = predictor_template(identity, served, spec.predictor)
    name = inference_service_name(identity.name, _REVISION)
    return inference_service(identity, name, _REVISION, template, spec.predictor.min_replicas)


@cache
def _models() -> Models:
    try:
        return Models()
    except ImportError as missing:
        raise SdkMissing(
            f"the kserve SDK is needed ({missing}): pip install 'slipway[cli]', or --no-kserve"
        ) from missing
