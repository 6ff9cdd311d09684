"""From a pinned model version to an image: the Job, and what its pods said at their end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slipway.api.v1alpha1.rollout_model import BuildImage
from slipway.core.desired.build_job import DEADLINE_SECONDS, DOCKER_CONFIG, REGISTRY_CA, Build, build_job
from slipway.core.desired.build_job_buildah import SystemImage
from slipway.core.desired.key_of import KeyOf, mlflow_login
from slipway.core.job_words import MOST_SAID, container_statuses, finished, unheard
from slipway.core.plan import Manifest
from slipway.core.pod_trouble import trouble
from slipway.core.rollout.job_words import pods_of, words
from slipway.core.rollout.snapshot import Object
from slipway.core.rollout.turn import Turn

BUILDER = "the builder"
ANSWER = "image"
"""The member of a builder's words that says that it has succeeded."""

PODLESS_SECONDS = 60
RENEW_SECONDS = 300
"""A Job whose pod cannot begin is made anew this long before its deadline: it has not failed."""


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
        secrets=(*_secrets(image), *mlflow_login(installation.mlflow_secret)),
        system=_system(turn),
    )  # fmt: skip


def _system(turn: Turn) -> SystemImage | None:
    image, installation = turn.spec.image, turn.snapshot.installation
    wanted = image.buildah
    if image.builder != "Buildah" or wanted is None:
        return None
    texts = (("SLIPWAY_DOCKERFILE", wanted.dockerfile_ref), ("SLIPWAY_APT_SOURCES", wanted.sources_ref))
    return SystemImage(
        installation.buildah_image,
        installation.buildah_seccomp_profile,
        wanted.system_packages,
        tuple(KeyOf(name, "configMapKeyRef", text.name, text.key) for name, text in texts if text is not None),
        tuple(one for one in _secrets(image) if one.kind == "configMapKeyRef"),
    )


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
        yield KeyOf(DOCKER_CONFIG, "secretKeyRef", image.push_secret_ref.name, ".dockerconfigjson")
    if image.ca_ref is not None:
        yield KeyOf(REGISTRY_CA, "configMapKeyRef", image.ca_ref.name, image.ca_ref.key)
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
        "images.buildah": installation.buildah_image or turn.spec.image.builder != "Buildah",
    }
    return ", ".join(name for name, value in needed.items() if not value)


def build_job_manifest(turn: Turn, build: Build) -> Manifest:
    """The manifest of the Job."""
    return build_job(turn.snapshot.identity, build)


def _made(job: Object) -> str:
    """When the Job was made; an attempt that began later does not take its failure for its own."""
    return str(job["metadata"].get("creationTimestamp", ""))


def spent_job(turn: Turn, job: Object) -> bool:
    """Whether a finished Job is no answer: it failed before this attempt began, or its pods' words are lost."""
    target = turn.status.target
    started = target.started_at.strftime("%Y-%m-%dT%H:%M:%SZ") if target and target.started_at else ""
    if finished(job, "Failed"):
        return _made(job) < started
    if not finished(job, "Complete") and (_waits_for(turn, job) or _held_up(turn, job)):
        # a new one before its deadline says that it failed
        return turn.age(datetime.fromisoformat(_made(job))) > DEADLINE_SECONDS - RENEW_SECONDS
    return ANSWER not in words(turn, job, ANSWER, BUILDER, steps=True) and unheard(job, turn.now)


def outcome(turn: Turn, build: Build) -> Outcome | None:
    """How the build ended, or None while it runs."""
    job = turn.snapshot.jobs.get(build.job_name(turn.snapshot.name))
    if job is None or spent_job(turn, job):
        return None
    said = words(turn, job, ANSWER, BUILDER, steps=True)
    if finished(job, "Complete"):
        # The words of an attempt that failed may be here before those of the one that succeeded.
        return Outcome(said[ANSWER], said.get("modelDigest", "")) if ANSWER in said else None
    if not finished(job, "Failed"):
        return None
    error = said.get("error") or {}
    if error.get("reason"):
        return Outcome(reason=error["reason"], message=_told(error))
    failed = next(c for c in job["status"]["conditions"] if c.get("type") == "Failed")
    return Outcome(reason=failed.get("reason") or "BuildFailed", message=failed.get("message", "the Job failed"))


def running_message(turn: Turn, build: Build) -> str:
    """What a build that has not ended is doing, with the last transient failure."""
    job = turn.snapshot.jobs.get(build.job_name(turn.snapshot.name))
    if job and _podless(turn, job):
        return _forbidden(build, job["metadata"]["name"])
    missing = _waits_for(turn, job) if job else ""
    if missing:
        return f"the build starts when this is there: {missing}"
    held_up = _held_up(turn, job) if job else ""
    if held_up:
        return f"the build's pod does not start: {held_up}"
    error = words(turn, job, ANSWER, BUILDER, steps=True).get("error") if job else None
    if error:
        return f"retrying after {error.get('reason', 'a failure')}: {error.get('message', '')}"
    return "the image is being built" if job else "the build is about to start"


def waits_for(turn: Turn, build: Build) -> str:
    """What the build waits for: a Secret or ConfigMap, in the kubelet's words, or leave to make its pod; empty while
    it waits for none."""
    job = turn.snapshot.jobs.get(build.job_name(turn.snapshot.name))
    return _waits_for(turn, job) if job else ""


def held_up(turn: Turn, build: Build) -> bool:
    """Whether the build's pod waits for a node or for its own images: a cluster's business, and not the version's."""
    job = turn.snapshot.jobs.get(build.job_name(turn.snapshot.name))
    return bool(job and _held_up(turn, job))


def _held_up(turn: Turn, job: Object) -> str:
    found = trouble(pods_of(turn, job))
    return found.message if found else ""


def _podless(turn: Turn, job: Object) -> bool:
    """Whether a Job has run for a minute without a pod: the API server refuses to make one."""
    status = job.get("status") or {}
    started = status.get("startTime")
    if not started or status.get("active") or pods_of(turn, job):
        return False
    return turn.age(datetime.fromisoformat(started)) > PODLESS_SECONDS


def _forbidden(build: Build, name: str) -> str:
    said = f"the API server lets no pod of Job {name} be made; `kubectl describe job {name}` says why: a quota,"
    if build.system is None or build.system.seccomp_profile:
        return f"{said} or the namespace's Pod Security level, of which restricted is enough"
    return (
        f"{said} or the namespace's Pod Security level. Buildah's step runs without root and capabilities, but with the"
        " seccomp profile Unconfined, which only the level privileged allows: give the nodes a profile and name it in"
        " images.buildahSeccompProfile, with which restricted is enough, or label the namespace"
        " pod-security.kubernetes.io/enforce=privileged"
    )


def _waits_for(turn: Turn, job: Object) -> str:
    if _podless(turn, job):
        return "a pod"
    for pod in pods_of(turn, job)[:1]:
        for container in container_statuses(pod, steps=True):
            waiting = (container.get("state") or {}).get("waiting") or {}
            if waiting.get("reason") == "CreateContainerConfigError":
                return str(waiting.get("message") or "its pod cannot be configured")
    return ""


def _told(error: Mapping[str, Any]) -> str:
    said = f"{error.get('step', 'build')}: {error.get('message', '')}"
    return f"{said[:MOST_SAID]}\nthe end of its log:\n{error['log']}" if error.get("log") else said
