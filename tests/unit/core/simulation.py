"""A small cluster in memory: API server, KServe, Gateway, Job controller, registry and traffic, one second a step.

The operator under test is the real controller: its observe reads this world, its plans change it. It can be killed
between any two of its writes, which costs it everything but what it wrote.
"""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from slipway.controllers.rollout import RolloutController
from slipway.core.desired.names import PAIRS_LABEL, PROOF_LABEL
from slipway.core.desired.performance_job import PERFORMANCE_LABEL
from slipway.core.ledger.archive import tags
from slipway.core.plan import (
    Apply,
    Archive,
    Create,
    Delete,
    Deliver,
    ObjectKey,
    Outcome,
    Plan,
    SetFinalizers,
    SetOwners,
    Unavailable,
)
from slipway.runtime.world import ModelVersion, Sample, Settings

from tests.unit.core.api_server import Object
from tests.unit.core.jobs_model import TASK_SPEC, Jobs
from tests.unit.core.traffic_model import Behaviour, Counts, arms

KEY = ObjectKey("slipway.dev/v1alpha1", "ModelRollout", "ns", "fraud")
ROUTE = ObjectKey("gateway.networking.k8s.io/v1", "HTTPRoute", "ns", "fraud")
TASK = ObjectKey("slipway.dev/v1alpha1", "ModelTask", "ns", "fraud")


class Killed(Exception):
    """The operator dies here."""


class Simulation(Jobs):
    """`requests` and `entities` per second reach the gateway once it carries a route."""

    settings = Settings(
        prometheus="p",
        mlflow="http://mlflow",
        builder_image="builder:1",
        base_image="base:1",
        registry="registry:5000",
        pipelines_image="pipelines:1",
    )

    def __init__(self, spec: Mapping[str, Any], versions: Mapping[str, Behaviour]) -> None:
        super().__init__(dict(versions))
        self.alias, self.evaluation = "", "passed"
        self.requests, self.entities = 200.0, 60.0
        self.runs = {"runs:/0f3c/model"}
        self.tags: dict[str, dict[str, str]] = {}
        self.trained: dict[str, str] = {}
        self.courier: dict[str, Outcome] = {}
        self.sent: list[Deliver] = []
        self.receivers_up = True
        self.tags_up, self.contents_up = True, True
        self.writes = 0
        self.kill: Callable[[int], bool] = lambda write: False
        self.prometheus_up, self.mlflow_up = True, True
        self.carried: Object | None = None
        self.refused, self.skew = "", 1.0
        self.wake, self.seen = self.now, ""
        self.client_errors: list[str] = []
        self.trace: list[tuple[str, int, str, str]] = []
        self.notices: list[str] = []
        self.operator_writes: list[str] = []
        self.loop = asyncio.new_event_loop()
        self.put(KEY, spec=copy.deepcopy(dict(spec)), finalizers=[])
        self.put(TASK, spec=copy.deepcopy(TASK_SPEC))

    # World

    async def query(self, promql: str, now: datetime) -> Sequence[Sample] | Unavailable:
        if not self.prometheus_up:
            return Unavailable("PrometheusUnavailable", "Prometheus did not answer")
        return self.prometheus.answer(promql)

    async def model_version(self, name: str, version: str | None, alias: str | None) -> ModelVersion | Unavailable:
        if not self.mlflow_up:
            return Unavailable("MLflowUnavailable", "MLflow did not answer")
        found = version or self.alias
        if found not in self.versions:
            return Unavailable("ModelVersionNotFound", f"model {name} has no version {found}")
        carried = self.trained.get(found, "")
        digest = f"sha256:{found:>064}"
        return ModelVersion(name, found, digest, self.evaluation, f"run-{found}", "", definitions=carried)

    async def model_run(self, uri: str) -> Unavailable | None:
        return None if uri in self.runs else Unavailable("RunNotFound", f"MLflow has no run of {uri}")

    async def run_tags(self, run: str) -> Mapping[str, str] | Unavailable:
        if not self.tags_up:
            return Unavailable("MLflowUnavailable", "MLflow did not answer")
        return dict(self.tags.get(run, {}))

    async def content_digests(self, key: ObjectKey) -> Mapping[str, str] | Unavailable | None:
        if not self.contents_up:
            return Unavailable("ReferenceUnavailable", f"{key.kind} {key.name} could not be read")
        found = self.objects.get(key)
        return {name: f"hmac {value}" for name, value in found["data"].items()} if found else None

    def outcomes(self, uid: str) -> Mapping[str, Outcome]:
        return dict(self.courier)

    # the operator

    def reconcile(self) -> Plan | None:
        """One reconcile with kills; returns the plan unless killed."""
        obj = self.get(KEY)
        if obj is None:
            return None
        controller = RolloutController()
        plan = controller.decide(self.loop.run_until_complete(controller.observe(obj, self, self.now)), self.now)
        try:
            for action in plan.actions:
                if not self._is_done(action):
                    self._act(action)
                    self._count(type(action).__name__)
            self._write_status(plan)
        except Killed:
            return None
        self.notices += [notice.reason for notice in plan.notices]
        return plan

    def _count(self, what: str) -> None:
        self.writes += 1
        self.operator_writes.append(what)
        if self.kill(self.writes):
            raise Killed

    def _write_status(self, plan: Plan) -> None:
        rollout = self.objects.get(KEY)
        if rollout is None or plan.status is None or plan.status == rollout.get("status"):
            return
        rollout["status"] = json.loads(json.dumps(plan.status))
        self.touch(rollout)
        stage = rollout["status"].get("stage") or {}
        weights = {v["name"]: v.get("weight", "") for v in rollout["status"].get("variants", [])}
        line = (stage.get("type", ""), stage.get("index", 0), stage.get("name", ""), weights.get("candidate", ""))
        if not self.trace or self.trace[-1] != line:
            self.trace.append(line)
        self._count("Status")

    def _is_done(self, action: Any) -> bool:
        """What the API server answers without a write: it exists, has these owners, or is gone. Of ConfigMaps only,
        which the operator does not watch. An Archive is a write to MLflow."""
        if isinstance(action, Archive | Deliver):
            self._act(action)
            return True
        key = self._key(action.manifest) if isinstance(action, Create) else getattr(action, "key", KEY)
        if key.kind != "ConfigMap":
            return False
        live = self.objects.get(key)
        if isinstance(action, SetOwners):
            return live is None or live["metadata"].get("ownerReferences", []) == list(action.owners)
        return (live is not None) == isinstance(action, Create)

    def _act(self, action: Any) -> None:
        match action:
            case Apply():
                self._apply(copy.deepcopy(dict(action.manifest)))
            case Create():
                self._create(copy.deepcopy(dict(action.manifest)))
            case Delete(key=key, uid=uid):
                if key in self.objects and uid in ("", self.objects[key]["metadata"]["uid"]):
                    self.delete(key)
            case SetFinalizers(key=key, resource_version=version, finalizers=finalizers):
                obj = self.objects[key]
                assert obj["metadata"]["resourceVersion"] == version, "a fenced write on an old version"
                obj["metadata"]["finalizers"] = list(finalizers)
                self.touch(obj)
                self.collect(key)

            case SetOwners(key=key, owners=owners):
                if key in self.objects:
                    self.objects[key]["metadata"]["ownerReferences"] = list(owners)
                    self.touch(self.objects[key])
            case Deliver(receiver=receiver, sequence=sequence):
                self.sent.append(action)
                self.courier[receiver] = Outcome(sequence, self.receivers_up, "" if self.receivers_up else "HTTP 500")
            case Archive(key=key, entry=entry, run=run, prefix=prefix):
                if self.tags_up and key in self.objects:
                    self.tags.setdefault(run, {}).update(tags(prefix, self.objects[key]["data"][entry]))

    def _key(self, manifest: Mapping[str, Any]) -> ObjectKey:
        meta = manifest["metadata"]
        return ObjectKey(manifest["apiVersion"], manifest["kind"], meta["namespace"], meta["name"])

    def _create(self, manifest: Object) -> None:
        key = self._key(manifest)
        if key not in self.objects:
            made = self.put(key, manifest.get("spec"), **manifest["metadata"])
            made.update({part: manifest[part] for part in ("data", "immutable") if part in manifest})

    def _apply(self, manifest: Object) -> None:
        key = self._key(manifest)
        if key.kind == self.refused:
            raise Killed
        if key.kind == "InferenceService":
            container = manifest["spec"]["predictor"]["containers"][0]
            container.setdefault("resources", {"limits": {"cpu": "1"}, "requests": {"cpu": "100m"}})
            finalizers = {*manifest["metadata"]["finalizers"], "inferenceservice.finalizers"}
            manifest["metadata"]["finalizers"] = sorted(finalizers)
        live = self.objects.get(key)
        if live is None:
            self.put(key, manifest["spec"], **manifest["metadata"])
            return
        if key.kind == "HTTPRoute":  # of fields that nobody applies the owner is somebody else
            manifest["spec"] = {**live["spec"], **manifest["spec"]}
        changed = live["spec"] != manifest["spec"]
        kept = {k: v for k, v in live["metadata"].items() if k != "ownerReferences"}
        if changed or {**kept, **manifest["metadata"]} != live["metadata"]:
            live["spec"], live["metadata"] = manifest["spec"], {**kept, **manifest["metadata"]}
            self.touch(live, new_generation=changed)

    # the rest of the cluster

    def tick(self) -> None:
        """One second of everybody else."""
        self.now += timedelta(seconds=1)
        for key, obj in list(self.objects.items()):
            if key.kind == "InferenceService":
                self._serve(key, obj)
            elif key.kind == "Job" and PROOF_LABEL in obj["metadata"]["labels"]:
                self._prove(obj)
            elif key.kind == "Job" and PAIRS_LABEL in obj["metadata"]["labels"]:
                self._compare(obj)
            elif key.kind == "Job" and PERFORMANCE_LABEL in obj["metadata"]["labels"]:
                self._look(obj)
            elif key.kind == "Job":
                self._build(obj)
        self._garbage()
        self._gateway()
        self._traffic()

    def _gateway(self) -> None:
        route = self.objects.get(ROUTE)
        if route is None:
            self.carried = None
            return
        named = {service for service, *_ in arms(route["spec"])}
        generation, ok = route["metadata"]["generation"], str(named <= self.routable())
        conditions = [
            {"type": "Accepted", "status": "True", "observedGeneration": generation},
            {"type": "ResolvedRefs", "status": ok, "observedGeneration": generation},
        ]
        route["status"] = {"parents": [{"conditions": conditions}]}
        self.carried = copy.deepcopy(route["spec"])

    def _traffic(self) -> None:
        self._publish()
        self.prometheus.tick()
        if self.carried is None:
            return
        ready = self.endpoints()
        for service, share, chosen, assignment, mirrored in arms(self.carried):
            if service not in self.routable() or (not mirrored and share > 0 and not ready.get(service)):
                self.client_errors.append(f"{self.now:%H:%M:%S} {service} cannot answer its {share:.0%}")
                continue
            revision = self.revisions[service]
            traffic = "live" if revision == chosen else "shadow"
            if ready.get(service):
                off = self.skew if share < 0.5 else 1.0
                self._record((revision, traffic, assignment.split(".")[1]), share * off)

    def _record(self, key: tuple[str, str, str], share: float) -> None:
        counts = self.prometheus.counts.setdefault(key, Counts())
        counts.requests += self.requests * share
        counts.entities += self.entities * share

    # running

    def settle(self, most: int = 40) -> None:
        """The operator works until it has nothing more to do at this instant."""
        for _ in range(most):
            before = self.writes
            plan = self.reconcile()
            if KEY not in self.objects:
                return
            if plan is not None and before == self.writes and plan.requeue_after != 0:
                after = timedelta(seconds=plan.requeue_after) if plan.requeue_after is not None else timedelta(days=1)
                self.wake, self.seen = self.now + after, self._world()
                return
        raise AssertionError(f"the operator does not come to rest: {self.operator_writes[-10:]}")

    def _world(self) -> str:
        """All that makes events: every object, but for the versions that a rewritten EndpointSlice gets each second."""
        slices = str(self.endpoints())
        return slices + repr([obj for key, obj in self.objects.items() if key.kind != "EndpointSlice"])

    def run(self, seconds: int, until: Callable[[Simulation], bool] | None = None) -> Simulation:
        """Second by second the cluster, and the operator when an event or its own wish wakes it."""
        for _ in range(seconds):
            if self.now >= self.wake or self._world() != self.seen:
                self.settle()
            if until is not None and until(self):
                return self
            self.tick()
        assert until is None, f"not reached in {seconds} s: {self.status.get('phase')} {self.message}"
        return self

    @property
    def status(self) -> Object:
        return self.objects[KEY].get("status", {}) if KEY in self.objects else {}

    @property
    def message(self) -> str:
        return f"{self.condition('Progressing')} {(self.status.get('stage') or {}).get('message')}"

    def condition(self, kind: str) -> tuple[str, str, str]:
        found = next((c for c in self.status.get("conditions", ()) if c["type"] == kind), None)
        return (found["status"], found["reason"], found["message"]) if found else ("", "", "")

    def variants(self) -> dict[str, Object]:
        return {v["name"]: v for v in self.status.get("variants", ())}

    def services(self) -> Iterator[str]:
        return (key.name for key in self.objects if key.kind == "InferenceService")
