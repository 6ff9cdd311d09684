"""What a revision is: everything that makes its answers, hashed."""

from __future__ import annotations

from typing import Any

from slipway.api.v1alpha1.gates import Gate
from slipway.api.v1alpha1.modelrollout import ModelRolloutSpec
from slipway.api.v1alpha1.rollout_status import Target, Variant
from slipway.api.v1alpha1.task_label import Latency
from slipway.core.desired.inference_service import Served, predictor_template
from slipway.core.desired.names import Identity, short_hash
from slipway.core.rollout.route import header_of

_OUTSIDE_PODS = {"min_replicas", "max_replicas", "scale_metric", "scale_target", "egress"}


def revision_of(digest: str, image: str, spec: ModelRolloutSpec, contents: str) -> str:
    """Short hash over model digest, image digest, decision layer, predictor without its size and network, the contents
    of what that names (a keyed digest, or empty), and the prediction log where there is one: its settings, the Secret's
    name among them, are part of the pods.

    The decision layer (threshold, calibration, rules) travels inside the model's directory in this version, so that
    the model's digest covers it.
    """
    template = spec.predictor.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude=_OUTSIDE_PODS)
    parts: list[Any] = [digest, image.rpartition("@")[2], {}, template]
    if spec.prediction_log is not None:
        parts.append(spec.prediction_log.model_dump(mode="json", by_alias=True, exclude_defaults=True))
    if contents:
        parts.append({"contents": contents})
    return short_hash(parts)


def intent_hash(spec: ModelRolloutSpec, latency: Latency | None, contents: str) -> str:
    """Hash of what decides about a candidate's fate, the task's latency and what the predictor names included: when it
    changes, a rejected one is tried again."""
    parts = {"model", "predictor", "stages", "gates", "image", "certification"}
    asked = spec.model_dump(mode="json", by_alias=True, exclude_defaults=True, include=parts)
    parts_of = [asked, latency.model_dump(mode="json", exclude_none=True) if latency else None]
    return short_hash([*parts_of, contents] if contents else parts_of)


def candidate_of(identity: Identity, spec: ModelRolloutSpec, target: Target, service: str) -> Variant:
    """The variant that a target with an image becomes, its predictor written once and for all; `service` is the name
    of its InferenceService. Without traffic none is behind it: its image scores batches."""
    pinned = Variant(
        name="candidate", role="Warming", revision=target.revision, number=target.number, model=target.model,
        version=target.version, digest=target.digest, image=target.image, contents=target.contents,
        definitions=target.definitions,
    )  # fmt: skip
    if spec.traffic is None:
        return pinned
    return pinned.model_copy(
        update={
            "inference_service": service,
            "weight": "0%",
            "replicas": spec.predictor.min_replicas,
            "template": template_of(identity, spec, target),
        }
    )


def template_of(identity: Identity, spec: ModelRolloutSpec, target: Target) -> str:
    """The predictor of a target with an image, as canonical JSON; of one that scores batches, as it would serve."""
    edges = sorted({gate.bound.value for gate in _latency_gates(spec) if gate.bound is not None})
    limits = tuple(f"{edge.normalize():f}" for edge in edges)
    served = Served(
        target.revision, target.version, target.image, header_of(spec), limits,
        pull_secret=pull_secret(spec), log=spec.prediction_log,
    )  # fmt: skip
    return predictor_template(identity, served, spec.predictor)


def pull_secret(spec: ModelRolloutSpec) -> str:
    """Name of the Secret with which nodes pull; no part of a revision, since it changes no answer."""
    return spec.image.pull_secret_ref.name if spec.image.pull_secret_ref else ""


def _latency_gates(spec: ModelRolloutSpec) -> list[Gate]:
    gates = [*spec.gates, *(gate for stage in spec.stages for gate in stage.gates)]
    return [gate for gate in gates if (gate.metric or "").startswith("latency_")]
