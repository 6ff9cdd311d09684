"""What a person can do about a rollout: commands that work in its state."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from slipway.api.v1alpha1.rollout_stages import REDESIGN
from slipway.api.v1alpha1.rollout_status import ModelRolloutStatus

_NO_STAGE = ("Build", "Prove", "Start", "Promote", "Rollback")


def actions(
    metadata: Mapping[str, Any], spec: Mapping[str, Any], status: ModelRolloutStatus
) -> Iterator[tuple[str, str]]:
    """Commands that work in this state, with their purpose."""
    where = f"{metadata['name']} -n {metadata['namespace']}"
    for purpose, verb in _asked(spec, status):
        yield purpose, f'slipway {verb} {where} --reason "WHY"'
    patch = f"kubectl patch modelrollout {where} --type merge -p "
    if spec.get("paused"):
        yield "go on: it is paused by the spec", patch + """'{"spec": {"paused": false}}'"""
    versions = {variant.name: variant.version for variant in status.variants}
    pinned = bool(((spec.get("model") or {}).get("mlflow") or {}).get("name"))
    if pinned and status.stage is None and "previous" in versions:
        changed = {"model": {"mlflow": {"version": versions["previous"], "alias": None}}}
        yield "the same by the spec, which rejects nothing", f"{patch}'{json.dumps({'spec': changed})}'"
    if status.history:
        yield "see what was decided, and why", f"slipway history {where}"


def _asked(spec: Mapping[str, Any], status: ModelRolloutStatus) -> Iterator[tuple[str, str]]:
    """Purposes, and the verbs of RolloutRequests that serve them."""
    versions = {variant.name: variant.version for variant in status.variants}
    running = status.target is not None and (status.stage is None or status.stage.type != "Rollback")
    if status.held is not None:
        yield f"go on: {status.held.by} holds it", "resume"
    yield from _forward(spec, status)
    if running and status.held is None:
        yield "hold it where it is", "hold"
    if running and status.target is not None and "stable" in versions:
        yield f"give version {status.target.version} up: version {versions['stable']} serves all", "abort"
        kept = next((each for each in status.variants if each.name == "previous"), None)
        if kept is not None:
            twice = f"give it up, and go back to version {kept.version} in place of version {versions['stable']}"
            yield twice, f"rollback --to-revision {kept.revision}"
    if status.stage is None and status.target is None:
        if "previous" in versions and "stable" in versions:
            yield f"go back to version {versions['previous']} at once", "rollback"
        progressing = next((each for each in status.conditions if each.type == "Progressing"), None)
        if progressing is not None and progressing.reason in ("Rejected", "Ignored"):
            yield "try the version once more", "retry"


def _forward(spec: Mapping[str, Any], status: ModelRolloutStatus) -> Iterator[tuple[str, str]]:
    """What goes on without evidence, where nothing refuses that: a breach, a candidate that cannot answer; and but for
    an approval, what holds the rollout back."""
    stage, target = status.stage, status.target
    breached = status.standing_breach
    if stage is None or target is None or breached or stage.withheld_since is not None or stage.type in _NO_STAGE:
        return
    if stage.type == "Approval":
        if not stage.approved:
            yield f"sign off stage {stage.name}", "approve"
        return
    stopped = status.held is not None or any(
        each.type == "AdvanceAllowed" and each.status == "False" and each.reason != "CeilingReached"
        for each in status.conditions
    )
    if stopped or stage.advance or target.promote:
        return
    later = (spec.get("stages") or ())[stage.index + 1 :]
    cause = target.cause or REDESIGN
    if all(each.get("skip") or cause not in each.get("when", (cause,)) for each in later):
        yield "send it all traffic, whatever is missing", "promote"
    else:
        yield "begin the next stage, whatever is missing", "advance"
