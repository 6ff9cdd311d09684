"""KServe in Standard mode, the endpoint slice controller and the garbage collector, as far as a rollout sees them."""

from __future__ import annotations

from datetime import datetime

from slipway.core.plan import ObjectKey

from tests.unit.core.api_server import FOREGROUND, ApiServer, Object
from tests.unit.core.traffic_model import Behaviour, Prometheus


class KServe(ApiServer):
    """Pods become ready `start_seconds` after their Deployment was made, if the version's process lives."""

    def __init__(self, versions: dict[str, Behaviour]) -> None:
        super().__init__()
        self.versions, self.start_seconds = versions, 3
        self.starts: dict[str, bool] = {}
        self.unready: dict[str, int] = {}
        """How many pods are not ready just now, by their InferenceService."""
        self.revisions: dict[str, str] = {}
        self.prometheus = Prometheus()

    def _age(self, obj: Object) -> float:
        return (self.now - datetime.fromisoformat(obj["metadata"]["creationTimestamp"])).total_seconds()

    def _serve(self, key: ObjectKey, obj: Object) -> None:
        """KServe: nothing for what is being deleted; else Deployment and Service, where none of that name exist."""
        meta, name = obj["metadata"], f"{key.name}-predictor"
        if meta.get("deletionTimestamp"):
            if "inferenceservice.finalizers" in meta.get("finalizers", ()):
                meta["finalizers"] = [f for f in meta["finalizers"] if f != "inferenceservice.finalizers"]
                self.touch(obj)
            self.collect(key)
            return
        for child in (ObjectKey("apps/v1", "Deployment", "ns", name), ObjectKey("v1", "Service", "ns", name)):
            if child not in self.objects:
                self.put(
                    child, {"replicas": obj["spec"]["predictor"]["minReplicas"]}, ownerReferences=[{"uid": meta["uid"]}]
                )
        deployment = self.objects[ObjectKey("apps/v1", "Deployment", "ns", name)]
        if deployment["metadata"]["ownerReferences"][0]["uid"] == meta["uid"]:
            deployment["spec"]["replicas"] = obj["spec"]["predictor"]["minReplicas"]
        environment = {e["name"]: e.get("value") for e in obj["spec"]["predictor"]["containers"][0]["env"]}
        revision = self.revisions[name] = environment["SLIPWAY_REVISION"]
        how = self.prometheus.behaviour[revision] = self.versions[environment["SLIPWAY_VERSION"]]
        self.prometheus.version_of[revision] = environment["SLIPWAY_VERSION"]
        self.starts[name] = how.starts

    def _garbage(self) -> None:
        """The collector takes what has no owner any more, six seconds late; after a foreground deletion at once what
        has one."""
        for key in [k for k, obj in self.objects.items() if FOREGROUND in (obj["metadata"].get("finalizers") or ())]:
            self._collect_children(key)
        owners = {obj["metadata"]["uid"] for key, obj in self.objects.items() if key.kind == "InferenceService"}
        for key in [k for k in self.objects if k.kind in ("Deployment", "Service")]:
            meta = self.objects[key]["metadata"]
            if meta["ownerReferences"][0]["uid"] in owners:
                continue
            meta["lost"] = meta.get("lost", 0) + 1
            if meta["lost"] > 6:
                del self.objects[key]

    def _collect_children(self, owner: ObjectKey) -> None:
        meta = self.objects[owner]["metadata"]
        for key in [k for k in self.objects if k.kind in ("Deployment", "Service")]:
            if self.objects[key]["metadata"]["ownerReferences"][0]["uid"] == meta["uid"]:
                del self.objects[key]
        meta["finalizers"] = [each for each in meta["finalizers"] if each != FOREGROUND]
        self.touch(self.objects[owner])
        self.collect(owner)

    def endpoints(self) -> dict[str, int]:
        """Ready endpoints by Service name."""
        found = {}
        for key, obj in self.objects.items():
            ready = key.kind == "Deployment" and self.starts[key.name] and self._age(obj) >= self.start_seconds
            lost = self.unready.get(key.name.removesuffix("-predictor"), 0)
            found |= {key.name: obj["spec"]["replicas"] - lost} if ready else {}
        return found

    def _publish(self) -> None:
        """Conditions and EndpointSlices follow what is ready."""
        ready = self.endpoints()
        for key in [k for k in self.objects if k.kind == "EndpointSlice"]:
            del self.objects[key]
        for key, obj in list(self.objects.items()):
            count = ready.get(f"{key.name}-predictor" if key.kind == "InferenceService" else key.name, 0)
            if key.kind == "InferenceService":
                obj["status"] = {"conditions": [{"type": "Ready", "status": str(count > 0)}]}
            elif key.kind == "Deployment":
                obj["status"] = {"readyReplicas": count}
            elif key.kind == "Service":
                self._slice(key.name, count)

    def _slice(self, service: str, count: int) -> None:
        labels = {"kubernetes.io/service-name": service}
        slice_ = self.put(ObjectKey("discovery.k8s.io/v1", "EndpointSlice", "ns", f"{service}-x"), None, labels=labels)
        slice_["endpoints"] = [{"addresses": [f"10.0.0.{i}"], "conditions": {"ready": True}} for i in range(count)]

    def routable(self) -> set[str]:
        """Names of Services that exist."""
        return {key.name for key in self.objects if key.kind == "Service"}
