"""The pod in which an image is tried: the server as a sidecar, a prober that asks it and ends it, nothing else."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from slipway_serving.probe.contract.clauses import CLAUSES, Finding

from slipway.api.v1alpha1.rollout_traffic import PredictionLog
from slipway.core.desired.confinement import confined_container, confined_job_pod
from slipway.core.desired.names import PROOF_LABEL
from slipway.core.desired.prediction_log import VARIABLE, log_description, log_mounts

SERVER, PROBER = "server", "prober"
_FOLDER, _PORT = "/proof", 8080
_REVISION, _EDGE = "conform", "0.123"
_PENDING_SECONDS = 600.0
_ASKING_SECONDS = 600.0
_LAST_LINES = 20
# The kubelet tries these again for ever; nothing that this command waits for mends them.
_HOPELESS = ("ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError")
# What a process says that wrote where a confined one may not, or listened below 1024.
_DENIED = ("Read-only file system", "Permission denied", "Operation not permitted", "EROFS", "EACCES", "EPERM")
Pod = Mapping[str, Any]


class CannotRun(Exception):
    """Nothing can be said of the image: it was not run. The message says why, and what to do."""


class Pods(Protocol):
    """The pods of one namespace. Everything raises CannotRun."""

    def create(self, manifest: Pod) -> None: ...
    def read(self, name: str) -> Pod: ...
    def log(self, name: str, container: str, last: int | None = None, previous: bool = False) -> str: ...
    def delete(self, name: str) -> None: ...


@dataclass(frozen=True)
class Order:
    """Which image is tried, and how."""

    image: str
    namespace: str
    model: str
    prober: str
    env: Mapping[str, str] = field(default_factory=dict)
    memory: str = "1Gi"
    pull_secret: str = ""
    ready_seconds: float = 300.0
    log: bool = False
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trial:
    """What was found; `log` are the last lines of the server."""

    findings: tuple[Finding, ...]
    log: tuple[str, ...] = ()


def tried(order: Order, pods: Pods, say: Callable[[str], None], find: Callable[[Finding], None]) -> Trial:
    """Runs the pod to its end and deletes it, whatever happens. Raises CannotRun."""
    name = f"conform-{uuid.uuid4().hex[:8]}"
    say(f"running {order.image} as pod {name} in namespace {order.namespace}")
    pods.create(pod(name, order))
    try:
        return _Watch(name, order, pods, say, find).run()
    finally:
        pods.delete(name)


class _Watch:
    """Follows one pod: reads what the prober has written since, and what the kubelet says of both containers."""

    def __init__(
        self, name: str, order: Order, pods: Pods, say: Callable[[str], None], find: Callable[[Finding], None]
    ) -> None:
        self._name, self._order, self._pods, self._say, self._find = name, order, pods, say, find
        self._read = 0
        self._findings: list[Finding] = []
        self._done = False
        self._word = ""

    def run(self) -> Trial:
        begin = time.monotonic()
        while not self._done:
            now = self._pods.read(self._name)
            state = state_of(now, PROBER)
            if "running" in state or "terminated" in state:
                self._follow(self._pods.log(self._name, PROBER))
            died = death(now) if not self._findings else ""
            if died:
                return self._failed(died, last_words(now))
            self._check(now, state, time.monotonic() - begin)
            time.sleep(0 if self._done else 1.0)
        failed = any(finding.outcome == "fail" for finding in self._findings)
        return Trial(tuple(self._findings), self._lines(previous=False) if failed else ())

    def _follow(self, text: str) -> None:
        """Reads whole new lines; others than ours are a prober of another version's."""
        lines = text.split("\n")[:-1]
        for line in lines[self._read :]:
            said = _said(line)
            if "finding" in said:
                self._found(Finding(**said["finding"]))
            elif "say" in said:
                self._say(said["say"])
            self._done = self._done or bool(said.get("done"))
        self._read = len(lines)

    def _found(self, finding: Finding) -> None:
        self._findings.append(finding)
        self._find(finding)

    def _check(self, now: Pod, state: Mapping[str, Any], seconds: float) -> None:
        """Raises CannotRun when nothing more will come."""
        ended = state.get("terminated")
        if ended and not self._done:
            self._follow(self._pods.log(self._name, PROBER))
            if not self._done:
                last = self._pods.log(self._name, PROBER, _LAST_LINES).strip().splitlines()[-1:]
                said = f"the prober ended with exit code {ended.get('exitCode')}: {' '.join(last)}"
                raise CannotRun(f"{said}; --prober must name a builder image of this version")
        word = waiting(now)
        if word and word != self._word:
            self._word = word
            self._say(word)
        hopeless = next((reason for reason in _HOPELESS if reason in word), "")
        if hopeless or (not ended and not state.get("running") and seconds > _PENDING_SECONDS):
            raise CannotRun(f"the pod does not start: {word or 'nothing says why'}")
        if seconds > _PENDING_SECONDS + self._order.ready_seconds + _ASKING_SECONDS:
            raise CannotRun("the prober does not come to an end")

    def _failed(self, why: str, words: tuple[str, ...]) -> Trial:
        """The server ended before it was ready: one clause says so, the others could not be tried."""
        lines = self._lines(previous=True) or self._lines(previous=False) or words
        denied = any(word in line for word in _DENIED for line in (why, *lines))
        blamed = "confined" if denied else "ready"
        for clause in CLAUSES.values():
            if clause.id == blamed:
                self._found(Finding(blamed, "fail", why))
            elif clause.part in self._order.parts:
                self._found(Finding(clause.id, "skipped", f"needs {blamed}"))
        return Trial(tuple(self._findings), lines)

    def _lines(self, previous: bool) -> tuple[str, ...]:
        try:
            lines = tuple(self._pods.log(self._name, SERVER, _LAST_LINES, previous).strip().splitlines())
        except CannotRun:
            return ()
        # With status 200, in place of the log of a container that a restart has meanwhile had removed.
        return () if lines[:1] and lines[0].startswith("unable to retrieve container logs for ") else lines


def _said(line: str) -> Mapping[str, Any]:
    try:
        document = json.loads(line)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _statuses(now: Pod) -> Mapping[str, Mapping[str, Any]]:
    status = now.get("status") or {}
    listed = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    return {one["name"]: one for one in listed}


def state_of(now: Pod, container: str) -> Mapping[str, Any]:
    """The state of a container: a mapping with the key waiting, running or terminated; empty while there is none."""
    state: Mapping[str, Any] = (_statuses(now).get(container) or {}).get("state") or {}
    return {key: value for key, value in state.items() if value is not None}


def waiting(now: Pod) -> str:
    """Why the pod does not run yet, in the words of scheduler or kubelet; empty when it does."""
    for name in (SERVER, PROBER):
        wait = state_of(now, name).get("waiting") or {}
        if wait.get("reason") not in (None, "PodInitializing", "ContainerCreating"):
            return f"{name}: {wait['reason']}: {wait.get('message') or ''}".strip(": ")
    for condition in (now.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return f"{condition.get('reason')}: {condition.get('message') or ''}".strip(": ")
    return ""


def death(now: Pod) -> str:
    """How the server's process ended, if it did."""
    ended = _ended(now)
    if not ended:
        return ""
    words = [f"its process ended with exit code {ended.get('exitCode')}", ended.get("reason"), *last_words(now)[-1:]]
    return ": ".join(str(word) for word in words if word)


def last_words(now: Pod) -> tuple[str, ...]:
    """The last lines of a server that ended, as the kubelet keeps them in its status (2 KiB at most)."""
    return tuple((_ended(now).get("message") or "").strip().splitlines())


def _ended(now: Pod) -> Mapping[str, Any]:
    status = _statuses(now).get(SERVER) or {}
    states = (status.get("state") or {}, status.get("lastState") or {})
    return next((one["terminated"] for one in states if one.get("terminated")), {})


def pod(name: str, order: Order) -> dict[str, Any]:
    """The manifest: level `restricted`, no token, one process namespace, so that the prober may end the server."""
    log = _log() if order.log else None
    mounts = log_mounts(log) if log else []
    volumes = [{"name": each, "emptyDir": {}} for each in ("tmp", *(mount["name"] for mount in mounts))]
    labels = {"app.kubernetes.io/managed-by": "slipway", PROOF_LABEL: "true"}
    spec: dict[str, Any] = {
        **confined_job_pod(),
        "shareProcessNamespace": True,
        "terminationGracePeriodSeconds": 5,
        "activeDeadlineSeconds": int(order.ready_seconds + _ASKING_SECONDS),
        "initContainers": [_server(order, log, mounts)],
        "containers": [_prober(order, log, mounts)],
        "volumes": [*volumes, {"name": "proof", "emptyDir": {"sizeLimit": "64Mi"}}],
    }
    if order.pull_secret:
        spec["imagePullSecrets"] = [{"name": order.pull_secret}]
    metadata = {"name": name, "namespace": order.namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _log() -> PredictionLog:
    """A log into a volume of the pod; the claim is never made."""
    document = {"uri": "file:///conform", "persistentVolumeClaim": {"claimName": "none"}, "rotate": {"every": "10s"}}
    return PredictionLog.model_validate(document)


def _server(order: Order, log: PredictionLog | None, mounts: list[dict[str, Any]]) -> dict[str, Any]:
    ours = {
        "SLIPWAY_ROLLOUT": f"{order.namespace}/{order.model}",
        "SLIPWAY_REVISION": _REVISION,
        "SLIPWAY_VERSION": "0",
        "SLIPWAY_MODEL_NAME": order.model,
        "SLIPWAY_LATENCY_EDGES": _EDGE,
        "SLIPWAY_PROOF": _FOLDER,
        **({VARIABLE: log_description(log)} if log else {}),
    }
    return {
        "name": SERVER,
        "image": order.image,
        "restartPolicy": "Always",
        "env": [{"name": key, "value": value} for key, value in {**order.env, **ours}.items()],
        "ports": [{"containerPort": _PORT, "protocol": "TCP"}],
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": order.memory}},
        "securityContext": confined_container(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [_mount("tmp", "/tmp"), _mount("proof", _FOLDER), *mounts],
    }


def _prober(order: Order, log: PredictionLog | None, mounts: list[dict[str, Any]]) -> dict[str, Any]:
    words = ["--folder", _FOLDER, "--model", order.model, "--revision", _REVISION, "--latency-edge", _EDGE]
    words += ["--rollout", f"{order.namespace}/{order.model}", "--ready-seconds", f"{order.ready_seconds:g}"]
    words += ["--confined", *(word for part in order.parts for word in ("--part", part))]
    if log:
        words += ["--log", json.loads(log_description(log))["uri"].removeprefix("file://")]
    return {
        "name": PROBER,
        "image": order.prober,
        "command": ["python3", "-m", "slipway_serving.probe.contract"],
        "args": words,
        "env": [{"name": "HOME", "value": "/tmp"}],
        "resources": {"requests": {"cpu": "50m", "memory": "48Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": confined_container(),
        "volumeMounts": [{**_mount("proof", _FOLDER), "readOnly": True}, *mounts],
    }


def _mount(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "mountPath": path}
