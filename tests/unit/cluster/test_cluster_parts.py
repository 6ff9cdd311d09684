"""Builds, certificates, discovery, environment file, images' inputs: small parts without a cluster."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.build import TEST_TOOLS, TOOLS
from tests.cluster.certificates import Authority, Identity
from tests.cluster.discovery import targets
from tests.cluster.environment import Environment, Gateway
from tests.cluster.errors import ClusterError
from tests.cluster.places import PACKAGE
from tests.cluster.project_images import IMAGES, _files


def test_kubernetes_is_stamped_with_the_version_of_its_module() -> None:
    tool = TOOLS["kubernetes"]
    assert f"-X k8s.io/component-base/version.gitVersion={tool.version}" in tool.ldflags
    assert tool.ldflags.startswith("-s -w")


def test_every_tool_has_its_module_and_sums() -> None:
    for tool in (TOOLS | TEST_TOOLS).values():
        assert tool.version.startswith("v")
        assert (tool.directory / "go.sum").stat().st_size > 0
        assert len(tool.key) == 12


def test_the_authority_is_made_once_and_vouches_for_what_it_issues(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue(Identity("x", "me", ("system:masters",), ("localhost", "198.18.0.1")))
    assert Authority(tmp_path).issue(Identity("x", "me"))[0].read_bytes() == certificate.read_bytes()
    context = ssl.create_default_context(cafile=str(authority.certificate))
    context.load_cert_chain(certificate, key)
    assert key.stat().st_mode & 0o077 == 0


def pod(name: str, annotations: dict[str, str] | None, ip: str = "198.18.0.9") -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "n", "annotations": annotations},
        "spec": {"containers": [{"ports": [{"containerPort": 3000}]}]},
        "status": {"podIP": ip},
    }


def test_only_pods_that_ask_for_it_are_scraped_where_they_say() -> None:
    asking = {"prometheus.io/scrape": "true", "prometheus.io/port": "8080", "prometheus.io/path": "/m"}
    found = targets(
        [pod("b", asking), pod("a", {"prometheus.io/scrape": "true"}), pod("c", None), pod("d", asking, "")]
    )
    assert [(one["targets"], one["labels"]["pod"], one["labels"]["__metrics_path__"]) for one in found] == [
        (["198.18.0.9:3000"], "a", "/metrics"),
        (["198.18.0.9:8080"], "b", "/m"),
    ]


def test_the_environment_survives_the_file(tmp_path: Path) -> None:
    path = tmp_path / "environment.json"
    with pytest.raises(ClusterError, match="up"):
        Environment.load(path)
    environment = Environment(
        "/k", "embedded", "198.18.0.1:5000", "localhost:5001", True, "http://p", "http://ph", "http://m", "http://mh",
        Gateway("a", "b", "1.2.3.4:80"), "base@sha256:1", "/kubectl", "/helm", "/audit", {"operator": "o@sha256:2"},
    )  # fmt: skip
    environment.save(path)
    assert Environment.load(path) == environment


def test_no_bytecode_of_this_machine_gets_into_images() -> None:
    for image in IMAGES:
        places = [place for _, place in _files(image)]
        assert places
        assert len(places) == len(set(places))
        assert not any("__pycache__" in place for place in places)


def test_the_pipelines_image_holds_no_controller() -> None:
    (pipelines,) = [image for image in IMAGES if image.name == "pipelines"]
    assert not any(place.startswith(("slipway/runtime", "slipway/core")) for _, place in _files(pipelines))


@pytest.mark.parametrize("path", sorted((PACKAGE / "manifests").glob("*.yaml")), ids=lambda path: path.name)
def test_manifests_ask_for_little_cpu(path: Path) -> None:
    for document in yaml.safe_load_all(path.read_text()):
        containers = (document.get("spec") or {}).get("template", {}).get("spec", {}).get("containers", [])
        for container in containers:
            assert int(container["resources"]["requests"]["cpu"].removesuffix("m")) <= 50
