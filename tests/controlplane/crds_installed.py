"""Our kinds on a real API server, asked by plain HTTP: 150 refusals by kubectl would take half a minute."""

from __future__ import annotations

import base64
import json
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from slipway.api.v1alpha1 import GROUP, KINDS, VERSION

from tests.cluster.bare import ControlPlane

REPOSITORY = Path(__file__).resolve().parents[2]
PLURAL = {kind.kind: kind.plural for kind in KINDS}
NAMESPACED = {kind.kind for kind in KINDS if kind.namespaced}


@dataclass(frozen=True)
class Answer:
    """What the API server said."""

    code: int
    body: dict[str, Any]

    @property
    def message(self) -> str:
        """The refusal, for a person."""
        return str(self.body.get("message", ""))


class Kinds:
    """Our kinds on one API server."""

    def __init__(self, control_plane: ControlPlane) -> None:
        self.kubectl = control_plane.kubectl
        self._client = _client(control_plane.kubeconfig)
        text = "\n---\n".join(path.read_text(encoding="utf-8") for path in sorted((REPOSITORY / "crds").glob("*.yaml")))
        self.kubectl.apply(text)
        self.kubectl.await_kinds(*(f"{plural}.{GROUP}" for plural in PLURAL.values()))

    def create(self, manifest: dict[str, Any], dry_run: bool = False) -> Answer:
        """POST, with unknown fields refused, as kubectl asks for."""
        return self._send("POST", self._path(manifest), manifest, dry_run)

    def replace(self, manifest: dict[str, Any], subresource: str = "") -> Answer:
        """PUT, of the object or of its status."""
        name = manifest["metadata"]["name"]
        return self._send("PUT", f"{self._path(manifest)}/{name}{subresource}", manifest, False)

    def read(self, manifest: dict[str, Any]) -> dict[str, Any]:
        """The live object."""
        answer = self._send("GET", f"{self._path(manifest)}/{manifest['metadata']['name']}", None, False)
        assert answer.code == 200, answer.message
        return answer.body

    def _path(self, manifest: dict[str, Any]) -> str:
        space = f"/namespaces/{manifest['metadata']['namespace']}" if manifest["kind"] in NAMESPACED else ""
        return f"/apis/{GROUP}/{VERSION}{space}/{PLURAL[manifest['kind']]}"

    def _send(self, method: str, path: str, manifest: dict[str, Any] | None, dry_run: bool) -> Answer:
        parameters = {"fieldValidation": "Strict"} | ({"dryRun": "All"} if dry_run else {})
        found = self._client.request(method, path, params=parameters, json=manifest)
        return Answer(found.status_code, found.json())


def _client(kubeconfig: Path) -> httpx.Client:
    """A client with the certificate of a kubeconfig."""
    document = json.loads(kubeconfig.read_text())
    cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
    context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    with tempfile.NamedTemporaryFile() as file:
        file.write(base64.b64decode(user["client-certificate-data"]) + base64.b64decode(user["client-key-data"]))
        file.flush()
        context.load_cert_chain(file.name)
    return httpx.Client(base_url=cluster["server"], verify=context, trust_env=False, timeout=30)
