"""Documents that name everything of a sort, and links that lead somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_origin

import pytest
import yaml
from pydantic import BaseModel
from slipway.api.support import model_in
from slipway.api.v1alpha1 import KINDS
from slipway.api.v1alpha1.constraints import Later
from slipway_serving.probe.contract.clauses import CLAUSES, PARTS

ROOT = Path(__file__).parents[3]
OWN_CLUSTER = (ROOT / "docs" / "own-cluster.md").read_text(encoding="utf-8")
# What a person sets: read by the cluster's code, the environments' script and the tests' own settings.
READERS = (
    *(ROOT / "tests" / "cluster").rglob("*.py"),
    ROOT / "tests" / "conftest.py",
    ROOT / "requirements" / "environment.sh",
)
OF_TESTS = {"SLIPWAY_EXPLORE", "SLIPWAY_NO_SKIPS", "SLIPWAY_SWEEP", "SLIPWAY_SEED"}
INTERNAL = {"SLIPWAY_ENVIRONMENT_LOCKED"}
DOCUMENTS = sorted(path for path in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")))


def variables(text: str) -> set[str]:
    """Whole names, the ones that a name in the code only begins with left out."""
    return set(re.findall(r"\bSLIPWAY_[A-Z_]*[A-Z]\b", text))


def test_every_variable_of_the_cluster_is_documented_in_one_place() -> None:
    read = set.union(*(variables(path.read_text(encoding="utf-8")) for path in READERS)) - INTERNAL
    assert {"SLIPWAY_BASE_IMAGE", "SLIPWAY_REGISTRY_HOST", "SLIPWAY_CACHE"} <= read
    composed = {f"SLIPWAY_{name}_HOST_URL" for name in ("PROMETHEUS", "MLFLOW")}
    rows = set(re.findall(r"^\| `(SLIPWAY_\w+)` \|", OWN_CLUSTER, re.MULTILINE))
    assert rows | OF_TESTS == read | composed
    assert all(f"`{name}" in OWN_CLUSTER for name in OF_TESTS)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    for target in linked(path):
        assert "://" in target or (path.parent / target).exists(), target


def linked(page: Path) -> list[str]:
    return re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """Those that GitHub makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_to_a_heading_lead_to_one(path: Path) -> None:
    for target, heading in re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if "://" not in target:
            assert heading in anchors(path.parent / target if target else path), f"{target}#{heading}"


def test_every_page_is_in_the_index() -> None:
    docs = ROOT / "docs"
    pages = {path.name for path in docs.glob("*.md")} - {"README.md"}
    assert pages <= set(linked(docs / "README.md"))


def test_every_decision_is_listed_once_in_its_order_by_its_title() -> None:
    directory = ROOT / "docs" / "decisions"
    rows = re.findall(r"^\| \[(\d{4})\]\((\S+?)\) \| (.+) \|$", (directory / "README.md").read_text(), re.MULTILINE)
    files = sorted(directory.glob("0*.md"))
    assert [name for _, name, _ in rows] == [path.name for path in files]
    for (number, _, title), path in zip(rows, files, strict=True):
        assert path.read_text(encoding="utf-8").splitlines()[0] == f"# {number}: {title}"


def marks(model: type[BaseModel], path: str = "") -> Iterator[str]:
    """Paths of what is accepted and not acted on, as the page of them writes paths."""
    for name, field in model.model_fields.items():
        listed = "[]" if get_origin(field.annotation) is tuple else ""
        here = f"{path}{field.alias or name}"
        inner = model_in(field.annotation)
        if any(isinstance(mark, Later) for mark in field.metadata):
            yield here
        if inner is not None:
            yield from marks(inner, f"{here}{listed}.")


def test_the_page_of_what_does_nothing_yet_has_every_mark_and_no_other() -> None:
    text = (ROOT / "docs" / "not-yet-active.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w+) \| (.+?) \| .+ \|$", text, re.MULTILINE)
    written = {(kind, field) for kind, cell in rows for field in re.findall(r"`([a-z][\w.\[\]]*?)(?:: \w+)?`", cell)}
    in_template = "runTemplate.spec."
    found = {(kind.kind, path) for kind in KINDS for path in marks(kind.spec) if not path.startswith(in_template)}
    assert written == found


def test_the_contract_of_an_image_has_every_clause_in_the_order_in_which_it_is_tried() -> None:
    text = (ROOT / "docs" / "own-image.md").read_text(encoding="utf-8")
    parts = re.findall(r"^## What [^\n]*?\(`(\w+)`[^\n]*\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    listed = {part: re.findall(r"^\| `([a-z0-9-]+)` \|", body, re.MULTILINE) for part, body in parts}
    assert listed == {part: [one.id for one in CLAUSES.values() if one.part == part] for part in PARTS}


def test_the_scrape_job_is_one() -> None:
    (job,) = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", OWN_CLUSTER, re.DOTALL)[0])
    sources = [source for rule in job["relabel_configs"] for source in rule["source_labels"]]
    for annotation in ("scrape", "path", "port"):
        assert f"__meta_kubernetes_pod_annotation_prometheus_io_{annotation}" in sources
