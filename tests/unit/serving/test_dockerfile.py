"""The Dockerfile of a system image, what may stand in its template, and what Buildah's words mean."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway_serving.build.faults import BuildFault
from slipway_serving.build.system.buildah import fault
from slipway_serving.build.system.dockerfile import dockerfile
from slipway_serving.build.system.request import SystemRequest
from slipway_serving.build.system.stages import checked

EXTENDS = "{% extends bento_base_template %}"


def request(packages: list[str], **changes: str) -> SystemRequest:
    return SystemRequest(Path("b"), Path("r"), tuple(packages), **changes)


def test_packages_are_installed_in_one_step_without_recommendations() -> None:
    lines = dockerfile(["tesseract-ocr", "libgomp1"], "").splitlines()
    assert lines[0] == "FROM localhost/slipway-base"
    assert lines[-1] == "RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 tesseract-ocr"


def test_plain_instructions_follow_the_packages() -> None:
    text = dockerfile(["libgomp1"], "ENV A=1\nRUN echo {{ 1 + 1 }}\n")
    assert text.index("libgomp1") < text.index("ENV A=1\nRUN echo 2\n")
    assert "apt-get" not in dockerfile([], "ENV A=1\n")


def test_a_template_of_bentoml_keeps_its_place() -> None:
    block = "{% block SETUP_BENTO_BASE_IMAGE %}{{ super() }}RUN before{% endblock %}"
    text = dockerfile(["libgomp1"], f"{EXTENDS}{block}")
    assert text.index("FROM") < text.index("RUN before") < text.index("libgomp1")


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("FROM debian:12\nRUN true", "spec.image.base"),
        ("COPY model.py /opt/", "no build context"),
        ("ADD . /opt/", "no build context"),
        ("RUN echo {{ bento__path }}", "bento__path"),
        ("RUN {% if", "cannot be rendered"),
        (f"{EXTENDS}{{% block SETUP_BENTO_BASE_IMAGE %}}RUN true{{% endblock %}}", "super()"),
        ("{{ ().__class__.__base__.__subclasses__() }}", "cannot be rendered"),
    ],
)
def test_what_cannot_be_built_is_refused_in_words(template: str, said: str) -> None:
    with pytest.raises(BuildFault, match="InvalidDockerfile") as caught:
        dockerfile(["libgomp1"], template)
    assert said in caught.value.message


@pytest.mark.parametrize("name", ["-o", "a b", "libc6-", "x;reboot", "$(x)", "Lib", "a=1 2", ""])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(BuildFault, match="InvalidPackageName"):
        checked(("libgomp1", name))


def test_names_with_versions_and_architectures_are_names() -> None:
    names = ["g++", "libstdc++6", "libgomp1=12.2.0-14+deb12u1", "libc6:amd64", "python3.11"]
    assert checked(tuple(names)) == names


@given(st.permutations(["a1", "b2", "c3"]))
def test_the_order_of_packages_names_no_other_image(packages: list[str]) -> None:
    assert request(packages).key("sha256:1") == request(["a1", "b2", "c3"]).key("sha256:1")


def test_each_input_names_another_image() -> None:
    keys = [
        request(["a1"]).key("sha256:1"),
        request(["a1"]).key("sha256:2"),
        request(["a1", "b2"]).key("sha256:1"),
        request(["a1"], template="ENV A=1").key("sha256:1"),
        request(["a1"], sources="deb https://mirror.example.com stable main").key("sha256:1"),
    ]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("said", "reason", "transient"),
    [
        ("E: Unable to locate package libfoo", "SystemPackageNotFound", False),
        ("E: Version '9' for 'libgomp1' was not found", "SystemPackageNotFound", False),
        ("W: GPG error: InRelease: NO_PUBKEY 0123", "PackageSourceUntrusted", False),
        ("Certificate verification failed: no trust\nE: Failed to fetch it", "PackageSourceUntrusted", False),
        ("Could not connect to mirror.example.com:80", "PackageSourceUnavailable", True),
        ("E: Failed to fetch x  503  Service Unavailable", "PackageSourceUnavailable", True),
        ("/bin/sh: 1: apt-get: not found", "NoPackageManager", False),
        ("write /tmp/x: no space left on device", "DiskFault", True),
        ("make: *** [all] Error 2", "InstructionFailed", False),
    ],
)
def test_a_failure_has_a_reason_by_its_cause(said: str, reason: str, transient: bool) -> None:
    found = fault("build", said, said)
    assert (found.reason, found.transient, found.step) == (reason, transient, "system")
    assert said.splitlines()[-1] in found.message
