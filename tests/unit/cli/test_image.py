"""`slipway image inspect` against a real registry, with an image that the builder made."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from slipway.cli.__main__ import main
from slipway_oci import Registry

from tests.unit.cli.sdk import slipway
from tests.unit.registries import PASSWORD, USER, PrivateRegistry
from tests.unit.serving.workshop import Workshop, open_workshop

pytestmark = pytest.mark.long


@pytest.fixture
def workshop(tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "no-docker"))
    with open_workshop(tmp_path, registry, monkeypatch) as one:
        one.tracking.params = {"data.digest": "sha256:data"}
        yield one


@pytest.fixture
def image(workshop: Workshop) -> str:
    code, report = workshop.run("inspected/fraud")
    assert code == 0
    return str(report["image"])


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main(["image", "inspect", "--plain-http", "--output", "json", *words]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_json_says_all_that_the_image_says(workshop: Workshop, image: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = shown(capsys, image)
    provenance = found["provenance"]
    assert (found["image"], found["digest"]) == (image, image.split("@")[1])
    assert (provenance["model"], provenance["version"], provenance["run"]) == ("fraud", "7", workshop.tracking.run_id)
    assert (provenance["dataDigest"], provenance["modelDigest"]) == ("sha256:data", workshop.digest)
    assert provenance["base"] == workshop.base.digest
    assert [layer["createdBy"] for layer in found["layers"]][1:] == [
        "slipway: dependencies",
        "slipway: server",
        "slipway: model",
    ]
    assert found["size"] == sum(layer["size"] for layer in found["layers"])
    assert found["sbom"]["components"] == {"deb": 1, "machine-learning-model": 1, "oci": 1, "pypi": 3}
    assert found["sbom"]["python"] == {"alpha": "1.0", "beta": "2.0", "scikit-learn": "1.9.1"}


def test_text_is_for_people(image: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["image", "inspect", "--plain-http", image]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"image     {image}"
    assert "layers    4, " in "\n".join(lines)
    assert any(line.split() == ["dataDigest", "sha256:data"] for line in lines)
    assert any(line.split() == ["scikit-learn", "1.9.1"] for line in lines)


def test_an_image_that_says_nothing_is_shown_as_such(workshop: Workshop, capsys: pytest.CaptureFixture[str]) -> None:
    found = shown(capsys, str(workshop.base))
    assert (found["provenance"], found["sbom"]) == ({}, None)
    assert main(["image", "inspect", "--plain-http", str(workshop.base)]) == 0
    assert "none refers to this image" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("reference", "code", "said"),
    [
        ("HOST/inspected/nothing:1", 1, "ImageNotFound"),
        ("HOST/inspected/fraud@sha256:12", 2, "illegal digest"),
        ("Fraud", 2, "illegal repository"),
        ("registry.invalid/fraud:1", 1, "RegistryHostUnknown"),
    ],
)
def test_what_cannot_be_shown_is_said(
    workshop: Workshop, capsys: pytest.CaptureFixture[str], reference: str, code: int, said: str
) -> None:
    reference = reference.replace("HOST", workshop.registry.host)
    assert main(["image", "inspect", "--plain-http", reference]) == code
    written = capsys.readouterr()
    assert (written.out, said in written.err) == ("", True), written.err


def test_a_private_registry_needs_its_authority_and_a_login(
    guarded: PrivateRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Reaching it is what is tested: the answer that counts is that there is no such image."""
    monkeypatch.setattr("slipway_oci.registry._FIRST_PAUSE", 0.0)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    (tmp_path / "ca.pem").write_text(guarded.ca)
    words = ["image", "inspect", f"{guarded.host}/nothing:1"]
    reasons = []
    for step in ("nothing", "authority", "login"):
        if step == "authority":
            words += ["--ca", str(tmp_path / "ca.pem")]
        if step == "login":
            login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            (tmp_path / "config.json").write_text(json.dumps({"auths": {guarded.host: {"auth": login}}}))
        assert main(words) == 1
        reasons.append(capsys.readouterr().err.split(": ")[1])
    assert reasons == ["RegistryUntrusted", "RegistryDenied", "ImageNotFound"]


def test_an_authority_that_is_no_file_is_a_wrong_call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["image", "inspect", "h.x/a:1", "--ca", str(tmp_path / "none")]) == 2
    assert "none" in capsys.readouterr().err


def test_the_command_works_in_its_own_environment(image: str) -> None:
    done = slipway("image", "inspect", "--plain-http", "--output", "json", image)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["image"] == image
