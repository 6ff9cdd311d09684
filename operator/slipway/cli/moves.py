"""What a rollout still needs, and what a person can do about it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from slipway.api.v1alpha1.rollout_status import ModelRolloutStatus, StageProgress
from slipway.api.v1alpha1.scalars import Duration
from slipway.cli.words import instant, lasting, measured

_AROUND = {
    "Build": "The build Job ends: with an image it goes on, else the version has failed.",
    "Prove": "The proof Job ends: it must answer, and keep the latency of the task.",
    "Start": "All replicas of the candidate become ready and stay so for warmUp; after progressDeadline it has failed.",
    "Promote": "The gateway carries the route to the new version.",
    "Rollback": "Its last requests end and rollback.scaleDownDelay passes; or another version is asked for.",
}


def moves(spec: Mapping[str, Any], status: ModelRolloutStatus, now: datetime) -> Iterator[str]:
    """What would move the rollout, a sentence each."""
    stage = status.stage
    if stage is None:
        yield _next_version(spec)
    elif stage.type in _AROUND:
        yield _AROUND[stage.type]
    else:
        yield from _in_stage(spec, status, stage, now)
    if spec.get("paused"):
        yield "spec.paused is true: nothing advances until it is false; a breach still acts."
    yield from _held(spec, status)


def _next_version(spec: Mapping[str, Any]) -> str:
    mlflow = (spec.get("model") or {}).get("mlflow") or {}
    if mlflow.get("alias"):
        return f"The alias {mlflow['alias']} of model {mlflow.get('name', '')} moves to another version."
    if mlflow.get("version"):
        return "spec.model.mlflow.version names another version, or the predictor changes."
    return "spec.model or the predictor changes."


def _in_stage(
    spec: Mapping[str, Any], status: ModelRolloutStatus, stage: StageProgress, now: datetime
) -> Iterator[str]:
    asked: Mapping[str, Any] = next((each for each in spec.get("stages") or () if each.get("name") == stage.name), {})
    yield from _time(asked, stage, now)
    for field, counted, noun in (
        ("minExposures", stage.exposures, "distinct entities"), ("minSamples", stage.samples, "requests")
    ):  # fmt: skip
        if asked.get(field) and counted < asked[field]:
            yield f"{asked[field] - counted} more {noun}: {counted} of {asked[field]} were counted."
    for gate in status.gates:
        if gate.breaches:
            yield f"Gate {gate.name} has breached: {measured(gate)}. {_of_breach(spec)}"
        elif gate.verdict == "Wait":
            yield f"Gate {gate.name} needs more evidence: {measured(gate)}, after {gate.samples} samples."
        elif gate.verdict != "Pass":
            yield f"Gate {gate.name} cannot be judged: {gate.message or gate.verdict}."


def _of_breach(spec: Mapping[str, Any]) -> str:
    held = spec.get("onBreach") == "Hold"
    return "onBreach is Hold, so a person decides." if held else "An enforced gate sends the candidate back."


def _time(asked: Mapping[str, Any], stage: StageProgress, now: datetime) -> Iterator[str]:
    if not asked.get("minDuration"):
        return
    since = stage.running_since
    counted = stage.accrued_seconds + (max(0.0, (now - since).total_seconds()) if since is not None else 0.0)
    left = Duration(asked["minDuration"]).seconds - counted
    if left <= 0:
        return
    told = f"{lasting(left)} more of minDuration {asked['minDuration']}"
    if since is None:
        yield f"{told}: its clock stands, because the traffic or the pods are not as asked for."
    else:
        yield f"{told}: not before {instant(stage.expected_end)}." if stage.expected_end else f"{told}."


def _held(spec: Mapping[str, Any], status: ModelRolloutStatus) -> Iterator[str]:
    """What the spec sets to hold it, where this version acts on that."""
    acts = {field for field in ("advanceThrough", "freeze") if not _inactive(status, field)}
    names = [stage.get("name") for stage in spec.get("stages") or ()]
    ceiling = spec.get("advanceThrough")
    if "advanceThrough" in acts and ceiling in names and status.stage and status.stage.index >= names.index(ceiling):
        yield f"spec.advanceThrough is {ceiling}: no later stage begins until it names one."
    for freeze in (spec.get("freeze") or ()) if "freeze" in acts else ():
        when = f"{freeze.get('cron')} ({freeze.get('timeZone', 'UTC')}), for {freeze.get('for')}"
        yield f"Nothing advances in freeze {freeze.get('name')}: {when}."


def _inactive(status: ModelRolloutStatus, field: str) -> bool:
    return any(field in each for each in status.inactive_fields)


def actions(
    metadata: Mapping[str, Any], spec: Mapping[str, Any], status: ModelRolloutStatus
) -> Iterator[tuple[str, str]]:
    """Commands that work in this state, with their purpose."""
    patch = f"kubectl patch modelrollout {metadata['name']} -n {metadata['namespace']} --type merge -p "
    versions = {variant.name: variant.version for variant in status.variants}
    pinned = bool(((spec.get("model") or {}).get("mlflow") or {}).get("name"))

    def ask(version: str) -> str:
        changed: dict[str, Any] = {"model": {"mlflow": {"version": version, "alias": None}}}
        return f"{patch}'{json.dumps({'spec': changed})}'"

    if spec.get("paused"):
        yield "go on", patch + """'{"spec": {"paused": false}}'"""
    elif status.target is not None and (status.stage is None or status.stage.type != "Rollback"):
        yield "stop it where it is", patch + """'{"spec": {"paused": true}}'"""
    if pinned and "candidate" in versions and "stable" in versions and versions["candidate"] != versions["stable"]:
        yield f"take its traffic away, version {versions['stable']} serves all", ask(versions["stable"])
    if pinned and status.stage is None and "previous" in versions:
        yield f"go back to version {versions['previous']} at once", ask(versions["previous"])
    if status.history:
        yield "see what was decided, and why", f"slipway history {metadata['name']} -n {metadata['namespace']}"
