"""One entry: a decision, what it was decided upon, and the digest of the entry before, as canonical JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from slipway import __version__
from slipway.api.v1alpha1.base import Status
from slipway.api.v1alpha1.rollout_status import GateResult, ModelRolloutStatus
from slipway.core.desired.names import Identity, canonical

FORMAT = "slipway.dev/ledger/1"
LIMIT = 65_536
"""Most bytes of an entry: a ConfigMap holds 1 MiB, and a status holds PENDING of them for a moment."""

Kind = Literal[
    "Started", "StageEntered", "StagePassed", "Promoted", "RolledBack", "Failed", "Superseded", "Aborted",
    "Breached", "Restored", "Inconclusive", "StageSkipped", "Requested", "ProbationPassed",
    "ProbationUndecided",
]  # fmt: skip
_WORDS = 1000
_VARIANT = {
    "name", "role", "revision", "number", "version", "digest", "image", "weight", "mirror", "ungated", "benchmark",
}  # fmt: skip
_STAGE = {
    "name", "index", "type", "epoch", "since", "accrued_seconds", "running_since", "exposures", "samples", "advance",
    "approved",
}  # fmt: skip

_PROBATION = {
    "metric", "bound", "revision", "version", "since", "until", "measured_at", "verdict", "reason", "value", "low",
    "high", "trials", "needed", "completeness",
}  # fmt: skip


@dataclass(frozen=True)
class Decision:
    """What was decided; `status` is the rollout's at that moment, with the verdicts that led to it."""

    kind: Kind
    reason: str
    message: str
    status: ModelRolloutStatus


@dataclass(frozen=True)
class Inputs:
    """What all decisions of one reconcile have in common. `spec` is the spec as written; `run` the MLflow run of the
    model that it resolves to; `evidence` the identity of the queries that were asked."""

    identity: Identity
    generation: int
    spec: Mapping[str, Any]
    at: datetime
    run: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)


def sha256(text: str) -> str:
    """In hex, over UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def entry_text(decision: Decision, inputs: Inputs, sequence: int, previous: str, run: str, missed: int) -> str:
    """The entry as it is stored: canonical JSON (RFC 8785; there are no floats), at most LIMIT bytes. `previous` is
    the digest of the entry before, empty for the first."""
    status = decision.status
    content: dict[str, Any] = {
        "format": FORMAT,
        "sequence": sequence,
        "previous": previous,
        "at": f"{inputs.at:%Y-%m-%dT%H:%M:%SZ}",
        "decision": decision.kind,
        "reason": decision.reason,
        "message": decision.message[:_WORDS],
        "rollout": {"namespace": inputs.identity.namespace, "name": inputs.identity.name, "uid": inputs.identity.uid},
        "generation": inputs.generation,
        "spec": sha256(canonical(inputs.spec)),
        "operator": __version__,
        "run": run,
        "missed": missed,
        "target": _dumped(status.target, None),
        "variants": [_dumped(variant, _VARIANT) for variant in status.variants],
        "stage": _dumped(status.stage, _STAGE),
        "split": _dumped(status.split, None),
        "gates": [_gate(gate) for gate in status.gates],
        "experiment": _dumped(status.ab_test, None),
        "probation": _dumped(status.probation, _PROBATION),
        "evidence": dict(inputs.evidence) if status.gates else {},
    }
    return _bounded({key: value for key, value in content.items() if value not in ("", None, [], {}, 0)})


def _gate(gate: GateResult) -> dict[str, Any]:
    return {**_dumped(gate, None), "message": gate.message[:_WORDS]}


def _dumped(value: Status | None, fields: set[str] | None) -> dict[str, Any]:
    if value is None:
        return {}
    found = value.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True, include=fields)
    return {key: each for key, each in found.items() if each not in ("", [], {})}


def _bounded(content: dict[str, Any]) -> str:
    """What a person wrote at length goes before a number does."""
    text = canonical(content)
    if len(text.encode()) > LIMIT:
        gates = [{key: each for key, each in gate.items() if key != "message"} for gate in content.get("gates", ())]
        text = canonical({**content, "gates": gates, "shortened": True})
    if len(text.encode()) > LIMIT:
        verdicts = [{"name": gate["name"], "verdict": gate.get("verdict", "Unknown")} for gate in content["gates"]]
        experiment = {
            key: each for key, each in content.get("experiment", {}).items() if key not in ("looks", "deltas")
        }
        less = {"gates": verdicts, "variants": [], "experiment": experiment, "shortened": True}
        text = canonical({**content, **less})
    return text
