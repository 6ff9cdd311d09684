"""Operators as processes against an audited control plane: who wrote what, in the API server's own words."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.bare import ControlPlane

ROOT = Path(__file__).resolve().parents[2]
POLICY = """
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
- {level: None, users: ["system:apiserver"]}
- {level: None, verbs: [get, list, watch]}
- {level: Request}
"""
WIDGETS = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.slipway.dev}
spec:
  group: slipway.dev
  names: {kind: Widget, plural: widgets, singular: widget}
  scope: Namespaced
  versions:
  - name: v1alpha1
    served: true
    storage: true
    subresources: {status: {}}
    schema:
      openAPIV3Schema:
        type: object
        required: [spec]
        properties:
          spec: {type: object, x-kubernetes-preserve-unknown-fields: true}
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
"""


@dataclass(frozen=True)
class Write:
    """One request that may change the cluster, as audited."""

    user: str
    verb: str
    resource: str
    name: str
    code: int
    at: str
    body: Any


class Audited(ControlPlane):
    """A control plane that writes down every write."""

    def __init__(self, directory: Path) -> None:
        policy, self._audit = directory / "policy.yaml", directory / "audit.log"
        policy.write_text(POLICY)
        super().__init__(extra=(f"--audit-policy-file={policy}", f"--audit-log-path={self._audit}"))

    def writes(self, since: int = 0) -> list[Write]:
        """All of them, oldest first, from the `since`th on."""
        time.sleep(0.1)  # the log is written right after the answer
        found = []
        for line in self._audit.read_text().splitlines()[since:]:
            entry = json.loads(line)
            target = entry.get("objectRef", {})
            resource = "/".join(filter(None, (target.get("resource", ""), target.get("subresource", ""))))
            found.append(
                Write(
                    entry["user"]["username"],
                    entry["verb"],
                    resource,
                    target.get("name", ""),
                    entry.get("responseStatus", {}).get("code", 0),
                    entry["stageTimestamp"],
                    entry.get("requestObject"),
                )
            )
        return found

    def administrator(self, user: str) -> Path:
        """The kubeconfig of a user who may do everything, and is told apart in the audit."""
        path = self.identity(user)
        binding = ("create", "clusterrolebinding", user, "--clusterrole=cluster-admin", f"--user={user}")
        with contextlib.suppress(Exception):  # it may exist from a test before
            self.kubectl.run(*binding)
        return path

    def freeze(self, number: signal.Signals) -> None:
        """Sends a signal to kube-apiserver: SIGSTOP takes it away, SIGCONT brings it back."""
        assert self._processes is not None
        server = self._processes.known("kube-apiserver")
        assert server is not None
        os.kill(server.pid, number)

    def namespace(self, name: str) -> str:
        """A namespace with a name of its own."""
        self.kubectl.apply(f"{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}}}}}")
        return name

    def widgets(self, namespace: str, **specs: dict[str, Any]) -> None:
        """Applies Widgets by name."""
        for name, spec in specs.items():
            metadata = {"name": name, "namespace": namespace}
            body = {"apiVersion": "slipway.dev/v1alpha1", "kind": "Widget", "metadata": metadata, "spec": spec}
            self.kubectl.apply(json.dumps(body))

    def steps(self, namespace: str) -> dict[str, int]:
        """The step of each Widget; -1 where there is no status yet."""
        items = self.kubectl.get("widgets", "-n", namespace)["items"]
        return {each["metadata"]["name"]: each.get("status", {}).get("step", -1) for each in items}


class Operator:
    """A tiny operator in a process of its own."""

    def __init__(self, kubeconfig: Path, directory: Path, name: str, *flags: str, module: str = "tiny") -> None:
        self.log = directory / f"{name}.log"
        environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "PYTHONPATH": f"{ROOT / 'operator'}:{ROOT}"}
        # Short, for the tests of its loss; two seconds without an answer are nothing on a machine with three workers.
        lease = ("--lease-duration=6", "--lease-renew-deadline=4", "--lease-retry=0.5")
        command = [
            sys.executable,
            "-m",
            f"tests.controlplane.{module}",
            "--identity",
            name,
            "--port",
            "0",
            *lease,
            *flags,
        ]
        with self.log.open("a") as output:
            self.process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=output, stderr=output)

    def says(self, text: str) -> bool:
        """Whether the log contains it."""
        return text in self.log.read_text()

    def lead(self) -> None:
        """Waits until it leads."""
        eventually(lambda: self.says("leading as"))

    def send(self, number: signal.Signals) -> None:
        """A signal."""
        self.process.send_signal(number)

    def stop(self) -> int:
        """Asks it to end; returns its exit code."""
        if self.process.poll() is None:
            self.send(signal.SIGCONT)
            self.send(signal.SIGTERM)
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def url(self, path: str) -> str:
        """What its probe port answers, also when it says that it is not ready."""
        eventually(lambda: self.says("probes and metrics on port"))
        line = next(each for each in self.log.read_text().splitlines() if "probes and metrics on port" in each)
        address = f"http://127.0.0.1:{line.rsplit(' ', 1)[1]}{path}"
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as refusal:
            return refusal.read().decode()

    def resident(self) -> float:
        """Resident memory in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) / 1024


@contextlib.contextmanager
def running(kubeconfig: Path, directory: Path, name: str, *flags: str, module: str = "tiny") -> Iterator[Operator]:
    """An operator that is stopped in the end, whatever happens."""
    operator = Operator(kubeconfig, directory, name, *flags, module=module)
    try:
        yield operator
    finally:
        if operator.process.poll() is None:
            operator.process.kill()
            operator.process.wait(10)


def eventually(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    """Waits until it holds; fails after so many seconds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.2)
