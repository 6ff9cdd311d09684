"""The example of an experiment on a real API server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.bare import ControlPlane
from tests.controlplane.crds_installed import Kinds

pytestmark = pytest.mark.controlplane
EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "abtest").glob("*.yaml"))
DOCUMENTS = [document for path in EXAMPLES for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))]


@pytest.fixture(scope="module")
def kinds(control_plane: ControlPlane) -> Kinds:
    return Kinds(control_plane)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda each: f"{each['kind']}-{each['metadata']['name']}")
def test_the_examples_are_accepted(kinds: Kinds, document: dict[str, Any]) -> None:
    space = {} if document["kind"] == "MetricTemplate" else {"namespace": "default"}
    answer = kinds.create({**document, "metadata": {**document["metadata"], **space}}, dry_run=True)
    assert answer.code == 201, answer.message
