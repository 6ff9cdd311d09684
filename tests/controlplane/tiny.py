"""A tiny operator on the real runtime: a Widget climbs step by step, leaving a ConfigMap for each.

Run as a process: `python -m tests.controlplane.tiny [flags of slipway]`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slipway.application import Application
from slipway.core.plan import Action, Apply, Create, Notice, ObjectKey, Plan
from slipway.runtime import logs, options
from slipway.runtime.kinds import API_VERSION, MANAGED, Kind
from slipway.runtime.world import Object, World

WIDGET = Kind(API_VERSION, "Widget", "widgets")
CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps", selector=MANAGED)
KINDS = (WIDGET, CONFIG_MAP, Kind("absent.slipway.dev/v1", "Nowhere", "nowheres"))


@dataclass(frozen=True)
class Snapshot:
    """A Widget and the ConfigMap that shows its step."""

    widget: Mapping[str, Any]
    shown: Mapping[str, Any] | None


class WidgetController:
    """Follows the transition rule: acts on the status that was persisted, then moves the status by one step."""

    kind = "Widget"

    async def observe(self, obj: Object, world: World, now: datetime) -> Snapshot:
        """The ConfigMap from the cache."""
        metadata = obj["metadata"]
        return Snapshot(obj, world.get(ObjectKey("v1", "ConfigMap", metadata["namespace"], metadata["name"])))

    def decide(self, snapshot: Snapshot, now: datetime) -> Plan:
        """One step at a time, each only after the one before is seen in the world."""
        spec, name = snapshot.widget["spec"], snapshot.widget["metadata"]["name"]
        status = snapshot.widget.get("status") or {}
        step, last = int(status.get("step", 0)), int(spec.get("steps", 0))
        version = snapshot.shown["metadata"]["resourceVersion"] if snapshot.shown and spec.get("fenced") else None
        shown = _config_map(snapshot.widget, name, {"step": str(step), **spec.get("data", {})})
        actions: list[Action] = [Apply(shown, version)]
        if spec.get("log"):
            actions.append(Create(_config_map(snapshot.widget, f"{name}-{step}", {"step": str(step)})))
        seen = snapshot.shown is not None and snapshot.shown["data"].get("step") == str(step)
        if seen and step < last:
            notice = Notice("Normal", "Climbed", f"at step {step + 1}")
            return Plan(tuple(actions), {"step": step + 1}, (notice,), requeue_after=0)
        return Plan(tuple(actions), {"step": step})


def _config_map(widget: Mapping[str, Any], name: str, data: Mapping[str, str]) -> dict[str, Any]:
    metadata = widget["metadata"]
    owner = {"apiVersion": API_VERSION, "kind": "Widget", "name": metadata["name"], "uid": metadata["uid"]}
    labels = {"app.kubernetes.io/managed-by": "slipway"}
    kept = {"name": name, "namespace": metadata["namespace"], "labels": labels, "ownerReferences": [owner]}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": kept, "data": dict(data)}


def main() -> int:
    """The operator, with one kind."""
    chosen = options.parse(sys.argv[1:])
    logs.configure(chosen.log_level, as_json=chosen.json_logs)
    return asyncio.run(Application(chosen, [WidgetController()], KINDS).run())


if __name__ == "__main__":
    sys.exit(main())
