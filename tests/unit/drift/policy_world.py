"""A small world around a RetrainPolicy, which can be cut off between any two writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from slipway.api.v1alpha1.retrain_status import FeatureDrift, RetrainPolicyStatus
from slipway.api.v1alpha1.retrainpolicy import RetrainPolicySpec
from slipway.api.v1alpha1.rolloutrequest import RolloutRequestSpec
from slipway.core.drift import Look
from slipway.core.measurement import Labelled
from slipway.core.plan import Create, Delete, Notice, Plan, Unavailable
from slipway.core.retrain.decide import decide
from slipway.core.retrain.snapshot import Ended, RetrainSnapshot, Served
from slipway.core.rollout.snapshot import Request

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TEMPLATE: dict[str, Any] = {
    "metadata": {"labels": {"team": "risk"}},
    "spec": {
        "taskRef": {"name": "fraud"},
        "data": {"sources": [{"name": "a", "uri": "https://data.example.com/rows.csv"}]},
        "trainer": {"type": "BuiltIn", "builtIn": {"estimator": "Linear"}},
        "cause": "Redesign",
    },
}
RAW: dict[str, Any] = {
    "rolloutRef": {"name": "fraud"},
    "triggers": [{"name": "inputs", "type": "Drift", "drift": {"window": "1m", "psi": "0.2"}}],
    "cooldown": "10m",
    "budget": {"triggered": 2, "per": "1d"},
    "historyLimit": 1,
    "runTemplate": TEMPLATE,
}
DRIFTED = Look("inputs", (FeatureDrift(name="amount", psi="0.9000", rows=900, verdict="Drifted"),), drifted=1)
STABLE = Look("inputs", (FeatureDrift(name="amount", psi="0.0100", rows=900, verdict="Stable"),))
SUSPECT = replace(DRIFTED, needed=2)
BLIND = Look("inputs", problem=Unavailable("PrometheusUnavailable", "away"))


@dataclass
class World:
    """Runs and the policy's status, as an API server would keep them."""

    now: datetime = START
    status: RetrainPolicyStatus = field(default_factory=RetrainPolicyStatus)
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)
    served: Served | None = field(default_factory=lambda: Served("r1"))
    spec: dict[str, Any] = field(default_factory=lambda: dict(RAW))
    damage: tuple[str, ...] = ()
    requests: tuple[Request, ...] = ()
    told: list[Notice] = field(default_factory=list)
    labelled: Labelled = field(default_factory=Labelled)

    def snapshot(self, *looks: Look) -> RetrainSnapshot:
        return RetrainSnapshot(
            "team", "policy", "u-1", 1, self.spec, RetrainPolicySpec.model_validate(self.spec), self.status, START,
            served=self.served, looks=looks, runs=tuple(self.runs.values()), slot=5.0, damage=self.damage,
            requests=self.requests, labelled=self.labelled,
        )  # fmt: skip

    def step(self, *looks: Look, cut: int = 99) -> Plan:
        """One reconcile; killed after `cut` writes, the status being the last one."""
        plan = decide(self.snapshot(*looks), self.now)
        for action in plan.actions[:cut]:
            if isinstance(action, Create):
                self.create(action.manifest)
            elif isinstance(action, Delete) and action.key.kind == "Job":
                self.labelled = replace(self.labelled, jobs=_without(self.labelled.jobs, action.key.name))
            elif isinstance(action, Delete):
                del self.runs[action.key.name]
        if cut > len(plan.actions):
            self.status = RetrainPolicyStatus.model_validate(plan.status)
            self.told += plan.notices
        return plan

    def create(self, manifest: Mapping[str, Any]) -> None:
        name = manifest["metadata"]["name"]
        if manifest["kind"] == "Job":
            meta = {**manifest["metadata"], "creationTimestamp": self.now.isoformat(), "uid": f"uid-{name}"}
            made = {name: {**manifest, "metadata": meta}}
            self.labelled = replace(self.labelled, jobs={**self.labelled.jobs, **(made | self.labelled.jobs)})
        elif name not in self.runs:
            meta = {**manifest["metadata"], "creationTimestamp": self.now.isoformat(), "uid": f"uid-{name}"}
            self.runs[name] = {**manifest, "metadata": meta}
            self.made.append(name)

    def settle(self, *looks: Look) -> None:
        for _ in range(5):
            self.step(*looks)

    def end(self, phase: str = "Succeeded", version: str = "7") -> None:
        """The newest run ends now."""
        version = version if phase == "Succeeded" else ""
        self.runs[self.made[-1]]["status"] = {"phase": phase, "version": version, "endedAt": self.now.isoformat()}

    def promote(self, version: str = "7", digest: str = "") -> None:
        """A version serves now."""
        self._close(version, digest, "Promoted")

    def roll_back(self, version: str = "7", digest: str = "") -> None:
        self._close(version, digest, "RolledBack")

    def _close(self, version: str, digest: str, outcome: str) -> None:
        served = self.served or Served()
        entry = Ended(version, digest or f"sha-{version}", outcome, self.now)
        self.served = replace(served, version=version, gated=(), rolling=(), history=(entry, *served.history))

    def ask(self, name: str = "unfreeze") -> None:
        """Somebody asks to unfreeze the policy."""
        spec = RolloutRequestSpec.model_validate(
            {
                "target": {"kind": "RetrainPolicy", "name": "policy"},
                "action": "Unfreeze",
                "requester": "ada",
                "reason": "the feed is mended",
            }
        )
        self.requests = (*self.requests, Request(f"uid-{name}", name, self.now, spec))

    def turn(self, version: str = "7", promoted: bool = False) -> None:
        """One run from order to end, while the drift goes on."""
        self.settle(DRIFTED)
        self.end(version=version)
        self.settle(DRIFTED)
        if promoted:
            self.promote(version)
            self.settle(DRIFTED)
        self.later(11)

    def later(self, minutes: float) -> None:
        self.now += timedelta(minutes=minutes)


def _without(jobs: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {each: job for each, job in jobs.items() if each != name}


def condition(world: World, kind: str) -> tuple[str, str]:
    found = next((each for each in world.status.conditions if each.type == kind), None)
    return (found.status, found.reason) if found else ("", "")
