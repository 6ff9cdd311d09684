"""A registry with TLS by a private authority and a password: what is needed to use it, and what is said without."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
import requests
from slipway_oci import (
    Credentials,
    ImageConfig,
    ImageReference,
    InvalidCredentials,
    OciError,
    Registry,
    RegistryDenied,
    RegistryHostUnknown,
    RegistryUntrusted,
    attach,
    attached,
    credentials_from_docker_config,
    docker_login,
    image_from_layers,
    layer_from_tree,
    read_files,
    trust_bundle,
)

from tests.unit.registries import PASSWORD, USER, PrivateRegistry
from tests.unit.serving.trees import write_tree

KIND = "application/vnd.cyclonedx+json"
ADA = Credentials(USER, PASSWORD)


def client(guarded: PrivateRegistry, home: Path, auth: Credentials | None = ADA) -> Registry:
    return Registry(guarded.host, auth=auth, ca=trust_bundle(home / "authorities.pem", [guarded.ca]))


def pushed(registry: Registry, home: Path, repository: str, *layers: dict[str, bytes]) -> ImageReference:
    packed = [
        layer_from_tree(write_tree(home / f"l{number}", files), "", home / f"{number}.tgz")
        for number, files in enumerate(layers)
    ]
    target = ImageReference(registry.host, repository, "1")
    return target.at(image_from_layers(registry, target, packed, ImageConfig()))


def test_with_authority_and_password_images_are_pushed_and_read(guarded: PrivateRegistry, tmp_path: Path) -> None:
    registry = client(guarded, tmp_path)
    image = pushed(registry, tmp_path, "private/one", {"f": b"1"})
    assert registry.head_manifest("private/one", "1") == image.digest


@pytest.mark.parametrize("auth", [None, Credentials(USER, "wrong")])
def test_a_wrong_password_is_denied(guarded: PrivateRegistry, tmp_path: Path, auth: Credentials | None) -> None:
    with pytest.raises(RegistryDenied, match="none were given for" if auth is None else "Check the credentials of"):
        client(guarded, tmp_path, auth).head_manifest("private/one", "1")


def test_an_unknown_authority_is_said_with_a_remedy(guarded: PrivateRegistry) -> None:
    with pytest.raises(RegistryUntrusted, match="Give the certificate authority") as caught:
        Registry(guarded.host, auth=ADA).head_manifest("private/one", "1")
    assert not caught.value.transient


def test_the_environment_does_not_win_over_the_authority_that_is_given(
    guarded: PrivateRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = client(guarded, tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", requests.certs.where())
    assert registry.head_manifest("private/nothing", "1") is None


def test_a_host_that_nobody_knows_is_told_from_one_that_is_away() -> None:
    with pytest.raises(RegistryHostUnknown, match="No name server knows") as caught:
        Registry("registry.invalid", pause=lambda _: None).head_manifest("a", "1")
    assert caught.value.transient


@pytest.mark.parametrize("content", ["{", "[]", json.dumps({"auths": {"h:1": {"auth": "%%%"}}})])
def test_credentials_that_cannot_be_read_are_said_without_being_shown(content: str) -> None:
    with pytest.raises(InvalidCredentials, match="docker login") as caught:
        credentials_from_docker_config(content, "h:1")
    assert content not in str(caught.value)


@pytest.mark.parametrize(
    "key",
    ["https://index.docker.io/v1/", "index.docker.io", "docker.io", "https://registry-1.docker.io/v2/"],
)
def test_a_login_at_docker_hub_is_known_by_each_of_its_names(key: str) -> None:
    entry = {"auth": base64.b64encode(b"ada:secret").decode()}
    content = json.dumps({"auths": {"h:1": {"auth": "eDp5"}, key: entry}})
    for image in ("ada/base:1", "docker.io/ada/base:1", "python:3.11"):
        assert credentials_from_docker_config(content, ImageReference.parse(image).host) == ADA
    assert credentials_from_docker_config(content, "h:2") is None
    assert Registry(ImageReference.parse("python").host)._url == "https://registry-1.docker.io"


def test_a_login_for_a_part_of_a_registry_is_not_one_for_all_of_it() -> None:
    content = json.dumps({"auths": {"https://h:1/ml": {"auth": "eDp5"}}})
    assert credentials_from_docker_config(content, "h:1") is None


def test_a_login_of_docker_is_found_in_its_file_or_asked_of_its_helper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    assert docker_login("h:1") is None
    entry = {"auth": base64.b64encode(b"ada:secret").decode()}
    (tmp_path / "config.json").write_text(json.dumps({"auths": {"h:1": entry}, "credHelpers": {"h:2": "test"}}))
    assert docker_login("h:1") == ADA
    with pytest.raises(InvalidCredentials, match="docker-credential-test"):
        docker_login("h:2")
    program = tmp_path / "docker-credential-test"
    program.write_text('#!/bin/sh\nread host\necho \'{"Username": "ada", "Secret": "\'$host\'"}\'\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert docker_login("h:2") == Credentials("ada", "h:2")


def test_a_document_is_attached_once_and_found_by_its_kind(registry: Registry, tmp_path: Path) -> None:
    image = pushed(registry, tmp_path, "referrers/one", {"f": b"2"})
    subject = registry.manifest(image.repository, image.digest)
    assert attached(registry, image.repository, image.digest, KIND) is None
    first = attach(registry, image.repository, subject, b'{"a": 1}', KIND)
    assert attach(registry, image.repository, subject, b'{"a": 1}', KIND) == first
    attach(registry, image.repository, subject, b"other", "text/plain")
    assert attached(registry, image.repository, image.digest, KIND) == (first, b'{"a": 1}')
    document = registry.manifest(image.repository, first).document
    assert (document["subject"]["digest"], document["artifactType"]) == (image.digest, KIND)
    index = registry.manifest(image.repository, image.digest.replace(":", "-")).document
    assert [one["artifactType"] for one in index["manifests"]] == [KIND, "text/plain"]


def test_files_are_read_as_the_layers_leave_them(registry: Registry, tmp_path: Path) -> None:
    below = {
        "etc/kept": b"kept",
        "etc/gone": b"gone",
        "var/old/a": b"a",
        "etc/changed": b"old",
        "large": b"x" * (9 << 20),
    }
    above = {"etc/.wh.gone": b"", "var/old/.wh..wh..opq": b"", "etc/changed": b"new"}
    image = pushed(registry, tmp_path, "contents/one", below, above)
    layers = registry.manifest(image.repository, image.digest).document["layers"]
    found = read_files(registry, image.repository, layers, lambda path: path != "large")
    assert found == {"etc/kept": b"kept", "etc/changed": b"new"}


def test_a_layer_that_is_no_archive_is_refused_in_words(registry: Registry, tmp_path: Path) -> None:
    image = pushed(registry, tmp_path, "contents/two", {"f": b"3"})
    manifest = registry.manifest(image.repository, image.digest).document
    config = {"digest": manifest["config"]["digest"], "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip"}
    with pytest.raises(OciError, match="no archive"):
        read_files(registry, image.repository, [config], lambda _: True)
