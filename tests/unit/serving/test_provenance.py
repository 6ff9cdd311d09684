"""What an image says of where it comes from, and what it consists of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import given
from hypothesis import strategies as st
from slipway_oci import ImageReference, Registry, attached
from slipway_serving.build import inventory
from slipway_serving.build.modeldirectory import directory_digest
from slipway_serving.build.origin import origin_of

from tests.unit.serving.workshop import Workshop, open_workshop

pytestmark = pytest.mark.long

TAGS = {
    "slipway.run": "shop/fraud-1",
    "mlflow.source.git.repoURL": "https://bot:secret@example.com/fraud.git",
    "mlflow.source.git.commit": "3f2c1ab",
}
DATA = f"sha256:{'d' * 64}"


@pytest.fixture
def workshop(tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    with open_workshop(tmp_path, registry, monkeypatch) as one:
        one.tracking.tags, one.tracking.params = TAGS, {"data.digest": DATA, "seed": "7"}
        yield one


def manifest_of(workshop: Workshop, report: dict[str, Any]) -> dict[str, Any]:
    image = ImageReference.parse(report["image"])
    return workshop.registry.manifest(image.repository, image.digest).document


def document_of(registry: Registry, image: ImageReference) -> dict[str, Any]:
    found = attached(registry, image.repository, image.digest, inventory.MEDIA_TYPE)
    assert found is not None
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(found[1].decode()) is None
    document: dict[str, Any] = json.loads(found[1])
    return document


def test_the_image_names_its_model_run_data_code_and_base(workshop: Workshop) -> None:
    report = workshop.run("provenance/one")[1]
    manifest = manifest_of(workshop, report)
    config = json.loads(workshop.registry.blob("provenance/one", manifest["config"]["digest"]))["config"]
    wanted = {
        "org.opencontainers.image.title": "fraud",
        "org.opencontainers.image.version": "7",
        "org.opencontainers.image.source": "https://example.com/fraud.git",
        "org.opencontainers.image.revision": "3f2c1ab",
        "org.opencontainers.image.base.digest": workshop.base.digest,
        "dev.slipway.model": "fraud",
        "dev.slipway.version": "7",
        "dev.slipway.run": workshop.tracking.run_id,
        "dev.slipway.training-run": "shop/fraud-1",
        "dev.slipway.data-digest": DATA,
        "dev.slipway.model-digest": workshop.digest,
        "dev.slipway.flavour": "sklearn",
        "dev.slipway.dependencies": report["dependencies"],
    }
    assert config["Labels"] == {**wanted, "kept": "1", "dev.slipway.python": config["Labels"]["dev.slipway.python"]}
    assert manifest["annotations"] == config["Labels"]


def test_the_inventory_lists_the_model_its_packages_and_those_of_the_base(workshop: Workshop) -> None:
    report = workshop.run("provenance/two")[1]
    document = document_of(workshop.registry, ImageReference.parse(report["image"]))
    named = {one.get("purl", one["name"]): one for one in document["components"]}
    assert set(named) == {
        "fraud",
        f"pkg:oci/base@{workshop.base.digest.replace(':', '%3A')}",
        "pkg:deb/debian/libc6@2.36-9%2Bdeb12u9?arch=amd64",
        "pkg:pypi/alpha@1.0",
        "pkg:pypi/beta@2.0",
        "pkg:pypi/scikit-learn@1.9.1",
    }
    properties = {one["name"]: one["value"] for one in named["fraud"]["properties"]}
    assert (properties["slipway:data-digest"], properties["slipway:flavour"]) == (DATA, "sklearn")
    assert document["metadata"]["component"]["version"] == report["image"].split("@")[1]


def test_a_shared_dependency_image_carries_an_inventory_that_the_next_model_reads(workshop: Workshop) -> None:
    shared = ImageReference(workshop.registry.host, "provenance/shared")
    first = workshop.run("provenance/three", dependency_repository=str(shared))[1]
    tag = next(tag for tag in tags(workshop.registry, shared.repository) if tag.startswith("dependencies-"))
    image = shared.at(workshop.registry.manifest(shared.repository, tag).digest)
    kinds = {one["type"] for one in document_of(workshop.registry, image)["components"]}
    assert kinds == {"container", "library"}
    second = workshop.run("provenance/four", dependency_repository=str(shared))[1]
    first_document, second_document = (
        document_of(workshop.registry, ImageReference.parse(report["image"])) for report in (first, second)
    )
    assert first_document == second_document


def tags(registry: Registry, repository: str) -> list[str]:
    import requests

    answer = requests.get(f"http://{registry.host}/v2/{repository}/tags/list", timeout=10)
    return list(answer.json()["tags"])


def test_the_same_files_of_another_run_are_another_image(workshop: Workshop) -> None:
    first = workshop.run("provenance/five")[1]
    workshop.tracking.run_id = "aa77"
    second = workshop.run("provenance/five")[1]
    assert (second["reused"], second["image"] == first["image"]) == (False, False)
    layers = [manifest_of(workshop, report)["layers"] for report in (first, second)]
    assert layers[0] == layers[1]


def test_a_run_is_built_without_a_name_and_pinned(workshop: Workshop) -> None:
    code, report = workshop.run("provenance/six", model_uri=f"runs:/{workshop.tracking.run_id}/model", expect_digest="")
    assert (code, report["modelDigest"]) == (0, directory_digest(workshop.tracking.root / "1/model"))
    labels = manifest_of(workshop, report)["annotations"]
    assert (labels["dev.slipway.run"], "dev.slipway.model" in labels) == (workshop.tracking.run_id, False)


def test_a_run_that_does_not_exist_is_said(workshop: Workshop) -> None:
    code, report = workshop.run("provenance/seven", model_uri="runs:/0000/model", expect_digest="")
    assert (code, report["error"]["reason"], report["error"]["step"]) == (1, "RunNotFound", "resolve")


def test_an_image_that_is_found_has_its_inventory(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build that dies before it has attached one leaves no tag behind."""

    def dies(*_: object) -> str:
        raise ConnectionError("cut off")

    with monkeypatch.context() as patched:
        patched.setattr("slipway_serving.build.published.attach", dies)
        assert workshop.run("provenance/eight")[0] == 75
    code, report = workshop.run("provenance/eight")
    assert (code, report["reused"]) == (0, False)
    document_of(workshop.registry, ImageReference.parse(report["image"]))


TEXTS = st.text(max_size=600)


@given(model=TEXTS, tags=st.dictionaries(st.sampled_from(sorted(TAGS)), TEXTS))
def test_no_tag_breaks_a_label(model: str, tags: dict[str, str]) -> None:
    data = {"tags": [{"key": key, "value": value} for key, value in tags.items()]}
    labels = origin_of({"data": data}, "r1", model).labels
    assert all(text.isprintable() and 0 < len(text) <= 512 for text in labels.values())


@given(st.permutations(["alpha==1.0", "beta==2.0", "gamma==3.0"]))
def test_the_order_of_components_does_not_matter(lines: list[str]) -> None:
    components = inventory.python_components("\n".join(lines))
    ordered = inventory.python_components("alpha==1.0\nbeta==2.0\ngamma==3.0")
    documents = {inventory.document("sha256:1", "fraud", each) for each in (components, ordered)}
    assert len(documents) == 1
    assert inventory.components_of(documents.pop()) == ordered


def test_other_content_has_another_serial_number() -> None:
    numbers = {
        json.loads(inventory.document("sha256:1", "fraud", inventory.python_components(lock)))["serialNumber"]
        for lock in ("alpha==1.0", "alpha==1.1")
    }
    assert len(numbers) == 2
