"""Images pushed to a real registry: mounted, copied, reproducible; faults carry a remedy."""

from __future__ import annotations

import http.server
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from slipway_oci import (
    Credentials,
    ImageConfig,
    ImageNotFound,
    ImageReference,
    InvalidReference,
    Layer,
    Registry,
    RegistryDenied,
    RegistryUnavailable,
    append_layers,
    credentials_from_docker_config,
    image_from_layers,
    layer_from_tree,
)

from tests.loopback import answering, free_port
from tests.unit.serving.trees import write_tree


def make_layer(home: Path, name: str, content: bytes) -> Layer:
    return layer_from_tree(write_tree(home / name, {"file": content}), f"opt/{name}", home / f"{name}.tgz")


def base_image(registry: Registry, home: Path, repository: str) -> ImageReference:
    target = ImageReference(registry.host, repository, "1")
    config = ImageConfig(env={"PATH": "/bin", "LANG": "C"}, user="0", command=["sh"], labels={"a": "1"})
    return target.at(image_from_layers(registry, target, [make_layer(home, "base", b"b" * 1000)], config))


def test_append_mounts_the_base_and_is_reproducible(registry: Registry, tmp_path: Path) -> None:
    base = base_image(registry, tmp_path, "mount/base")
    changes = ImageConfig(
        env={"LANG": "C.UTF-8"}, entrypoint=["python3"], user="65532", labels={"b": "2"}, ports=[8080]
    )
    layer = make_layer(tmp_path, "model", b"m")
    digests = {
        append_layers(registry, base, ImageReference(registry.host, f"mount/{tag}", tag), [layer], changes)
        for tag in ("one", "two")
    }
    assert len(digests) == 1
    assert registry.head_manifest("mount/one", "one") in digests
    manifest = registry.manifest("mount/one", digests.pop())
    assert [entry["digest"] for entry in manifest.document["layers"]][-1] == layer.digest
    config = json.loads(registry.blob("mount/one", manifest.document["config"]["digest"]))
    assert config["config"]["Env"] == ["PATH=/bin", "LANG=C.UTF-8"]
    assert config["config"]["Entrypoint"] == ["python3"]
    assert "Cmd" not in config["config"]
    assert config["config"]["User"] == "65532"
    assert config["config"]["Labels"] == {"a": "1", "b": "2"}
    assert len(config["rootfs"]["diff_ids"]) == len(config["history"]) == 2
    assert b"".join(registry.stream_blob("mount/one", layer.digest)) == layer.path.read_bytes()


def test_base_of_another_registry_is_copied(registry: Registry, registry_host: str, tmp_path: Path) -> None:
    other = Registry(registry_host.replace("127.0.0.1", "localhost"), plain_http=True)
    base = base_image(other, tmp_path, "copied/base")
    target = ImageReference(registry.host, "copied/target", "1")
    layer = make_layer(tmp_path, "model", b"m")
    digest = append_layers(registry, base, target, [layer], ImageConfig(), base_registry=other)
    assert len(registry.manifest("copied/target", digest).document["layers"]) == 2


def test_absent_things_are_named(registry: Registry) -> None:
    assert registry.head_manifest("nothing/here", "1") is None
    with pytest.raises(ImageNotFound, match="nothing/here has no 1"):
        registry.manifest("nothing/here", "1")


def test_a_dead_registry_is_transient() -> None:
    waits: list[float] = []
    dead = Registry(f"127.0.0.1:{free_port()}", plain_http=True, pause=waits.append)
    with pytest.raises(RegistryUnavailable) as caught:
        dead.head_manifest("a", "b")
    assert caught.value.transient
    assert waits == [1.0, 2.0]


@pytest.mark.parametrize(
    "text", ["Name", "ml//name", "host.x/Name", "host.x/a@sha256:12", "host.x/a:t g", "", "host.x/"]
)
def test_illegal_references_are_refused(text: str) -> None:
    with pytest.raises(InvalidReference):
        ImageReference.parse(text)


def test_references_read_back() -> None:
    digest = "sha256:" + "0" * 64
    for text in ("h:5000/a/b:t", f"h:5000/a@{digest}", f"localhost/a:t@{digest}"):
        assert str(ImageReference.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("python:3.11-slim", "docker.io/library/python:3.11-slim"),
        ("docker.io/python", "docker.io/library/python"),
        ("ada/base:1", "docker.io/ada/base:1"),
        ("docker.io/ada/base:1", "docker.io/ada/base:1"),
    ],
)
def test_a_name_without_a_host_is_one_of_docker_hub(text: str, full: str) -> None:
    assert str(ImageReference.parse(text)) == full
    assert ImageReference.parse(full) == ImageReference.parse(text)


class Guarded(http.server.BaseHTTPRequestHandler):
    """A registry that wants a token, and a token service that wants a password; `/v2/broken` fails twice."""

    failures = 2

    def do_GET(self) -> None:
        authorization = self.headers.get("Authorization", "")
        if self.path.startswith("/token"):
            right = authorization == Credentials("ada", "secret").basic()
            self._answer(200 if right else 401, json.dumps({"token": "t0"}).encode())
        elif authorization != "Bearer t0":
            realm = f'Bearer realm="http://{self.headers["Host"]}/token",service="s",scope="x"'
            self._answer(401, b"", {"WWW-Authenticate": realm})
        elif "broken" in self.path and type(self).failures:
            type(self).failures -= 1
            self._answer(503, b"")
        else:
            self._answer(200, b"{}", {"Docker-Content-Digest": "sha256:1"})

    do_HEAD = do_GET

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def guarded_host() -> Iterator[str]:
    with answering(Guarded) as address:
        yield address


def test_credentials_obtain_a_token_and_5xx_is_tried_again(guarded_host: str) -> None:
    auth = {"auths": {guarded_host: {"auth": Credentials("ada", "secret").basic().removeprefix("Basic ")}}}
    credentials = credentials_from_docker_config(json.dumps(auth), guarded_host)
    assert credentials == Credentials("ada", "secret")
    registry = Registry(guarded_host, plain_http=True, auth=credentials, pause=lambda _: None)
    assert registry.head_manifest("broken", "1") == "sha256:1"


@pytest.mark.parametrize("auth", [None, Credentials("ada", "wrong")])
def test_wrong_credentials_are_denied_with_a_remedy(guarded_host: str, auth: Credentials | None) -> None:
    with pytest.raises(RegistryDenied, match="Check the"):
        Registry(guarded_host, plain_http=True, auth=auth).head_manifest("a", "1")
