"""Providers of metrics, asked by the real operator with the chart's rights: credentials from Secrets of its own
namespace that the values name, and of no other."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.bare import ControlPlaneBinaries
from tests.controlplane.bench import Audited
from tests.controlplane.charted import NAMESPACE, OPERATOR, Release, eventually, rollout
from tests.controlplane.real_operator import certificate, operator
from tests.loopback import answering

pytest_plugins = ("tests.controlplane.chart_fixtures",)
pytestmark = pytest.mark.controlplane

FLAGS, PATIENCE = ("--resync=2",), 120
EMPTY = b'{"status":"success","data":{"resultType":"vector","result":[]}}'


@dataclass
class Heard:
    """What the loopback server was told."""

    queries: list[str] = field(default_factory=list)
    posts: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def server(heard: Heard) -> Iterator[str]:
    """A Prometheus for whoever has the token, and a webhook."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.queries.append(self.headers.get("Authorization", ""))
            known = self.path.startswith("/open") or self.headers.get("Authorization") == "Bearer t0ken"
            self._answer(200 if known else 401, EMPTY)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.posts.append((dict(self.headers), body))
            result = {"revision": json.loads(body)["revisions"]["candidate"], "numerator": 1, "denominator": 900}
            now = datetime.now(UTC).isoformat()
            self._answer(200, json.dumps({"time": now, "results": [result]}).encode())

        def _answer(self, code: int, body: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    with answering(Handler) as address:
        yield f"http://{address}"


def template(name: str, **provider: Any) -> dict[str, Any]:
    kind = "HTTP" if "http" in provider else "Prometheus"
    value = {} if kind == "HTTP" else {"value": "max by (revision)(depth{{selector}})"}
    spec = {"provider": {"type": kind, **provider}, **value, **({"unit": "share"} if kind == "HTTP" else {})}
    return {"apiVersion": "slipway.dev/v1alpha1", "kind": "MetricTemplate", "metadata": {"name": name}, "spec": spec}


def secret(name: str, namespace: str, **texts: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": texts}


def reachable(release: Release, name: str) -> tuple[str, str, str]:
    found = release.get("metrictemplate", name).get("status", {}).get("conditions", [])
    one = next((each for each in found if each["type"] == "Reachable"), {})
    return one.get("status", ""), one.get("reason", ""), one.get("message", "")


def test_credentials_come_from_named_secrets_of_the_operators_namespace_alone(
    binaries: ControlPlaneBinaries, tmp_path: Path
) -> None:
    heard = Heard()
    with Audited(tmp_path) as plane, server(heard) as address:
        release = Release(plane, binaries)
        release.install("--set", "metricTemplates.secrets={reader}")
        release.create(secret("reader", NAMESPACE, token="t0ken", hmac="k3y"))
        release.create(secret("other", NAMESPACE, token="t0ken"))
        release.create(secret("tenants", "default", token="t0ken"))
        for name, named in (("known", "reader"), ("unnamed", "other"), ("foreign", "tenants")):
            release.create(template(name, prometheus={"address": address, "secretRef": {"name": named}}))
        hook = {"url": f"{address}/count", "secretRef": {"name": "reader"}, "every": "1s"}
        release.create(template("hook", http=hook))
        release.create(judged())
        flags = (*FLAGS, f"--prometheus={address}/open", "--metric-secrets=reader")
        with operator(release, certificate(tmp_path), tmp_path / "log", *flags) as running:
            eventually(lambda: _told(release), PATIENCE)
            eventually(lambda: _begun(release, heard), PATIENCE)
            _signed(heard)
            eventually(lambda: _answers(release), PATIENCE)
            so_far = len(plane.writes())
            time.sleep(10)
            later = [each for each in plane.writes(so_far) if each.user == OPERATOR]
            assert [each for each in later if each.resource == "metrictemplates/status"] == []
            assert "t0ken" not in running.log.read_text()
        assert "t0ken" not in json.dumps(release.get("metrictemplates"))


def _told(release: Release) -> None:
    assert reachable(release, "known")[:2] == ("True", "Answers")
    for name in ("unnamed", "foreign"):
        status, reason, message = reachable(release, name)
        assert (status, reason) == ("False", "SecretUnavailable")
        assert "metricTemplates.secrets of the chart" in message
        assert NAMESPACE in message


def judged() -> dict[str, Any]:
    """A rollout with a gate on the webhook."""
    found = rollout("default", "judged")
    gate = {"name": "complaints", "template": {"name": "hook"}, "op": "<=", "bound": "2%"}
    found["spec"] |= {"gates": [gate]}
    return found


def _begun(release: Release, heard: Heard) -> None:
    """In a stage with traffic, as a status says that somebody has written: no KServe runs here."""
    if not heard.posts:
        live = release.get("modelrollout", "judged", "-n", "default")
        variants = [
            {"name": "stable", "revision": "aaaa", "inferenceService": "judged-aaaa", "weight": "95%"},
            {"name": "candidate", "revision": "bbbb", "inferenceService": "judged-bbbb", "weight": "5%"},
        ]
        since = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        stage = {"name": "canary", "index": 0, "type": "Canary", "epoch": 3, "since": since}
        live["status"] = {
            "epoch": 3,
            "epochSince": since,
            "variants": variants,
            "target": {"version": "2"},
            "stage": stage,
        }
        path = "/apis/slipway.dev/v1alpha1/namespaces/default/modelrollouts/judged/status"
        release.kubectl("replace", "--raw", path, "-f", "-", stdin=json.dumps(live))
    assert heard.posts


def _signed(heard: Heard) -> None:
    headers, body = heard.posts[0]
    signed = hmac.new(b"k3y", f"{headers['X-Slipway-Timestamp']}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["X-Slipway-Signature"] == f"sha256={signed}"
    assert headers["Authorization"] == "Bearer t0ken"
    question = json.loads(body)
    assert (question["rollout"], question["template"], question["stage"]) == ("default/judged", "hook", "canary")
    assert question["revisions"] == {"candidate": "bbbb", "stable": "aaaa"}


def _answers(release: Release) -> None:
    assert reachable(release, "hook")[:2] == ("True", "Answers")
