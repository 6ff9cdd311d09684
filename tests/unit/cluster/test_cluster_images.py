"""The image that all others stand on, in a registry that pods and this machine know by different names."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from slipway_oci import ImageConfig, ImageReference, Registry, image_from_layers, layer_from_tree

from tests.cluster.errors import ClusterError
from tests.cluster.images import Images, Store
from tests.cluster.places import Places
from tests.cluster.progress import Progress


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "state", tmp_path / "cache")


def python(registry: Registry, home: Path, repository: str, content: str = "1") -> ImageReference:
    """An image that could be Python's, by tag."""
    tree = home / content
    tree.mkdir(parents=True)
    (tree / "python3").write_text(content)
    target = ImageReference(registry.host, repository, "3.11-slim")
    layer = layer_from_tree(tree, "usr/local/bin", home / f"{content}.tar.gz")
    image_from_layers(registry, target, [layer], ImageConfig(env={"LANG": "C.UTF-8"}, command=("python3",)))
    return target


def images(places: Places, host: str, base: str) -> Images:
    return Images(places, Progress(io.StringIO()), Store("kind-registry:5000", host, plain_http=True), base)


def test_the_base_is_copied_once_and_named_as_pods_know_it(registry_host: str, places: Places, tmp_path: Path) -> None:
    hub = Registry(registry_host.replace("127.0.0.1", "localhost"), plain_http=True)
    wanted = python(hub, tmp_path, "library/python")
    base = images(places, registry_host, str(wanted)).base()
    assert base.startswith("kind-registry:5000/slipway/base@sha256:")
    copy = Registry(registry_host, plain_http=True)
    manifest = copy.manifest("slipway/base", base.partition("@")[2]).document
    origin = hub.manifest("library/python", "3.11-slim").document
    assert [one["digest"] for one in manifest["layers"]] == [one["digest"] for one in origin["layers"]]
    assert b'"python3"' in copy.blob("slipway/base", manifest["config"]["digest"]), "it still starts what it started"
    python(hub, tmp_path, "library/python", "2")  # the tag moves
    assert images(places, registry_host, str(wanted)).base() == base
    pinned = wanted.at(hub.head_manifest("library/python", "3.11-slim") or "")
    assert images(places, registry_host, str(pinned)).base() != base


def test_a_base_that_is_pinned_in_the_registry_is_taken_as_it_is(registry_host: str, places: Places) -> None:
    pinned = f"kind-registry:5000/own/python@sha256:{'0' * 64}"
    assert images(places, registry_host, pinned).base() == pinned


def test_images_stand_on_the_copy(registry_host: str, places: Places, tmp_path: Path) -> None:
    hub = Registry(registry_host.replace("127.0.0.1", "localhost"), plain_http=True)
    made = images(places, registry_host, str(python(hub, tmp_path, "stand/python")))
    reference = made.on_base("operator", lambda: [], "key", ImageConfig(entrypoint=("python3", "-m", "slipway")))
    assert reference.startswith("kind-registry:5000/slipway/operator@sha256:")
    found = Registry(registry_host, plain_http=True).manifest("slipway/operator", reference.partition("@")[2])
    assert len(found.document["layers"]) == 1
    assert set(made.used) == {reference, made.base()}


@pytest.mark.parametrize("base", ["python:3.11-slim", "localhost:1/library/python:3.11-slim"])
def test_a_base_that_cannot_be_had_is_told_the_variable(
    registry_host: str, places: Places, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slipway_oci.registry._FIRST_PAUSE", 0.0)
    with pytest.raises(ClusterError, match="SLIPWAY_BASE_IMAGE"):
        images(places, registry_host, base).base()
