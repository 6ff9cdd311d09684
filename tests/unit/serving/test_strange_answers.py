"""Registries and MLflow servers that answer something else: the fault names who did, and never the builder's disk."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import requests
from slipway_oci import (
    Credentials,
    ImageReference,
    OciError,
    Registry,
    RegistryRefused,
    RegistryUnavailable,
    sha256_digest,
)
from slipway_serving.build import inventory
from slipway_serving.build.faults import BuildFault
from slipway_serving.build.tracking import Tracking

from tests.loopback import answering

PAGE = b"<html>Log in</html>"


@contextmanager
def saying(body: bytes, length: int | None = None, status: int = 200, challenge: str = "") -> Iterator[str]:
    """A server that gives all paths but /token one answer; it breaks off before `length` bytes."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asks = challenge and not self.path.startswith("/token")
            self.send_response(401 if asks else status)
            if asks:
                self.send_header("WWW-Authenticate", challenge.format(host=self.headers["Host"]))
            self.send_header("Content-Length", str(length or len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Silent."""

    with answering(Handler) as host:
        yield host


def layer() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name in ("etc/os-release", "var/lib/dpkg/status"):
            member = tarfile.TarInfo(name)
            member.size = 1 << 16
            archive.addfile(member, io.BytesIO(bytes(range(256)) * 256))
    return packed.getvalue()


def client(host: str) -> Registry:
    return Registry(host, plain_http=True, pause=lambda _: None)


def test_a_layer_that_breaks_off_is_no_image_without_packages() -> None:
    content = layer()
    described = [{"digest": sha256_digest(content), "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip"}]
    with saying(content[: len(content) // 2], len(content)) as host, pytest.raises(RegistryUnavailable, match=host):
        inventory.base_components(client(host), ImageReference(host, "base", "", f"sha256:{'a' * 64}"), described)


def test_a_document_that_breaks_off_is_asked_for_again_by_the_next_attempt() -> None:
    with saying(b"{", 100) as host, pytest.raises(OciError) as caught:
        client(host).blob("fraud", f"sha256:{'a' * 64}")
    assert caught.value.transient


@pytest.mark.parametrize("body", [PAGE, b"[]", b""])
def test_a_page_in_place_of_a_manifest_is_told_with_its_host(body: bytes) -> None:
    with saying(body) as host, pytest.raises(RegistryRefused, match=host):
        client(host).manifest("fraud", "7")


def test_a_page_in_place_of_a_token_is_told() -> None:
    challenge = 'Bearer realm="http://{host}/token",service="x"'
    with saying(PAGE, challenge=challenge) as host, pytest.raises(RegistryRefused, match="token service"):
        client(host).manifest("fraud", "7")


@pytest.mark.parametrize("uri", ["models:/fraud/7", "runs:/0f3c/model"])
def test_a_page_in_place_of_mlflows_answer_is_told_and_not_tried_again(uri: str, tmp_path: Path) -> None:
    with saying(PAGE) as host, pytest.raises(BuildFault) as caught:
        Tracking(f"http://{host}").origin(uri)
    assert (caught.value.step, caught.value.reason, caught.value.transient) == ("resolve", "TrackingRefused", False)
    assert "mlflow.secretName" in caught.value.message


def test_a_password_does_not_follow_an_upload_to_plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Registry("registry.example.com", auth=Credentials("ada", "secret"), pause=lambda _: None)
    sent: list[tuple[str, bool]] = []

    def request(method: str, url: str, headers: dict[str, str], **_: object) -> requests.Response:
        known = "Authorization" in headers
        sent.append((url.partition(":")[0], known))
        answer = requests.Response()
        answer.status_code = 404 if method == "HEAD" else 202 if known or url.startswith("http:") else 401
        answer.headers["WWW-Authenticate"] = 'Basic realm="registry"'
        answer.headers["Location"] = "http://registry.example.com/v2/fraud/blobs/uploads/1"
        answer.request = requests.Request(method, url).prepare()
        return answer

    monkeypatch.setattr(registry._session, "request", request)
    assert registry.push_blob("fraud", sha256_digest(b"x"), 1, lambda: iter([b"x"]))
    assert sent == [("https", False), ("https", False), ("https", True), ("http", False)]
