"""Packages of the system by Buildah, without a capability, upon a small base in a real registry."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from slipway_oci import ImageReference, Registry, attached, read_files
from slipway_serving.build import inventory
from slipway_serving.build.system import __main__ as steps

from tests.unit.serving.servers import SOURCES
from tests.unit.serving.small_system import UNPRIVILEGED, push_base
from tests.unit.serving.workshop import Workshop, open_workshop

pytestmark = [
    pytest.mark.long,
    pytest.mark.programs,
    pytest.mark.skipif(not shutil.which("buildah"), reason="the Debian package buildah is not installed"),
]
TEMPLATE = """{% extends bento_base_template %}
{% block SETUP_BENTO_COMPONENTS %}
{{ super() }}
ENV FROM_TEMPLATE=yes
RUN test -f /usr/share/libexample1/file && mkdir /opt && echo made > /opt/by-template
{% endblock %}
"""


class Site:
    """The three steps, each as the process that it is in the pod."""

    def __init__(self, workshop: Workshop, home: Path) -> None:
        self.workshop, self.home = workshop, home
        self.base = push_base(workshop.registry, home, "small/base")

    def words(self, repository: str, packages: Sequence[str], base: ImageReference | None = None) -> list[str]:
        folders = {"system_base": str(self.home / "fetched"), "system_result": str(self.home / "result")}
        words = self.workshop.words(repository, base_image=str(base or self.base), **folders)
        return words + [word for name in packages for word in ("--system-package", name)]

    def fetch(self, words: Sequence[str]) -> tuple[int, dict[str, Any]]:
        return steps.main(["fetch", *words]), json.loads(self.workshop.report.read_text())

    def install(self, words: Sequence[str], **environment: str) -> tuple[int, dict[str, Any]]:
        said, work = self.home / "said", self.home / "work"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        settings = {"PYTHONPATH": SOURCES, "SLIPWAY_TERMINATION_LOG": str(said), "TMPDIR": str(work)}
        command = [*UNPRIVILEGED, sys.executable, "-m", "slipway_serving.build.system", "install", *words]
        done = subprocess.run(
            command, env={**os.environ, **settings, **environment}, capture_output=True, text=True, check=False
        )
        assert said.exists(), done.stderr
        return done.returncode, json.loads(said.read_text())

    def build(self, words: Sequence[str]) -> tuple[int, dict[str, Any]]:
        from slipway_serving.build import __main__ as command

        return command.main(words), json.loads(self.workshop.report.read_text())

    def run(self, repository: str, packages: Sequence[str], template: str = "") -> dict[str, Any]:
        """All three; returns the report."""
        words = self.words(repository, packages)
        self.workshop.environment.setenv("SLIPWAY_DOCKERFILE", template)
        for step in (self.fetch, self.install, self.build):
            code, report = step(words)
            assert (code, report.get("error")) == (0, None)
        return report

    def files(self, image: ImageReference, wanted: str) -> dict[str, bytes]:
        registry = self.workshop.registry
        layers = registry.manifest(image.repository, image.digest).document["layers"]
        return read_files(registry, image.repository, layers, lambda path: path.startswith(wanted))

    def config(self, image: ImageReference) -> dict[str, Any]:
        registry = self.workshop.registry
        manifest = registry.manifest(image.repository, image.digest).document
        found: dict[str, Any] = json.loads(registry.blob(image.repository, manifest["config"]["digest"]))["config"]
        return found


@pytest.fixture
def site(tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with open_workshop(tmp_path, registry, monkeypatch) as workshop:
        yield Site(workshop, tmp_path / "site")


def test_a_models_image_holds_the_packages_and_says_which(site: Site) -> None:
    report = site.run("sys/one", ["libexample1"])
    image = ImageReference.parse(report["image"])
    assert site.files(image, "usr/share/libexample1/file") == {
        "usr/share/libexample1/file": b"content of libexample1\n"
    }
    config = site.config(image)
    assert config["Labels"]["dev.slipway.system-packages"] == "libexample1=1.2-3"
    assert config["Labels"]["dev.slipway.system-base"] == site.base.digest
    assert (config["User"], config["Entrypoint"][-1]) == ("65532", "slipway_serving.service")
    found = attached(site.workshop.registry, image.repository, image.digest, inventory.MEDIA_TYPE)
    assert found is not None
    assert "pkg:deb/debian/libexample1@1.2-3?arch=amd64" in [
        one.get("purl") for one in json.loads(found[1])["components"]
    ]


def test_two_cold_builds_agree_and_hold_nothing_of_their_time_or_tools(site: Site) -> None:
    images = [ImageReference.parse(site.run(f"sys/cold{number}", ["libexample1"])["image"]) for number in (1, 2)]
    assert images[0].digest == images[1].digest
    held = site.files(images[0], "")
    assert not [path for path in held if path.startswith(("var/log/", "var/cache/", "run/", "etc/passwd-"))]


def test_an_image_that_exists_is_neither_fetched_nor_built_again(site: Site) -> None:
    first = site.run("sys/again", ["libexample1"])
    words = site.words("sys/again", ["libexample1"])
    shutil.rmtree(site.home / "fetched")
    code, fetched = site.fetch(words)
    assert (code, bool(fetched["known"])) == (0, True)
    assert not (site.home / "fetched/blobs").exists()
    shutil.rmtree(site.home / "result")
    assert site.install(words)[0] == 0
    assert not (site.home / "result").exists()
    code, second = site.build(words)
    assert (code, second["image"], second["reused"]) == (0, first["image"], True)
    assert site.run("sys/again", ["libexample1", "libother2"])["image"] != first["image"]


def test_a_template_of_bentoml_adds_to_the_packages(site: Site) -> None:
    image = ImageReference.parse(site.run("sys/template", ["libexample1"], TEMPLATE)["image"])
    assert site.files(image, "opt/by-template") == {"opt/by-template": b"made\n"}
    assert "FROM_TEMPLATE=yes" in site.config(image)["Env"]


@pytest.mark.parametrize(
    ("package", "code", "reason", "said"),
    [
        ("no-such-package", 1, "SystemPackageNotFound", "Unable to locate package no-such-package"),
        ("far-away", 75, "PackageSourceUnavailable", "Temporary failure resolving"),
        ("broken", 1, "InstructionFailed", "error processing package broken"),
    ],
)
def test_what_fails_is_said_with_the_end_of_the_log(
    site: Site, package: str, code: int, reason: str, said: str
) -> None:
    words = site.words(f"sys/{reason.lower()}", [package])
    assert site.fetch(words)[0] == 0
    found, report = site.install(words)
    assert (found, report["error"]["step"], report["error"]["reason"]) == (code, "system", reason)
    assert said in report["error"]["message"]
    assert said in report["error"]["log"]


def test_a_base_without_apt_is_told_of_the_template(site: Site, tmp_path: Path) -> None:
    bare = push_base(site.workshop.registry, tmp_path / "bare", "small/bare", apt=False)
    words = site.words("sys/bare", ["libexample1"], bare)
    assert site.fetch(words)[0] == 0
    code, report = site.install(words)
    assert (code, report["error"]["reason"]) == (1, "NoPackageManager")
    assert "dockerfileRef" in report["error"]["message"]


def test_a_config_map_that_changes_on_the_way_is_tried_again(site: Site) -> None:
    words = site.words("sys/changed", ["libexample1"])
    assert site.fetch(words)[0] == 0
    assert site.install(words)[0] == 0
    site.workshop.environment.setenv("SLIPWAY_DOCKERFILE", "ENV LATER=1")
    code, report = site.build(words)
    assert (code, report["error"]["step"], report["error"]["reason"]) == (75, "system", "InputsChanged")


def test_what_installs_sees_no_variable_of_the_step_that_runs_it(site: Site) -> None:
    site.workshop.environment.setenv("SLIPWAY_DOCKERFILE", 'RUN test -z "${SLIPWAY_SECRET:-}" && test $(id -u) = 0')
    words = site.words("sys/probe", [])
    assert site.fetch(words)[0] == 0
    code, report = site.install(words, SLIPWAY_SECRET="open sesame")
    assert (code, report.get("error")) == (0, None)
