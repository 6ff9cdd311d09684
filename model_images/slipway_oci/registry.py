"""A small client of the OCI Distribution API: manifests and blobs, nothing that runs an image.

Written from the OCI Distribution Specification 1.1. Blobs are streamed, so memory does not grow with a layer.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urljoin, urlsplit

import requests

from slipway_oci import errors
from slipway_oci.answers import checked, document_of, unreachable
from slipway_oci.authorization import Authorizer, Credentials
from slipway_oci.hub import api_host

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
MANIFEST_TYPES = (
    MANIFEST_TYPE,
    INDEX_TYPE,
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_CHUNK = 1 << 20
_LARGEST_DOCUMENT = 16 << 20
_RETRIES = 3
_FIRST_PAUSE = 1.0  # seconds; it doubles


@dataclass(frozen=True)
class Manifest:
    """One manifest or index, with the bytes that its digest covers."""

    digest: str
    media_type: str
    content: bytes

    @property
    def document(self) -> dict[str, Any]:
        """The parsed JSON."""
        parsed: dict[str, Any] = json.loads(self.content)
        return parsed


def sha256_digest(content: bytes) -> str:
    """`sha256:` and the hex digest of `content`."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def canonical_json(document: Mapping[str, Any]) -> bytes:
    """The same document in the same bytes: sorted keys, no spaces."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class Registry:
    """One registry host.

    `plain_http` is for a registry of the cluster itself; `ca` is a PEM file that replaces the system's bundle;
    `pause` is what separates tries (seconds), replaceable so that tests do not wait.
    """

    def __init__(
        self,
        host: str,
        plain_http: bool = False,
        auth: Credentials | None = None,
        ca: Path | None = None,
        timeout: tuple[float, float] = (5.0, 120.0),
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.host = host
        self._url = f"{'http' if plain_http else 'https'}://{api_host(host)}"
        self._session = requests.Session()
        # Said with each request: an environment's REQUESTS_CA_BUNDLE would win over the session's own.
        self._verify: str | bool = str(ca) if ca else True
        self._timeout = timeout
        self._pause = pause
        self._authorizer = Authorizer(self._session, auth, timeout, self._verify)

    def head_manifest(self, repository: str, identifier: str) -> str | None:
        """The digest of a tag or digest, None where the registry has none: tells whether an image exists."""
        answer = self._request("HEAD", repository, f"manifests/{identifier}", headers=_accepting())
        if answer is None:
            return None
        digest = answer.headers.get("Docker-Content-Digest", "")
        return digest or self.manifest(repository, identifier).digest

    def manifest(self, repository: str, identifier: str) -> Manifest:
        """One manifest or index. Raises ImageNotFound, DigestMismatch, RegistryRefused for what is none."""
        answer = self._request("GET", repository, f"manifests/{identifier}", headers=_accepting())
        if answer is None:
            raise errors.ImageNotFound(f"{self.host}/{repository} has no {identifier}", "Check the image's name")
        digest = sha256_digest(answer.content)
        if identifier.startswith("sha256:") and digest != identifier:
            raise errors.DigestMismatch(f"{self.host}/{repository} answered {digest} when asked for {identifier}")
        media_type = answer.headers.get("Content-Type", "").split(";")[0]
        return Manifest(digest, document_of(answer, self.host).get("mediaType") or media_type, answer.content)

    def push_manifest(self, repository: str, identifier: str, content: bytes, media_type: str) -> str:
        """Stores a manifest under a tag (or its own digest when `identifier` is empty); returns its digest."""
        digest = sha256_digest(content)
        self._put_manifest(repository, identifier or digest, content, media_type)
        return digest

    def push_referrer(self, repository: str, content: bytes, media_type: str) -> bool:
        """Stores a manifest with a `subject` under its own digest; True where the registry lists it by its subject."""
        answer = self._put_manifest(repository, sha256_digest(content), content, media_type)
        return "OCI-Subject" in answer.headers

    def referrers(self, repository: str, digest: str) -> list[dict[str, Any]] | None:
        """Descriptors of what refers to a manifest; None where the registry has no referrers API."""
        try:
            answer = self._request("GET", repository, f"referrers/{digest}", headers={"Accept": INDEX_TYPE})
            return list(answer.json()["manifests"]) if answer is not None else None
        except (errors.RegistryRefused, ValueError, KeyError):  # of registries older than the API, each in its way
            return None

    def _put_manifest(self, repository: str, identifier: str, content: bytes, media_type: str) -> requests.Response:
        headers = {"Content-Type": media_type}
        return self._required("PUT", repository, f"manifests/{identifier}", data=content, headers=headers)

    def has_blob(self, repository: str, digest: str) -> bool:
        """Whether `repository` itself holds the blob (another repository's does not count)."""
        return self._request("HEAD", repository, f"blobs/{digest}") is not None

    def blob(self, repository: str, digest: str) -> bytes:
        """A small blob, such as an image's configuration, checked against its digest (at most 16 MiB)."""
        content = b""
        for chunk in self.stream_blob(repository, digest):
            content += chunk
            if len(content) > _LARGEST_DOCUMENT:
                raise errors.UnsupportedImage(f"Blob {digest} of {repository} is too large for a document")
        return content

    def stream_blob(self, repository: str, digest: str) -> Iterator[bytes]:
        """The bytes of a blob in chunks. Raises RegistryUnavailable where they break off, DigestMismatch after the last
        one where they were others."""
        answer = self._request("GET", repository, f"blobs/{digest}", stream=True)
        if answer is None:
            raise errors.ImageNotFound(f"{self.host}/{repository} has no blob {digest}")
        measured = hashlib.sha256()
        with answer:
            try:
                for chunk in answer.iter_content(_CHUNK):
                    measured.update(chunk)
                    yield chunk
            except (requests.RequestException, OSError) as error:
                raise unreachable(self.host, error) from error
        if "sha256:" + measured.hexdigest() != digest:
            raise errors.DigestMismatch(
                f"Blob {digest} of {self.host}/{repository} has other bytes than its digest says"
            )

    def mount_blob(self, repository: str, digest: str, source: str) -> bool:
        """Lets `repository` share a blob of `source` without copying; False where the registry would rather not."""
        if source == repository:
            return self.has_blob(repository, digest)
        parameters = {"mount": digest, "from": source}
        answer = self._required("POST", repository, "blobs/uploads/", params=parameters, also=source)
        if answer.status_code == 202:
            self._request("DELETE", repository, self._location(answer))
        return answer.status_code == 201

    def push_blob(
        self, repository: str, digest: str, size: int, content: Callable[[], IO[bytes] | Iterator[bytes]]
    ) -> bool:
        """Streams a blob of `size` bytes unless the repository holds it; True where bytes travelled.

        `content` opens the bytes anew, so that a broken upload can start over.
        """
        if self.has_blob(repository, digest):
            return False
        for attempt in range(_RETRIES):
            location = self._location(self._required("POST", repository, "blobs/uploads/"))
            try:
                self._upload(repository, location, digest, size, content)
                return True
            except errors.RegistryUnavailable:
                if attempt == _RETRIES - 1:
                    raise
                self._pause(_FIRST_PAUSE * 2**attempt)
        return True

    def _upload(
        self, repository: str, location: str, digest: str, size: int, content: Callable[[], IO[bytes] | Iterator[bytes]]
    ) -> None:
        headers = {"Content-Type": "application/octet-stream"}
        separator = "&" if urlsplit(location).query else "?"
        opened = content()
        try:
            body = _Body(opened, size) if size else b""
            target = f"{location}{separator}digest={digest}"
            self._required("PUT", repository, target, data=body, headers=headers, tries=1)
        finally:
            if hasattr(opened, "close"):
                opened.close()

    def _location(self, answer: requests.Response) -> str:
        return urljoin(self._url + "/", answer.headers["Location"])

    def _required(self, method: str, repository: str, path: str, **arguments: Any) -> requests.Response:
        answer = self._request(method, repository, path, **arguments)
        if answer is None:
            raise errors.ImageNotFound(f"{self.host} does not know {repository} ({method} {path})")
        return answer

    def _request(
        self, method: str, repository: str, path: str, tries: int = _RETRIES, also: str = "", **arguments: Any
    ) -> requests.Response | None:
        """One call, repeated while the fault is transient; None for 404. `path` may be a whole URL (an upload's)."""
        url = path if "://" in path else f"{self._url}/v2/{repository}/{path}"
        action = "pull" if method in ("GET", "HEAD") else "pull,push"
        scope = f"repository:{repository}:{action}" + (f" repository:{also}:pull" if also else "")
        for attempt in range(tries):
            try:
                answer = self._authorized(method, url, scope, **arguments)
                return checked(answer, self.host, self._authorizer.has_credentials)
            except errors.RegistryUnavailable:
                if attempt == tries - 1:
                    raise
                self._pause(_FIRST_PAUSE * 2**attempt)
        raise AssertionError("unreachable: the last try returns or raises")

    def _authorized(self, method: str, url: str, scope: str, **arguments: Any) -> requests.Response:
        own_host = urlsplit(url)[:2] == urlsplit(self._url)[:2]  # by its own scheme: no password on a wire in clear
        given = arguments.pop("headers", {})
        try:
            for _ in range(2):
                headers = {**given, **(self._authorizer.header(scope) if own_host else {})}
                answer = self._session.request(
                    method, url, headers=headers, timeout=self._timeout, verify=self._verify, **arguments
                )
                challenge = answer.headers.get("WWW-Authenticate", "")
                body_is_spent = isinstance(arguments.get("data"), _Body)
                if (
                    answer.status_code != 401
                    or body_is_spent
                    or not self._authorizer.answer(challenge, scope, self.host)
                ):
                    return answer
        except (requests.RequestException, OSError) as error:
            raise unreachable(self.host, error) from error
        return answer


def _accepting() -> dict[str, str]:
    return {"Accept": ", ".join(MANIFEST_TYPES)}


class _Body:
    """A streamed request body whose length is known: requests then sends Content-Length, which every registry takes."""

    def __init__(self, source: IO[bytes] | Iterator[bytes], size: int) -> None:
        self._source = source
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        if not hasattr(self._source, "read"):
            yield from self._source
            return
        while chunk := self._source.read(_CHUNK):
            yield chunk
