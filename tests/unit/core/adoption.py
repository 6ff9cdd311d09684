"""The simulated cluster with an InferenceService, and perhaps a route, of somebody else's."""

from __future__ import annotations

import copy
from typing import Any

from slipway.core.plan import ObjectKey

from tests.unit.core.api_server import remembered
from tests.unit.core.commanded import Commanded
from tests.unit.core.simulation import ROUTE, Object
from tests.unit.core.specs import GOOD, spec
from tests.unit.core.traffic_model import Behaviour

LEGACY = ObjectKey("serving.kserve.io/v1beta1", "InferenceService", "ns", "legacy")
SERVICE = "legacy-predictor"
FOREIGN_ROUTE = {
    "parentRefs": [{"name": "public"}],
    "hostnames": ["shop.example.com"],
    "rules": [
        {
            "matches": [{"path": {"type": "PathPrefix", "value": "/v1/models/legacy:predict"}}],
            "backendRefs": [{"group": "", "kind": "Service", "name": SERVICE, "port": 80, "weight": 1}],
            "timeouts": {"request": "5s"},
        }
    ],
}


class Town(Commanded):
    """A namespace with an InferenceService of somebody's own, and maybe a route to it."""

    def __init__(self, wanted: dict[str, Any], second: Behaviour = GOOD, route: bool = False) -> None:
        super().__init__(wanted, {"1": second, "2": GOOD})
        self.mode = "Standard"
        predictor = {"minReplicas": 2, "model": {"modelFormat": {"name": "sklearn"}, "image": "sklearn:1"}}
        self.put(LEGACY, {"predictor": predictor}, finalizers=["inferenceservice.finalizers"])
        if route:
            self.put(ROUTE, copy.deepcopy(FOREIGN_ROUTE), labels={"team": "a"})
        for _ in range(8):
            self.tick()
        self.client_errors.clear()

    def _serve(self, key: ObjectKey, obj: Object) -> None:
        if key != LEGACY:
            return super()._serve(key, obj)
        for kind in (("apps/v1", "Deployment"), ("v1", "Service")):
            child = ObjectKey(*kind, "ns", SERVICE)
            if child not in self.objects:
                self.put(child, {"replicas": 2}, ownerReferences=[{"uid": obj["metadata"]["uid"]}])
        self.starts[SERVICE], self.revisions[SERVICE] = True, ""

    def _publish(self) -> None:
        super()._publish()
        if LEGACY in self.objects:
            self.objects[LEGACY]["status"]["deploymentMode"] = self.mode

    def _record(self, key: tuple[str, str, str], share: float) -> None:
        if key[0]:
            super()._record(key, share)


def adopting(**changes: Any) -> dict[str, Any]:
    asked = {"adopt": {"inferenceServiceRef": {"name": "legacy"}}, "paused": True}
    return spec(**{**asked, **changes})


def adopting_route(**changes: Any) -> dict[str, Any]:
    wanted = adopting(deletionPolicy="Orphan", **changes)
    wanted["traffic"] = copy.deepcopy(wanted["traffic"])
    wanted["traffic"]["gatewayAPI"]["httpRouteRef"] = {"name": "fraud"}
    return wanted


@remembered
def adopted(wanted: dict[str, Any], second: Behaviour = GOOD, route: bool = False) -> Town:
    town = Town(wanted, second, route)
    town.run(30, lambda s: s.condition("Adopted")[0] == "True").run(5)
    return town
