"""A build behind walls: registry and index want passwords and have certificates of a private authority."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from slipway_oci import (
    Credentials,
    ImageConfig,
    ImageReference,
    Registry,
    image_from_layers,
    layer_from_tree,
    read_layout,
    trust_bundle,
)
from slipway_serving.build.request import read_request
from slipway_serving.build.system import __main__ as system

from tests.unit.registries import PASSWORD, USER, PrivateRegistry
from tests.unit.serving import package_index
from tests.unit.serving.package_index import PackageIndex, private_index
from tests.unit.serving.trees import write_tree
from tests.unit.serving.workshop import Workshop, open_workshop

pytestmark = pytest.mark.long


class Walled:
    """A workshop whose images go to the guarded registry and whose wheels come from the private index."""

    def __init__(self, workshop: Workshop, guarded: PrivateRegistry, index: PackageIndex) -> None:
        self.workshop, self.guarded, self.index = workshop, guarded, index
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        self.environment = {
            "SLIPWAY_DOCKER_CONFIG": json.dumps({"auths": {guarded.host: {"auth": login}}}),
            "SLIPWAY_REGISTRY_CA": guarded.ca,
            "SLIPWAY_INDEX_CA": index.ca,
            "SLIPWAY_INDEX_USERNAME": package_index.USER,
            "SLIPWAY_INDEX_PASSWORD": package_index.PASSWORD,
        }

    def run(self, repository: str, **environment: str | None) -> tuple[int, dict[str, Any]]:
        for name, text in {**self.environment, **environment}.items():
            if text is not None:
                self.workshop.environment.setenv(name, text)
        return self.workshop.run(f"{self.guarded.host}/{repository}", package_index=self.index.url)


@pytest.fixture
def walled(
    tmp_path: Path, registry: Registry, guarded: PrivateRegistry, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Walled]:
    with open_workshop(tmp_path, registry, monkeypatch) as workshop:
        for name in ("UV_NO_INDEX", "UV_FIND_LINKS", "UV_OFFLINE"):
            monkeypatch.delenv(name)
        with private_index(tmp_path / "index", workshop.wheels) as index:
            yield Walled(workshop, guarded, index)


def test_with_all_secrets_the_image_is_built(walled: Walled, tmp_path: Path) -> None:
    code, report = walled.run("walled/one")
    assert (code, report.get("error")) == (0, None)
    ca = trust_bundle(tmp_path / "ca.pem", [walled.guarded.ca])
    guarded = Registry(walled.guarded.host, auth=Credentials(USER, PASSWORD), ca=ca)
    image = report["image"].split("@")[1]
    assert len(guarded.manifest("walled/one", image).document["layers"]) == 4


@pytest.mark.parametrize(
    ("changes", "reason", "said"),
    [
        ({"SLIPWAY_DOCKER_CONFIG": None}, "RegistryDenied", "none were given for"),
        ({"SLIPWAY_DOCKER_CONFIG": '{"auths": {"other:1": {}}}'}, "RegistryDenied", "none were given for"),
        ({"SLIPWAY_DOCKER_CONFIG": "{"}, "InvalidCredentials", "docker login"),
        ({"SLIPWAY_REGISTRY_CA": None}, "RegistryUntrusted", "certificate authority"),
        ({"SLIPWAY_INDEX_PASSWORD": "wrong"}, "PackageIndexDenied", "spec.image.packageIndex.secretRef"),
        ({"SLIPWAY_INDEX_USERNAME": None, "SLIPWAY_INDEX_PASSWORD": None}, "PackageIndexDenied", "secretRef"),
        ({"SLIPWAY_INDEX_CA": None}, "PackageIndexUntrusted", "spec.image.packageIndex.caRef"),
    ],
)
def test_what_is_missing_is_said_by_its_cause(
    walled: Walled, changes: dict[str, str | None], reason: str, said: str
) -> None:
    code, report = walled.run(f"walled/{reason.lower()}", **changes)
    assert (code, report["error"]["reason"]) == (1, reason), report
    assert said in report["error"]["message"]
    assert package_index.PASSWORD not in json.dumps(report)


def test_a_private_base_is_fetched_with_the_credentials_before_packages_are_installed(
    walled: Walled, tmp_path: Path
) -> None:
    ca = trust_bundle(tmp_path / "ca.pem", [walled.guarded.ca])
    guarded = Registry(walled.guarded.host, auth=Credentials(USER, PASSWORD), ca=ca)
    layer = layer_from_tree(write_tree(tmp_path / "private", {"etc/one": b"1"}), "", tmp_path / "private.tgz")
    image_from_layers(guarded, ImageReference(guarded.host, "walled/base", "1"), [layer], ImageConfig())
    folders = {"system_base": str(tmp_path / "fetched"), "system_result": str(tmp_path / "result")}
    base = f"{guarded.host}/walled/base:1"
    words = walled.workshop.words(f"{guarded.host}/walled/system", base_image=base, **folders)
    for denied in (True, False):
        for name, text in ({} if denied else walled.environment).items():
            walled.workshop.environment.setenv(name, text)
        code = system.main(["fetch", *words])
        report = json.loads(walled.workshop.report.read_text())
        if denied:
            assert (code, report["error"]["step"], report["error"]["reason"]) == (1, "base", "RegistryUntrusted")
    assert (code, report["known"]) == (0, "")
    assert read_layout(tmp_path / "fetched").layers[0]["digest"] == layer.digest


def test_a_host_that_nobody_knows_is_tried_again(walled: Walled) -> None:
    walled.guarded = PrivateRegistry("registry.invalid", walled.guarded.ca)
    code, report = walled.run("walled/unknown")
    assert (code, report["error"]["reason"], report["error"]["step"]) == (75, "RegistryHostUnknown", "lookup")


def test_what_is_secret_is_taken_out_of_the_environment(tmp_path: Path) -> None:
    environment = {
        "MLFLOW_TRACKING_URI": "http://mlflow",
        "SLIPWAY_DOCKER_CONFIG": "{}",
        "SLIPWAY_INDEX_PASSWORD": "open sesame",
        "SLIPWAY_REGISTRY_CA": "PEM",
        "MLFLOW_TRACKING_USERNAME": "ada",
        "MLFLOW_TRACKING_PASSWORD": "close sesame",
    }
    arguments = ["--model-uri", "models:/a/1", "--repository", "h:1/a", "--base-image", "h:1/b:1"]
    request = read_request(arguments, tmp_path, environment)
    assert environment == {"MLFLOW_TRACKING_URI": "http://mlflow"}
    assert "sesame" not in repr(request)
    assert request.tracking_login == ("ada", "close sesame")
    assert request.ca is not None
    assert request.ca.read_text().endswith("PEM\n")


def test_an_index_whose_address_holds_a_password_is_refused(tmp_path: Path) -> None:
    arguments = ["--model-uri", "models:/a/1", "--repository", "h:1/a", "--base-image", "h:1/b:1"]
    arguments += ["--tracking-uri", "http://mlflow", "--package-index", "https://ada:secret@example.com/simple"]
    with pytest.raises(SystemExit):
        read_request(arguments, tmp_path, {})
