"""`python -m slipway` in a process of its own, with the rights that the chart gives it."""

from __future__ import annotations

import base64
import json
import os
import signal
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.controlplane.charted import NAMESPACE, OPERATOR, ROOT, Release, eventually
from tests.loopback import free_port


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate for the loopback, and its key."""

    certificate: Path
    key: Path


def certificate(directory: Path) -> Certificate:
    """Made anew."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "slipway-webhook")])
    now = datetime.now(UTC)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(alternative, critical=False)
        .sign(key, hashes.SHA256())
    )
    files = Certificate(directory / "tls.crt", directory / "tls.key")
    files.certificate.write_bytes(signed.public_bytes(Encoding.PEM))
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files


@dataclass(frozen=True)
class Operator:
    """A running process."""

    process: subprocess.Popen[bytes]
    port: int
    webhook_port: int
    log: Path

    @property
    def ready(self) -> bool:
        """What /readyz answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def review(self, manifest: dict[str, Any], files: Certificate) -> dict[str, Any]:
        """Sends an AdmissionReview as the API server does."""
        resource = {"group": "slipway.dev", "version": "v1alpha1", "resource": "modelrollouts"}
        request = {"uid": "1", "resource": resource, "operation": "CREATE", "userInfo": {"username": "ada"}}
        review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
        request["object"] = manifest
        context = ssl.create_default_context(cafile=str(files.certificate))
        url = f"https://127.0.0.1:{self.webhook_port}/validate"
        sent = urllib.request.Request(url, json.dumps(review).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(sent, timeout=5, context=context) as answer:
            return dict(json.load(answer)["response"])


@contextmanager
def operator(release: Release, files: Certificate, log: Path, *flags: str) -> Iterator[Operator]:
    """`python -m slipway` with a kubeconfig of the chart's service account."""
    port, webhook_port = free_port(), free_port()
    settings = {"--lease-namespace": NAMESPACE, "--port": port, "--webhook-port": webhook_port}
    settings |= {"--webhook-cert": files.certificate, "--webhook-key": files.key}
    # A machine that is busy with other tests must cost no lease: none of these is about its loss.
    settings |= {"--lease-duration": 60, "--lease-renew-deadline": 40}
    command = [sys.executable, "-m", "slipway", *(f"{flag}={value}" for flag, value in settings.items()), *flags]
    kubeconfig = str(release.plane.identity(OPERATOR))
    environment = {**os.environ, "KUBECONFIG": kubeconfig, "PYTHONPATH": str(ROOT / "operator")}
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    running = Operator(process, port, webhook_port, log)
    try:
        eventually(lambda: _ready(running), 60)
        yield running
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def _ready(running: Operator) -> None:
    assert running.process.poll() is None, running.log.read_text()[-3000:]
    assert running.ready, running.log.read_text()[-3000:]


def send_to(release: Release, running: Operator, files: Certificate) -> None:
    """Points the chart's configuration at the process: there is no Service network here."""
    authority = base64.b64encode(files.certificate.read_bytes()).decode()
    config = {"url": f"https://127.0.0.1:{running.webhook_port}/validate", "caBundle": authority}
    patch = [{"op": "replace", "path": "/webhooks/0/clientConfig", "value": config}]
    place = ("validatingwebhookconfiguration", "slipway")
    release.kubectl("patch", *place, "--type=json", "-p", json.dumps(patch))
