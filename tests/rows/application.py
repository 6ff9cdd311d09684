"""An application that counts what becomes of each answer, for Prometheus.

The client of a test decides, as an application would; a pod shows its counters, so that they are scraped like others.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from tests.demo import kube
from tests.demo.kube import Cluster, Object, Refused
from tests.demo.traffic import bucket

_SERVER = """
import http.server
class Counters(http.server.BaseHTTPRequestHandler):
    text = b""
    def do_PUT(self):
        Counters.text = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200); self.end_headers()
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(Counters.text)
http.server.ThreadingHTTPServer(("", 8080), Counters).serve_forever()
"""
_EVERY = 2.0  # seconds


class Application:
    """Approves what a model does not call phishing, and counts decisions by revision and analysis cluster."""

    def __init__(self, cluster: Cluster, namespace: str, rollout: str) -> None:
        self._cluster, self._namespace, self._rollout = cluster, namespace, rollout
        self._lock = threading.Lock()
        self._decided: Counter[tuple[str, str]] = Counter()
        self._approved: Counter[tuple[str, str]] = Counter()

    def decide(self, revision: str, prediction: str, visitor: str) -> None:
        """Told of each answer by the client."""
        key = (revision, bucket(visitor)[-2:])
        with self._lock:
            self._decided[key] += 1
            self._approved[key] += prediction != "1"

    def approval_rate(self, revision: str) -> float:
        """What it has counted itself."""
        with self._lock:
            decided = sum(count for (each, _), count in self._decided.items() if each == revision)
            approved = sum(count for (each, _), count in self._approved.items() if each == revision)
        return approved / decided

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Its pod is there, and shows the counts until the block ends."""
        self._cluster.apply(self._pod())
        ready = "the application's pod"
        kube.wait(lambda: self._cluster.get("Pod", self._name, self._namespace), _is_ready, 120, ready)
        stop = threading.Event()
        thread = threading.Thread(target=self._show, args=(stop,), name="application", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(timeout=30)
            self._cluster.delete("Pod", self._name, self._namespace, grace=0)

    @property
    def _name(self) -> str:
        return f"application-{self._rollout}"

    def _show(self, stop: threading.Event) -> None:
        url = f"/api/v1/namespaces/{self._namespace}/pods/{self._name}:8080/proxy/metrics"
        while not stop.wait(_EVERY):
            try:
                self._cluster.put(url, self._exposition())
            except (OSError, Refused):
                continue

    def _exposition(self) -> str:
        lines = []
        with self._lock:
            for name, counts in (("decided_total", self._decided), ("approved_total", self._approved)):
                lines.append(f"# TYPE {name} counter")
                for revision, cluster in self._decided:
                    labels = f'rollout="{self._namespace}/{self._rollout}",revision="{revision}",cluster="{cluster}"'
                    lines.append(f"{name}{{{labels}}} {counts[revision, cluster]}")
        return "\n".join([*lines, ""])

    def _pod(self) -> Object:
        container = {
            "name": "application", "image": self._image(), "command": ["python3", "-c", _SERVER],
            "ports": [{"containerPort": 8080}], "readinessProbe": {"httpGet": {"path": "/", "port": 8080}},
            "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}},
        }  # fmt: skip
        scraped = {"prometheus.io/scrape": "true", "prometheus.io/port": "8080", "prometheus.io/path": "/metrics"}
        meta = {"name": self._name, "namespace": self._namespace, "annotations": scraped}
        return {
            "apiVersion": "v1", "kind": "Pod", "metadata": meta,
            "spec": {"containers": [container], "automountServiceAccountToken": False},
        }  # fmt: skip

    def _image(self) -> str:
        """That of the file server, which every namespace of tests has."""
        found = self._cluster.get("Deployment", "phishing-data", self._namespace) or {}
        return str(found["spec"]["template"]["spec"]["containers"][0]["image"])


def _is_ready(pod: Object) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod.get("status", {}).get("conditions") or [])
