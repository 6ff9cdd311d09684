"""The models that a task's rollouts serve and try, what they were trained under, and what tasks that share data say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from slipway.api.v1alpha1.base import API_VERSION
from slipway.api.v1alpha1.fingerprints import FeatureChange, Fingerprints, Inputs
from slipway.core.definitions.sharing import sharing
from slipway.core.definitions.told import InUse, ModelInUse, Seen
from slipway.core.plan import ObjectKey
from slipway.core.references import task_name
from slipway.runtime.world import Object, World

_IN_USE = ("stable", "candidate")


def in_use(task: str, namespace: str, newest: str, world: World) -> InUse:
    """Reads the cache only. `newest` is the name of the run of the task that was evaluated last, or empty."""
    runs = world.list("TrainingRun", namespace, {})
    rollouts = [one for one in world.list("ModelRollout", namespace, {}) if task_name(one) == task]
    models = tuple(_models(rollouts, runs))
    digests = {digest for one in models if one.trained for digest in one.trained.digests.values()}
    latest = next((run for run in runs if newest and run["metadata"]["name"] == newest), None)
    return InUse(models, _seen(latest), texts(runs, digests), _shared(task, namespace, runs, world))


def texts(runs: Iterable[Object], digests: set[str]) -> Mapping[str, str]:
    """Definitions for a person, by digest, as the runs have them."""
    told = (one for run in runs for one in _inputs(run).get("features") or ())
    return {str(one["digest"]): str(one.get("text", "")) for one in told if one.get("digest") in digests}


def carried(runs: Iterable[Object], run_id: str) -> Fingerprints | None:
    """The fingerprints of the model of an MLflow run, from the TrainingRun that made it; None where that is gone."""
    for run in runs:
        if run_id and (run.get("status") or {}).get("runId") == run_id and _inputs(run).get("format"):
            found = Inputs.model_validate(_inputs(run))
            return Fingerprints(format=found.format, digests={one.name: one.digest for one in found.features})
    return None


def _models(rollouts: Iterable[Object], runs: Sequence[Object]) -> Iterator[ModelInUse]:
    for rollout in rollouts:
        status, name = rollout.get("status") or {}, rollout["metadata"]["name"]
        found = [(one["name"], one) for one in status.get("variants") or () if one.get("name") in _IN_USE]
        if status.get("target") and all(place != "candidate" for place, _ in found):
            found.append(("candidate", status["target"]))
        for place, held in found:
            of = f" of {held['model']}" if held.get("model") else ""
            label = f"version {held.get('version', '')}{of}, {place} of ModelRollout {name}"
            definitions = held.get("definitions")
            trained = Fingerprints.model_validate(definitions) if definitions else None
            yield ModelInUse(label, trained, _seen(next((run for run in runs if _made(run, held)), None)))


def _made(run: Object, held: Object) -> bool:
    """Whether a run made the model that a rollout holds."""
    status, version = run.get("status") or {}, str(held.get("version", ""))
    if version.startswith("runs:/"):
        return bool(status.get("runId")) and version.removeprefix("runs:/").startswith(f"{status['runId']}/")
    registered = ((run.get("spec") or {}).get("register") or {}).get("model", "")
    return bool(version) and status.get("version") == version and registered == held.get("model")


def _seen(run: Object | None) -> Seen | None:
    if run is None or not _inputs(run).get("format"):
        return None
    return Seen(run["metadata"]["name"], Inputs.model_validate(_inputs(run)).columns)


def _inputs(run: Object) -> Object:
    found: Object = (run.get("status") or {}).get("inputs") or {}
    return found


def _shared(task: str, namespace: str, runs: Sequence[Object], world: World) -> Mapping[str, tuple[FeatureChange, ...]]:
    """The changes that other tasks have in their status; a task without any is left out."""
    found = {}
    for name in sharing(task, runs):
        other = world.get(ObjectKey(API_VERSION, "ModelTask", namespace, name))
        told = ((other or {}).get("status") or {}).get("changes") or ()
        if told:
            found[name] = tuple(FeatureChange.model_validate(one) for one in told)
    return found
