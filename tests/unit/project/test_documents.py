"""Documents that name everything of a sort, and links that lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
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
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
        assert "://" in target or (path.parent / target).exists(), target


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
