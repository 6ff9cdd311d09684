"""From a pinned model version to an image: the Job, and what its pods said at their end."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slipway.api.v1alpha1.rollout_model import BuildImage
from slipway.core.desired.build_job import DEADLINE_SECONDS, Build, KeyOf, build_job
from slipway.core.plan import Manifest
from slipway.core.rollout.snapshot import Object, is_true
from slipway.core.rollout.turn import Turn

MESSAGE_GRACE = 30.0
"""Seconds in which the cache of Pods may lag behind that of Jobs."""

RENEW_SECONDS = 300
"""A Job that waits for a Secret is made anew this long before its deadline: it has not failed."""

MOST_SAID = 1200
"""Characters of a message that leave room for the end of a log in a condition."""


@dataclass(frozen=True)
class Outcome:
    """The end of a build: an image, or a reason."""

    image: str = ""
    digest: str = ""
    reason: str = ""
    message: str = ""


def build_of(turn: Turn) -> Build | None:
    """The build of the target; None while the installation lacks an address that it needs."""
    installation, target, image = turn.snapshot.installation, turn.status.target, turn.spec.image
    uri = _model_uri(turn)
    registry = installation.registry
    repository = image.repository or (registry and f"{registry}/{turn.snapshot.identity.key}")
    if not (target and uri and repository) or missing_settings(turn):
        return None
    return Build(
        uri, target.digest, repository, image.base or installation.base_image, installation.mlflow,
        installation.builder_image,
        plain_http=registry.partition("/")[0] if installation.registry_plain_http else "",
        # Shared by all rollouts of the default registry; a repository of the user's own may be all that its
        # credentials reach.
        dependencies="" if image.repository else f"{registry}/slipway/dependencies",
        scoring=turn.snapshot.batch is not None,
        package_index=image.package_index.url if image.package_index else "",
        secrets=tuple(_secrets(image)),
    )  # fmt: skip


def _model_uri(turn: Turn) -> str:
    """What the builder shall fetch; empty for a finished image."""
    model, target = turn.spec.model, turn.status.target
    if model is None or target is None:
        return ""
    if model.run is not None:
        return model.run.uri
    return f"models:/{model.mlflow.name}/{target.version}" if model.mlflow else ""


def _secrets(image: BuildImage) -> Iterator[KeyOf]:
    """The names of the variables are the builder's (slipway_serving.build.request)."""
    if image.push_secret_ref is not None:
        yield KeyOf("SLIPWAY_DOCKER_CONFIG", "secretKeyRef", image.push_secret_ref.name, ".dockerconfigjson")
    if image.ca_ref is not None:
        yield KeyOf("SLIPWAY_REGISTRY_CA", "configMapKeyRef", image.ca_ref.name, image.ca_ref.key)
    index = image.package_index
    if index is not None and index.secret_ref is not None:
        for variable, key in (("SLIPWAY_INDEX_USERNAME", "username"), ("SLIPWAY_INDEX_PASSWORD", "password")):
            yield KeyOf(variable, "secretKeyRef", index.secret_ref.name, key)
    if index is not None and index.ca_ref is not None:
        yield KeyOf("SLIPWAY_INDEX_CA", "configMapKeyRef", index.ca_ref.name, index.ca_ref.key)


def missing_settings(turn: Turn) -> str:
    """The settings that a build needs and the installation lacks."""
    installation = turn.snapshot.installation
    needed = {
        "mlflow.url": installation.mlflow,
        "images.builder": installation.builder_image,
        "images.base (or spec.image.base)": installation.base_image or turn.spec.image.base,
        "registry.default (or spec.image.repository)": installation.registry or turn.spec.image.repository,
    }
    return ", ".join(name for name, value in needed.items() if not value)


def build_job_manifest(turn: Turn, build: Build) -> Manifest:
    """The manifest of the Job."""
    return build_job(turn.snapshot.identity, build)


def _finished(job: Object, kind: str) -> bool:
    return is_true((job.get("status") or {}).get("conditions"), kind)


def _made(job: Object) -> str:
    """When the Job was made; an attempt that began later does not take its failure for its own."""
    return str(job["metadata"].get("creationTimestamp", ""))


def spent_job(turn: Turn, job: Object) -> bool:
    """Whether a finished Job is no answer: it failed before this attempt began, or its pods' words are lost."""
    target = turn.status.target
    started = target.started_at.strftime("%Y-%m-%dT%H:%M:%SZ") if target and target.started_at else ""
    if _finished(job, "Failed"):
        return _made(job) < started
    if not _finished(job, "Complete") and _waits_for(turn, job):  # a new one before its deadline says that it failed
        return turn.age(datetime.fromisoformat(_made(job))) > DEADLINE_SECONDS - RENEW_SECONDS
    return _finished(job, "Complete") and not _words(turn, job) and _ended_long_ago(turn, job)


def _ended_long_ago(turn: Turn, job: Object) -> bool:
    end = (job.get("status") or {}).get("completionTime")
    return end is not None and turn.age(datetime.fromisoformat(end)) > MESSAGE_GRACE


def outcome(turn: Turn, build: Build) -> Outcome | None:
    """How the build ended, or None while it runs."""
    job = turn.snapshot.jobs.get(build.job_name(turn.snapshot.name))
    if job is None or spent_job(turn, job):
        return None
    words = _words(turn, job)
    if _finished(job, "Complete"):
        return Outcome(words["image"], words.get("modelDigest", "")) if words else None
    if not _finished(job, "Failed"):
        return None
    error = words.get("error") or {}
    if error.get("reason"):
        return Outcome(reason=error["reason"], message=_told(error))
    failed = next(c for c in job["status"]["conditions"] if c.get("type") == "Failed")
    return Outcome(reason=failed.get("reason") or "BuildFailed", message=failed.get("message", "the Job failed"))


def running_message(turn: Turn, build: Build) -> str:
    """What a build that has not ended is doing, with the last transient failure."""
    job = turn.snapshot.jobs.get(build.job_name(turn.snapshot.name))
    missing = _waits_for(turn, job) if job else ""
    if missing:
        return f"the build starts when this is there: {missing}"
    words = _words(turn, job).get("error") if job else None
    if words:
        return f"retrying after {words.get('reason', 'a failure')}: {words.get('message', '')}"
    return "the image is being built" if job else "the build is about to start"


def waits_for(turn: Turn, build: Build) -> str:
    """The Secret or ConfigMap that the build waits for, in the kubelet's words; empty while it waits for none."""
    job = turn.snapshot.jobs.get(build.job_name(turn.snapshot.name))
    return _waits_for(turn, job) if job else ""


def _waits_for(turn: Turn, job: Object) -> str:
    pods = turn.snapshot.job_pods.get(job["metadata"]["name"], ())
    for pod in _newest_first(pods)[:1]:
        for container in (pod.get("status") or {}).get("containerStatuses") or ():
            waiting = (container.get("state") or {}).get("waiting") or {}
            if waiting.get("reason") == "CreateContainerConfigError":
                return str(waiting.get("message") or "its pod cannot be configured")
    return ""


def _told(error: Mapping[str, Any]) -> str:
    said = f"{error.get('step', 'build')}: {error.get('message', '')}"
    return f"{said[:MOST_SAID]}\nthe end of its log:\n{error['log']}" if error.get("log") else said


def _words(turn: Turn, job: Object) -> Mapping[str, Any]:
    """The JSON that the Job's pods left: an image before an error, the newest pod before older ones."""
    pods = turn.snapshot.job_pods.get(job["metadata"]["name"], ())
    found = [said for pod in _newest_first(pods) for said in _messages(pod)]
    return next((said for said in found if "image" in said), found[0] if found else {})


def _newest_first(pods: tuple[Object, ...]) -> list[Object]:
    return sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")), reverse=True)


def _messages(pod: Object) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for container in (pod.get("status") or {}).get("containerStatuses") or ():
        ended = (container.get("state") or {}).get("terminated") or {}
        text = ended.get("message", "")
        try:
            said = json.loads(text)
        except ValueError:
            said = _killed(ended, text)
        if isinstance(said, dict) and (isinstance(said.get("image"), str) or isinstance(said.get("error"), dict)):
            found.append(said)
    return found


def _killed(ended: Mapping[str, Any], text: str) -> Mapping[str, Any]:
    """A process that could not say how it ended: the kubelet's reason, and the end of its log."""
    if not text or not ended.get("exitCode"):
        return {}
    message = f"the builder ended with exit code {ended['exitCode']}"
    return {"error": {"reason": ended.get("reason") or "Error", "message": message, "log": text[-MOST_SAID:]}}
