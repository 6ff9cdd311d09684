"""The simulated cluster with people who create RolloutRequests, and the operator's controller that answers them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from slipway.api.v1alpha1.rolloutrequest import FORWARD
from slipway.controllers.request import RequestController
from slipway.core.plan import Delete, ObjectKey, Unavailable
from slipway.runtime.world import ModelVersion

from tests.unit.core.api_server import remembered
from tests.unit.core.simulation import KEY, ROUTE, Killed, Simulation
from tests.unit.core.specs import GOOD, in_stage, pin, spec
from tests.unit.core.traffic_model import Behaviour, arms

SIGN_OFF = {"name": "sign-off", "type": "Approval", "approval": {"groups": ["risk", "audit"]}}


class Commanded(Simulation):
    """`causes` says why a version was trained."""

    def __init__(self, spec: Mapping[str, Any], versions: Mapping[str, Behaviour]) -> None:
        super().__init__(spec, versions)
        self.causes: dict[str, str] = {}
        self.asked = 0

    async def model_version(self, name: str, version: str | None, alias: str | None) -> ModelVersion | Unavailable:
        found = await super().model_version(name, version, alias)
        if isinstance(found, Unavailable):
            return found
        return replace(found, run="", cause=self.causes.get(found.version, ""))

    def ask(self, action: str, by: str = "ada", reason: str = "told to", **more: Any) -> ObjectKey:
        """A person creates a request; the API server's own check of who they are is tried elsewhere."""
        self.asked += 1
        key = ObjectKey("slipway.dev/v1alpha1", "RolloutRequest", "ns", f"request-{self.asked}")
        target = {"kind": "ModelRollout", "name": KEY.name}
        if action in FORWARD:
            more.setdefault("revision", self.variants().get("candidate", {}).get("revision", "0123456789"))
        self.put(key, {"target": target, "action": action, "requester": by, "reason": reason, **more})
        return key

    def answer(self, key: ObjectKey) -> tuple[str, str]:
        """Phase and reason of a request's own status."""
        status = self.objects[key].get("status", {})
        return status.get("phase", ""), status.get("reason", "")

    def all_requests(self) -> Sequence[ObjectKey]:
        return [key for key in self.objects if key.kind == "RolloutRequest"]

    def settle(self, most: int = 60) -> None:
        """Both controllers, until neither has anything more to do at this instant."""
        for _ in range(most):
            super().settle(most)
            before = self.writes
            for key in self.all_requests():
                self._answer(key)
            if self.writes == before:
                self.seen = self._world()
                return
        raise AssertionError("the requests do not come to rest")

    def _answer(self, key: ObjectKey) -> None:
        controller, obj = RequestController(), self.get(key)
        assert obj is not None
        snapshot = self.loop.run_until_complete(controller.observe(obj, self, self.now))
        plan = controller.decide(snapshot, self.now)
        try:
            for action in plan.actions:
                assert isinstance(action, Delete)
                self.delete(action.key)
                self._count("DeleteRequest")
            if plan.status is not None and plan.status != obj.get("status"):
                self.objects[key]["status"] = json.loads(json.dumps(plan.status))
                self.touch(self.objects[key])
                self._count("RequestStatus")
        except Killed:
            return


@remembered
def commanded(second: Behaviour = GOOD, **changes: Any) -> Commanded:
    """Version 1 serves; versions 2, 3 and 4 are in the registry."""
    sim = Commanded(spec(**changes), {"1": GOOD, "2": second, "3": GOOD, "4": GOOD})
    sim.run(60, lambda s: s.status.get("phase") == "Serving")
    return sim


@remembered
def rolling(stage: str, second: Behaviour = GOOD, **changes: Any) -> Commanded:
    """Version 2 is on its way, in a stage that lasts."""
    sim = commanded(second, **changes)
    pin(sim, "2").run(300, in_stage(stage))
    sim.run(3)
    return sim


def patient(*more: Mapping[str, Any], place: int = 3) -> list[dict[str, Any]]:
    """The stages of `spec`, each an hour long, with others put in."""
    stages = [{**each, "minDuration": "1h"} for each in spec()["stages"]]
    return [*stages[:place], *(dict(each) for each in more), *stages[place:]]


def last(sim: Simulation) -> dict[str, Any]:
    """The newest entry of history."""
    return dict(sim.status["history"][0])


def weights(sim: Commanded) -> dict[str, float]:
    """What the live route gives, by version."""
    versions = {v["inferenceService"]: v["version"] for v in sim.variants().values()}
    found: dict[str, float] = {}
    for service, share, *_ in arms(sim.objects[ROUTE]["spec"]):
        version = versions[service.removesuffix("-predictor")]
        found[version] = found.get(version, 0.0) + share
    return {version: share for version, share in found.items() if share > 0}


def asked(entry: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The requests that history keeps of a version: action, requester, reason."""
    return [(each["action"], each["requester"], each["reason"]) for each in entry.get("requests", [])]


def ask_now(sim: Commanded, action: str, **more: Any) -> ObjectKey:
    """A request that both controllers have seen."""
    request = sim.ask(action, **more)
    sim.settle()
    return request
