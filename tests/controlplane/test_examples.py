"""Every manifest of examples/ on a real API server: each is accepted, with no unknown field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.bare import ControlPlane
from tests.controlplane.crds_installed import NAMESPACED, PLURAL, Kinds

pytestmark = pytest.mark.controlplane
EXAMPLES = Path(__file__).parents[2] / "examples"
DOCUMENTS = [
    pytest.param(document, id=f"{path.relative_to(EXAMPLES)}-{number}")
    for path in sorted(EXAMPLES.rglob("*.yaml"))
    for number, document in enumerate(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    if document
]


@pytest.fixture(scope="module")
def kinds(control_plane: ControlPlane) -> Kinds:
    return Kinds(control_plane)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_it_is_accepted(kinds: Kinds, document: dict[str, Any]) -> None:
    if document["kind"] not in PLURAL:  # a Deployment, a Secret, … of Kubernetes' own
        space = {**document, "metadata": {**document["metadata"], "namespace": "default"}}
        kinds.kubectl.run(
            "apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-", stdin=json.dumps(space)
        )
        return
    space = {"namespace": "default"} if document["kind"] in NAMESPACED else {}
    answer = kinds.create({**document, "metadata": {**document["metadata"], **space}}, dry_run=True)
    assert answer.code == 201, answer.message
