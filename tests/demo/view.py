"""What the demo shows of a rollout: read from the object's status, never remembered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Object = Mapping[str, Any]


@dataclass(frozen=True)
class GateLine:
    """One gate as status tells it; texts, so that nothing is rounded twice."""

    name: str
    value: str
    interval: str
    bound: str
    stable: str
    samples: str
    verdict: str
    message: str


@dataclass(frozen=True)
class VariantLine:
    """One variant that runs."""

    name: str
    role: str
    version: str
    revision: str
    weight: str
    ready: str


@dataclass(frozen=True)
class View:
    """One look at a rollout."""

    phase: str
    stages: tuple[str, ...]
    stage: str
    asked: str
    measured: str
    evidence: str
    seconds_left: float | None
    waits_for: str
    gates: tuple[GateLine, ...]
    variants: tuple[VariantLine, ...]
    trouble: str

    def line(self) -> str:
        """The whole look in one line, for a log."""
        parts = [self.phase or "-"]
        if self.stage:
            parts.append(f"stage {self.stage}")
            parts.append(f"split asked {self.asked or '-'} measured {self.measured or '-'}")
            parts.append(self.evidence)
        parts += [f"{gate.name}={gate.value or '-'} {gate.verdict}" for gate in self.gates]
        if self.trouble:
            parts.append(self.trouble)
        return " | ".join(parts)


def read(rollout: Object | None, now: datetime) -> View:
    """Makes a view of a ModelRollout; an absent one or one without status gives an empty view."""
    spec = (rollout or {}).get("spec") or {}
    status = (rollout or {}).get("status") or {}
    stage = status.get("stage") or {}
    split = status.get("split") or {}
    return View(
        phase=str(status.get("phase", "")),
        stages=tuple(item["name"] for item in spec.get("stages", [])),
        stage=str(stage.get("name", "")),
        asked=str(split.get("requested", "")),
        measured=_measured(split),
        evidence=_evidence(spec, stage),
        seconds_left=_left(stage.get("expectedEnd"), now),
        waits_for=str(stage.get("message", "")),
        gates=tuple(_gate(item) for item in status.get("gates") or []),
        variants=tuple(_variant(item) for item in status.get("variants") or []),
        trouble=_trouble(status.get("conditions") or []),
    )


def history(rollout: Object | None, version: str) -> Sequence[Object]:
    """Entries of status.history that tell of one model version, newest first."""
    entries = ((rollout or {}).get("status") or {}).get("history") or []
    return [entry for entry in entries if str(entry.get("version", "")) == version]


def variant(rollout: Object | None, name: str) -> Object:
    """The variant `stable`, `candidate` or `previous`; empty when there is none."""
    variants = ((rollout or {}).get("status") or {}).get("variants") or []
    return next((item for item in variants if item.get("name") == name), {})


def _measured(split: Object) -> str:
    if not split.get("observed"):
        return ""
    agrees = "not yet known" if split.get("agrees") is None else "agrees" if split["agrees"] else "disagrees"
    return f"{split['observed']} ({split.get('low', '')} … {split.get('high', '')}, {agrees})"


def _evidence(spec: Object, stage: Object) -> str:
    """How many distinct entities were served, or how many requests mirrored, of how many needed."""
    if not stage:
        return ""
    needs: Object = next((item for item in spec.get("stages", []) if item.get("name") == stage.get("name")), {})
    parts = []
    if needs.get("minExposures"):
        parts.append(f"exposures {stage.get('exposures', 0)} of {needs['minExposures']}")
    if needs.get("minSamples"):
        parts.append(f"requests {stage.get('samples', 0)} of {needs['minSamples']}")
    return ", ".join(parts)


def _left(expected_end: object, now: datetime) -> float | None:
    if not isinstance(expected_end, str) or not expected_end:
        return None
    return max(0.0, (datetime.fromisoformat(expected_end.replace("Z", "+00:00")) - now).total_seconds())


def _gate(item: Object) -> GateLine:
    texts = {key: str(item.get(key, "") or "") for key in ("name", "value", "bound", "verdict", "message")}
    interval = f"{item['low']} … {item['high']}" if item.get("low") and item.get("high") else ""
    return GateLine(
        interval=interval, stable=str(item.get("stableValue", "")), samples=str(item.get("samples", "")), **texts
    )


def _variant(item: Object) -> VariantLine:
    texts = {key: str(item.get(key, "")) for key in ("name", "role", "version", "revision", "weight")}
    return VariantLine(ready=f"{item.get('readyReplicas', 0)}/{item.get('replicas', 0)}", **texts)


def _trouble(conditions: Sequence[Object]) -> str:
    """The message of what stalls a rollout, when something does."""
    for item in conditions:
        if item.get("type") == "Stalled" and item.get("status") == "True":
            return f"{item.get('reason')}: {item.get('message')}"
    return ""
