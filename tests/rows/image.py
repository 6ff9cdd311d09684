"""What an image says of itself: by the command that a user has, and by the registry's own API."""

from __future__ import annotations

import json
from typing import Any

import httpx

from tests.cluster.environment import Environment
from tests.cluster.places import Places
from tests.rows.commands import run

Object = dict[str, Any]
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_SECONDS = 60


class Images:
    """The registry of the cluster, as this machine reaches it; images are named as pods name them."""

    def __init__(self) -> None:
        found = Environment.load(Places.of_environment().environment)
        self._inside, self._outside, self._plain = found.registry, found.registry_host, found.registry_plain_http

    def inspect(self, image: str) -> Object:
        """What `slipway image inspect --output json` prints."""
        reference = image.replace(self._inside, self._outside, 1)
        words = ["image", "inspect", reference, "--output", "json", *(["--plain-http"] if self._plain else [])]
        done = run(*words)
        assert done.returncode == 0, done.stderr
        found: Object = json.loads(done.stdout)
        return found

    def manifest(self, image: str) -> bytes:
        """The bytes of an image's manifest, as `GET /v2/…/manifests/…` answers them."""
        name, _, digest = image.replace(self._inside, self._outside, 1).partition("@")
        host, _, repository = name.partition("/")
        answer = httpx.get(
            self._url(host, repository, f"manifests/{digest}"), headers={"Accept": _MANIFEST}, timeout=_SECONDS
        )
        assert answer.status_code == 200, answer.text
        return answer.content

    def document(self, image: str, referrer: str) -> Object:
        """The document that a referrer of an image holds; fails where the referrer is about another image."""
        name, _, digest = image.partition("@")
        manifest = json.loads(self.manifest(f"{name}@{referrer}"))
        assert manifest["subject"]["digest"] == digest
        host, _, repository = name.replace(self._inside, self._outside, 1).partition("/")
        (layer,) = manifest["layers"]
        assert layer["mediaType"] == manifest["artifactType"]
        found: Object = httpx.get(
            self._url(host, repository, f"blobs/{layer['digest']}"), follow_redirects=True, timeout=_SECONDS
        ).json()
        return found

    def _url(self, host: str, repository: str, path: str) -> str:
        return f"{'http' if self._plain else 'https'}://{host}/v2/{repository}/{path}"
