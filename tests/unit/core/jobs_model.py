"""The Job controller of the simulated cluster, and what builders and probers say at their end."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from slipway.core.plan import ObjectKey

from tests.unit.core.api_server import Object
from tests.unit.core.kserve_model import KServe
from tests.unit.core.pair_words import Told, pair_words
from tests.unit.core.traffic_model import Behaviour
from tests.unit.drift.labelled_world import Said

TASK_SPEC = {
    "goal": "Lose less money to card fraud",
    "justification": "Changing",
    "type": "BinaryClassification",
    "label": {"column": "is_fraud", "positive": "1"},
    "serving": {"mode": "Inline", "latency": {"p99": "100ms", "concurrency": 8}},
    "features": [{"name": "amount", "type": "Numeric"}],
    "metrics": {"primary": "average_precision"},
    "criteria": [{"name": "catch", "expression": "recall >= 0.75"}],
}


class Jobs(KServe):
    """`timed` counts the benchmarks by version; while `node_up` is False no proof comes to an end; `missing` is what a
    builder's pod waits for. `told` is what comparisons of pairs find; None: they never end. `compared` are those
    that were made. `matured` and `looked` are the same of measurements on matured labels."""

    def __init__(self, versions: dict[str, Behaviour]) -> None:
        super().__init__(versions)
        self.build_seconds, self.proof_seconds = 3, 2
        self.registry_up, self.node_up, self.missing = True, True, ""
        self.timed: Counter[str] = Counter()
        self.told: Told | str | None = Told()
        self.compared: list[Object] = []
        self.matured: Said | str | None = None
        self.looked: list[Object] = []

    def _build(self, job: Object) -> None:
        if self.missing:
            self.say_of(job, {"waiting": {"reason": "CreateContainerConfigError", "message": self.missing}})
            return
        if job.get("status") or not self.registry_up or self._age(job) < self.build_seconds:
            return
        arguments = job["spec"]["template"]["spec"]["containers"][0]["args"]
        known = "--expect-digest" in arguments
        digest = arguments[arguments.index("--expect-digest") + 1] if known else f"sha256:{'d' * 64}"
        said = {"image": f"registry:5000/ns/fraud@{digest}", "modelDigest": digest}
        self.finish(job, "Complete", said)

    def _prove(self, job: Object) -> None:
        if job.get("status") or not self.node_up or self._age(job) < self.proof_seconds:
            return
        pod = job["spec"]["template"]["spec"]
        version = next(e["value"] for e in pod["initContainers"][0]["env"] if e["name"] == "SLIPWAY_VERSION")
        how = self.versions.get(version, Behaviour())
        if not how.proves:
            died = {"exitCode": 1, "reason": "Error", "message": "ModuleNotFoundError: No module named 'cats'"}
            self.pod_of(job, {"initContainerStatuses": [{"name": "model", "lastState": {"terminated": died}}]})
            return
        timing = {"benchmark": self._timing(version, how)} if "--requests" in pod["containers"][0]["args"] else {}
        self.finish(job, "Complete", {"proof": {"ready": 2.0, **timing}})

    def _compare(self, job: Object) -> None:
        if job["metadata"]["name"] not in [each["metadata"]["name"] for each in self.compared]:
            self.compared.append(job)
        if job.get("status") or self.told is None or self._age(job) < 2:
            return
        if isinstance(self.told, str):
            self.finish(job, "Failed", {"error": {"reason": self.told, "message": "the store says no"}})
        else:
            self.finish(job, "Complete", {"pairs": pair_words(self.told)})

    def _look(self, job: Object) -> None:
        if job["metadata"]["name"] not in [each["metadata"]["name"] for each in self.looked]:
            self.looked.append(job)
        if job.get("status") or self.matured is None or self._age(job) < 2:
            return
        if isinstance(self.matured, str):
            self.finish(job, "Failed", {"error": {"reason": self.matured, "message": "the database says no"}})
        else:
            self.finish(job, "Complete", json.loads(self.matured.words()))

    def _timing(self, version: str, how: Behaviour) -> Object:
        p99 = list(how.timings[min(self.timed[version], len(how.timings) - 1)])
        self.timed[version] += 1
        figures = {
            "requests": 1000, "failed": how.unanswered, "failure": "500", "throughput": 200.0, "concurrency": 1,
            "pauses": 0.001,
        }  # fmt: skip
        return {**figures, "p50": [0.6 * each for each in p99], "p95": [0.8 * each for each in p99], "p99": p99}

    def pod_of(self, job: Object, status: Object) -> Object:
        """A Job's one pod."""
        meta, key = job["metadata"], ObjectKey("v1", "Pod", "ns", f"{job['metadata']['name']}-1")
        owners = [{"uid": meta["uid"]}]
        pod = self.objects.get(key)
        if pod is None or pod["metadata"]["ownerReferences"] != owners:
            pod = self.put(key, None, labels=meta["labels"], ownerReferences=owners)
        pod["status"] = status
        return pod

    def finish(self, job: Object, how: str, said: Mapping[str, Any]) -> None:
        """A Job ends, and its pod has said something."""
        job["status"] = {"conditions": [{"type": how, "status": "True"}], "completionTime": self.now.isoformat()}
        self.say_of(job, {"terminated": {"message": json.dumps(said)}})

    def say_of(self, job: Object, state: Mapping[str, Any]) -> None:
        """The state of the container of a Job's pod."""
        self.pod_of(job, {"containerStatuses": [{"state": dict(state)}]})
