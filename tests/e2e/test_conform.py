"""`slipway conform IMAGE` on the real cluster: an image of the project, the example's, and two that break a clause."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.cluster.script_image import script_image
from tests.demo import view
from tests.demo.kube import Cluster
from tests.demo.settings import Environment
from tests.rows.commands import run
from tests.rows.service import Service, canary
from tests.unit.serving.servers import EXAMPLE

pytestmark = pytest.mark.timeout(1500)

# Ends at once when SIGTERM comes, whatever is in flight.
HASTY = "import os, signal, uvicorn\nuvicorn.Server.handle_exit = lambda *_: os._exit(0)\n"
# Writes where a confined pod may not.
UNTIDY = "open('/opt/here', 'w')\n"


def conform(environment: Environment, *words: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, the document of --output json, and what was said beside it."""
    done = run("conform", *words, "--output", "json", kubeconfig=environment.kubeconfig, seconds=500)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, json.loads(done.stdout), done.stderr


def outcomes(document: dict[str, Any], *outcome: str) -> set[str]:
    return {clause["id"] for clause in document["clauses"] if clause["outcome"] in outcome}


def own_image(environment: Environment, name: str, before: str = "") -> str:
    """An image of the example, with lines before it: the pipelines' image has what it imports."""
    future = "from __future__ import annotations\n"
    source = EXAMPLE.read_text().replace(future, future + before, 1)
    return script_image(name, source, environment.images["pipelines"])


def test_an_image_of_the_project_keeps_every_clause(
    environment: Environment, serve: Callable[[str], Service], models: dict[str, str], cluster: Cluster, namespace: str
) -> None:
    image = view.variant(serve("own-image").create(models["first"], [canary(50, seconds=3600)]), "stable")["image"]
    code, document, said = conform(environment, image, "-n", namespace, "--prediction-log")
    assert (code, document["conforms"], outcomes(document, "fail")) == (0, True, set()), said
    assert outcomes(document, "skipped") <= {"ready-waits"}, document
    assert {"confined", "stop", "stop-ends", "log-rows", "exposures"} <= outcomes(document, "ok")
    left = [pod["metadata"] for pod in cluster.list("Pod", namespace)]
    assert not [meta for meta in left if meta["name"].startswith("conform-") and "deletionTimestamp" not in meta]


def test_the_example_keeps_what_an_image_needs_to_be_served(environment: Environment, namespace: str) -> None:
    image = own_image(environment, "good")
    code, document, said = conform(environment, image, "-n", namespace, "--only", "serve")
    assert (code, outcomes(document, "fail")) == (0, set()), said
    assert "confined" in outcomes(document, "ok")


@pytest.mark.parametrize(("name", "before", "clause"), [("hasty", HASTY, "stop"), ("untidy", UNTIDY, "confined")])
def test_an_image_that_breaks_a_clause_is_caught_on_it(
    environment: Environment, namespace: str, name: str, before: str, clause: str
) -> None:
    code, document, said = conform(
        environment, own_image(environment, name, before), "-n", namespace, "--only", "serve"
    )
    assert (code, document["conforms"], outcomes(document, "fail")) == (1, False, {clause}), said
    if clause == "confined":
        assert "Read-only file system" in "\n".join(document["log"])
