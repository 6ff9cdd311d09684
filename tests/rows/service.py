"""One service under test: a ModelRollout, the requests that it gets, and what can be seen of it from outside."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from tests.demo import kube, traffic, view
from tests.demo.data import Row
from tests.demo.kube import Cluster, Object, condition
from tests.demo.prometheus import Prometheus
from tests.demo.settings import Environment

GROUP = "slipway.dev/v1alpha1"
SERVED = 480
"""Seconds in which an image is built, proven and started, where three workers ask for that at once on two cores."""
SMALL = {"requests": {"cpu": "30m", "memory": "160Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}}
# A promise of what a healthy model reaches with the few hundred requests of a test.
GATES = [{"name": "errors", "metric": "error_rate", "op": "<=", "bound": "10%"}]
SAYS_PHISHING = {"name": "says-phishing", "metric": "positive_rate", "op": ">=", "differenceToStable": "-25%"}


class Service:
    """A ModelRollout by name, with the client's way to it."""

    def __init__(self, name: str, namespace: str, cluster: Cluster, environment: Environment) -> None:
        self.name, self.namespace, self.cluster = name, namespace, cluster
        self.host = f"{name}.{namespace}.example.com"
        self.label = f"{namespace}/{name}"
        self._environment = environment
        self.target = traffic.Target(environment.gateway_address, environment.gateway_port, self.host, name)
        self.prometheus = Prometheus(environment.prometheus)

    def create(self, version: str, stages: Sequence[Object], **spec: Any) -> Object:
        """Applies the ModelRollout and waits until its first version serves."""
        self.apply(version, stages, **spec)
        return self.await_serving(version)

    def apply(self, version: str, stages: Sequence[Object], **spec: Any) -> None:
        """Applies the ModelRollout and goes on."""
        self.cluster.apply(self.manifest(version, stages, **spec))

    def await_serving(self, version: str) -> Object:
        """Waits until a version is stable and ready."""
        return self.wait(lambda found: self.serves(found, version), SERVED, f"version {version} serves")

    def manifest(self, version: str, stages: Sequence[Object], **spec: Any) -> Object:
        parent = {"name": self._environment.gateway_name, "namespace": self._environment.gateway_namespace}
        base: Object = {
            "taskRef": {"name": "phishing"},
            "model": {"type": "MLflow", "mlflow": {"name": "phishing-tests", "version": version}},
            "predictor": {"minReplicas": 1, "resources": SMALL},
            "warmUp": "1s",
            "initialRevision": "ServeDirectly",
            "traffic": {
                "type": "GatewayAPI",
                "gatewayAPI": {"parentRefs": [parent], "hostnames": [self.host], "timeouts": {"request": "5s"}},
                "assignment": {"header": "x-slipway-bucket"},
            },
            "stages": list(stages),
            "gates": GATES,
            "promotion": {"keepPrevious": {"atLeast": "1h", "atMost": "1d"}},
            "rollback": {"scaleDownDelay": "5s"},
        }
        meta = {"name": self.name, "namespace": self.namespace}
        return {"apiVersion": GROUP, "kind": "ModelRollout", "metadata": meta, "spec": {**base, **spec}}

    def pin(self, version: str) -> None:
        """What a merged pull request does: one field changes."""
        self.patch({"spec": {"model": {"mlflow": {"version": version}}}})

    def patch(self, body: Object) -> None:
        self.cluster.patch("ModelRollout", self.name, self.namespace, body)

    def read(self) -> Object:
        return self.cluster.get("ModelRollout", self.name, self.namespace) or {}

    def view(self) -> view.View:
        return view.read(self.read(), datetime.now(UTC))

    def route(self) -> Object:
        return self.cluster.get("HTTPRoute", self.name, self.namespace) or {}

    def wait(self, done: Callable[[Object], bool], seconds: float, what: str) -> Object:
        return kube.wait(lambda: self.read() or None, done, seconds, f"{self.label}: {what}", every=0.5)

    def serves(self, rollout: Object, version: str) -> bool:
        current = rollout.get("status", {}).get("observedGeneration") == rollout["metadata"].get("generation")
        is_ready = condition(rollout, "Ready").get("status") == "True"
        return current and is_ready and view.variant(rollout, "stable").get("version") == version

    def in_stage(self, name: str, version: str, seconds: float = SERVED) -> Object:
        """Waits until a version is in a stage and the clock of the stage runs."""

        def there(rollout: Object) -> bool:
            status = rollout.get("status", {})
            stage = status.get("stage") or {}
            return stage.get("name") == name and view.variant(rollout, "candidate").get("version") == version

        return self.wait(there, seconds, f"version {version} in stage {name}")

    def ended(self, version: str, seconds: float = SERVED) -> Object:
        """Waits until a version's rollout has ended and traffic has settled; returns its entry in the history.

        The entry comes first: a decision is written before it is acted on, so that it survives whatever happens.
        """

        def settled(found: Object) -> bool:
            return bool(view.history(found, version)) and not found["status"].get("stage")

        done = self.wait(settled, seconds, f"end of version {version}")
        return dict(view.history(done, version)[0])

    def pods(self, revision: str) -> list[Object]:
        """Running pods of a revision."""
        pods = self.cluster.list("Pod", self.namespace, labels=f"slipway.dev/revision={revision}")
        return [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]

    def builds(self) -> list[Object]:
        """The Jobs that build its images; those that prove one are others."""
        jobs = self.cluster.list("Job", self.namespace, labels=f"slipway.dev/rollout={self.name}")
        return [job for job in jobs if job["metadata"]["name"].startswith(f"{self.name}-build-")]

    def client(
        self, rows: Sequence[Row], rate: float = 20.0, limit: int = 20_000, **more: Callable[[str, str, str], None]
    ) -> traffic.Traffic:
        return traffic.Traffic(self.target, rows, rate, limit, **more)

    def counted(self, metric: str, selector: str = "") -> float:
        """Sum over pods of a counter of this rollout, as Prometheus has it; 0 without any series."""
        labels = f'rollout="{self.label}"' + ("," if selector else "") + selector
        return self.prometheus.number(f"sum(max_over_time({metric}{{{labels}}}[1h]))") or 0.0

    def delete(self) -> None:
        """Deletes the rollout and waits until nothing of it is left to disturb the next test. Raises TimeoutError."""
        self.cluster.delete("ModelRollout", self.name, self.namespace)
        gone = f"{self.label} is gone"
        kube.wait(lambda: {"left": self.read()}, lambda found: not found["left"], 240, gone)


def await_silence(client: traffic.Traffic, revision: str, seconds: float = 4.0, within: float = 30.0) -> None:
    """Waits until a revision has answered nobody for `seconds`: a busy gateway has a route some seconds after the API
    server. Raises TimeoutError where it goes on answering."""
    last, since = client.read().answered[revision], time.monotonic()
    deadline = since + within
    while time.monotonic() < since + seconds:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{revision} answers {within:g} s after the route has left it")
        time.sleep(0.2)
        now = client.read().answered[revision]
        if now != last:
            last, since = now, time.monotonic()


def shadow(seconds: int = 10, samples: int = 60, **more: Any) -> Object:
    return {
        "name": "shadow", "type": "Shadow", "shadow": {"percent": "100%"}, "minDuration": f"{seconds}s",
        "minSamples": samples, **more,
    }  # fmt: skip


def canary(percent: int, seconds: int = 10, exposures: int = 60, **more: Any) -> Object:
    return {
        "name": f"canary-{percent}", "type": "Canary", "canary": {"weight": f"{percent}%"},
        "minDuration": f"{seconds}s", "minExposures": exposures, **more,
    }  # fmt: skip
