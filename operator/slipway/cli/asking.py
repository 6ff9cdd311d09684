"""A RolloutRequest from what a person typed and from what their rollout says: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slipway.api.v1alpha1.base import API_VERSION
from slipway.api.v1alpha1.rolloutrequest import FORWARD, OF_A_STAGE

Object = Mapping[str, Any]


class CannotAsk(Exception):
    """Nothing is there to ask for, or not by this person; the message says what is."""


@dataclass(frozen=True)
class Caller:
    """Who the API server takes the caller for."""

    name: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class Asked:
    """What was typed."""

    action: str
    reason: str
    revision: str | None = None
    to_revision: str | None = None
    groups: tuple[str, ...] = ()


def manifest(rollout: Object, caller: Caller, asked: Asked) -> dict[str, Any]:
    """The request, with the revision and the stage that run now: if others do when it is looked at, it is refused.

    Raises CannotAsk where there is nothing to name, and where no group of the caller's is asked for.
    """
    metadata, status = rollout["metadata"], rollout.get("status") or {}
    spec: dict[str, Any] = {
        "target": {"kind": "ModelRollout", "name": metadata["name"]},
        "action": asked.action,
        "requester": caller.name,
        "reason": asked.reason,
    }
    revision = asked.revision or _revision(status, asked.action)
    if revision:
        spec["revision"] = revision
    elif asked.action in FORWARD:
        phase = f" (phase {status['phase']})" if status.get("phase") else ""
        raise CannotAsk(
            f"ModelRollout {metadata['name']!r} has no candidate{phase}: there is nothing to {asked.action.lower()}"
        )
    if asked.action in OF_A_STAGE and (status.get("stage") or {}).get("index", -1) >= 0:
        spec["stage"] = status["stage"]["name"]
    if asked.to_revision:
        spec["rollback"] = {"toRevision": asked.to_revision}
    if asked.action == "Approve":
        spec["groups"] = list(asked.groups or _groups(rollout, caller))
    return {
        "apiVersion": API_VERSION,
        "kind": "RolloutRequest",
        "metadata": {"generateName": f"{metadata['name']}-{asked.action.lower()}-", "namespace": metadata["namespace"]},
        "spec": spec,
    }


def _revision(status: Object, action: str) -> str:
    """The revision that the action is about; empty where status names none."""
    place = "candidate" if action in (*FORWARD, "Abort") else "stable" if action == "Rollback" else ""
    found = (each.get("revision", "") for each in status.get("variants") or () if each.get("name") == place)
    return str(next(found, ""))


def _groups(rollout: Object, caller: Caller) -> Sequence[str]:
    """The caller's groups that the running stage asks for."""
    stage = (rollout.get("status") or {}).get("stage") or {}
    stages = (rollout.get("spec") or {}).get("stages") or ()
    running: Object = next((each for each in stages if each.get("name") == stage.get("name")), {})
    asked = (running.get("approval") or {}).get("groups")
    if not asked:
        raise CannotAsk(f"no stage of type Approval is running, but {stage.get('name') or 'none'}")
    fitting = [group for group in asked if group in caller.groups]
    if not fitting:
        raise CannotAsk(
            f"stage {stage['name']} asks for a member of {' or '.join(asked)}, and {caller.name} is in none of them"
        )
    return fitting
