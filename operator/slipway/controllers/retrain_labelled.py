"""What measuring on matured labels needs to see: the rollout's log and task, and the policy's Jobs."""

from __future__ import annotations

from collections import defaultdict

from pydantic import ValidationError

from slipway.api.v1alpha1.base import API_VERSION
from slipway.api.v1alpha1.modeltask import ModelTaskSpec
from slipway.api.v1alpha1.retrainpolicy import RetrainPolicySpec
from slipway.api.v1alpha1.rollout_traffic import PredictionLog
from slipway.controllers.reading import read_spec
from slipway.core.desired.names import JOB_LABEL
from slipway.core.desired.retrained_run import POLICY_LABEL
from slipway.core.measurement import Labelled
from slipway.core.plan import ObjectKey
from slipway.core.references import task_name
from slipway.runtime.world import Object, World


def labelled(spec: RetrainPolicySpec | None, namespace: str, policy: str, world: World) -> Labelled:
    """From the cache. Jobs are seen even where nothing is measured any more, so that they can go."""
    mine = {POLICY_LABEL: policy}
    jobs = {str(job["metadata"]["name"]): job for job in world.list("Job", namespace, mine)}
    pods: defaultdict[str, tuple[Object, ...]] = defaultdict(tuple)
    for pod in world.list("Pod", namespace, mine):
        pods[pod["metadata"]["labels"].get(JOB_LABEL, "")] += (pod,)
    found = Labelled(jobs=jobs, pods=dict(pods))
    if spec is None or not any(each.type == "Performance" for each in spec.triggers):
        return found
    rollout = world.get(ObjectKey(API_VERSION, "ModelRollout", namespace, spec.rollout_ref.name)) or {}
    raw = rollout.get("spec") or {}
    image = world.settings.pipelines_image
    return Labelled(image, _log(raw), _task(task_name(rollout), namespace, world), found.jobs, found.pods)


def _log(rollout: Object) -> PredictionLog | None:
    """None where there is none, and where it is not legal, of which the rollout itself tells."""
    try:
        return PredictionLog.model_validate(rollout["predictionLog"]) if rollout.get("predictionLog") else None
    except ValidationError:
        return None


def _task(name: str, namespace: str, world: World) -> ModelTaskSpec | None:
    task = world.get(ObjectKey(API_VERSION, "ModelTask", namespace, name))
    return read_spec("ModelTask", ModelTaskSpec, task)[0] if task is not None else None
