"""Demo, rows and fault tests see what a user sees: none imports the product. And the examples are legal."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml
from slipway.api.support import inactive_fields
from slipway.api.v1alpha1 import metrictemplate, modelrollout, modeltask, retrainpolicy, trainingrun

ROOT = Path(__file__).resolve().parents[3]
WHITE = {
    "test_model_images.py",
    "test_training.py",
    "test_chart.py",
    "test_route_places.py",
}  # these test a part by its own code
BLACK = sorted(
    path for name in ("demo", "rows", "e2e") for path in (ROOT / "tests" / name).rglob("*.py") if path.name not in WHITE
)
KINDS = {
    module.KIND.kind: module.KIND for module in (metrictemplate, modelrollout, modeltask, retrainpolicy, trainingrun)
}
EXAMPLES = sorted((ROOT / "examples").rglob("*.yaml"))


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("path", BLACK, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_black_boxes_import_nothing_of_the_product(path: Path) -> None:
    assert not [name for name in imported(path) if name.split(".")[0].startswith("slipway")]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_is_legal_and_uses_nothing_that_this_version_ignores(path: Path) -> None:
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
        if document["kind"] in KINDS:
            assert document["apiVersion"] == "slipway.dev/v1alpha1"
            KINDS[document["kind"]].spec.model_validate(document["spec"])
            found = inactive_fields(document["kind"], document["spec"])
            assert [str(field) for field in found if not field.compulsory] == []
