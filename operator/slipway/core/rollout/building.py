"""From a pinned model version to an image: the Job, and what its pods said at their end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slipway.core.desired.build_job import Build, build_job
from slipway.core.plan import Manifest
from slipway.core.rollout.snapshot import Object, is_true
from slipway.core.rollout.turn import Turn

MESSAGE_GRACE = 30.0
"""Seconds in which the cache of Pods may lag behind that of Jobs."""


@dataclass(frozen=True)
class Outcome:
    """The end of a build: an image, or a reason."""

    image: str = ""
    digest: str = ""
    reason: str = ""
    message: str = ""


def build_of(turn: Turn) -> Build | None:
    """The build of the target; None while the installation lacks an address that it needs."""
    installation, target = turn.snapshot.installation, turn.status.target
    model = turn.spec.model.mlflow if turn.spec.model else None
    registry = installation.registry
    repository = turn.spec.image.repository or (registry and f"{registry}/{turn.snapshot.identity.key}")
    if not (target and model and repository) or missing_settings(turn):
        return None
    return Build(
        model.name, target.version, target.digest, repository, installation.base_image, installation.mlflow,
        installation.builder_image, installation.registry_plain_http,
        # Shared by all rollouts of the default registry; a repository of the user's own may be all that its
        # credentials reach.
        dependencies="" if turn.spec.image.repository else f"{registry}/slipway/dependencies",
    )  # fmt: skip


def missing_settings(turn: Turn) -> str:
    """The settings that a build needs and the installation lacks."""
    installation = turn.snapshot.installation
    needed = {
        "mlflow.url": installation.mlflow,
        "images.builder": installation.builder_image,
        "images.base": installation.base_image,
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
        return Outcome(reason=error["reason"], message=f"{error.get('step', 'build')}: {error.get('message', '')}")
    failed = next(c for c in job["status"]["conditions"] if c.get("type") == "Failed")
    return Outcome(reason=failed.get("reason") or "BuildFailed", message=failed.get("message", "the Job failed"))


def running_message(turn: Turn, build: Build) -> str:
    """What a build that has not ended is doing, with the last transient failure."""
    job = turn.snapshot.jobs.get(build.job_name(turn.snapshot.name))
    words = _words(turn, job).get("error") if job else None
    if words:
        return f"retrying after {words.get('reason', 'a failure')}: {words.get('message', '')}"
    return "the image is being built" if job else "the build is about to start"


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
        text = ((container.get("state") or {}).get("terminated") or {}).get("message", "")
        try:
            said = json.loads(text)
        except ValueError:
            continue
        if isinstance(said, dict) and (isinstance(said.get("image"), str) or isinstance(said.get("error"), dict)):
            found.append(said)
    return found
