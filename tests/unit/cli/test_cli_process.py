"""The command as its users run it: in its own environment, with the kserve SDK."""

from __future__ import annotations

import json

import pytest
from slipway import __version__

from tests.unit.cli.manifests import CANARY, GATEWAY, rollout, text
from tests.unit.cli.sdk import run, slipway

pytestmark = pytest.mark.long

RESOURCES = {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"cpu": 2, "nvidia.com/gpu": "1"}}
ENV = [
    {"name": "MODE", "value": "fast"},
    {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "store", "key": "token"}}},
    {"name": "LEVEL", "valueFrom": {"configMapKeyRef": {"name": "levels", "key": "level", "optional": True}}},
]

# Every way in which a spec reaches the InferenceService.
ROLLOUTS = (
    rollout(),
    rollout(predictor={"minReplicas": 3, "resources": RESOURCES, "env": ENV}),
    rollout(traffic=GATEWAY, stages=[{**CANARY, "minExposures": None, "minSamples": 10}]),
    rollout(deletionPolicy="Orphan", image={"repository": "registry.example.com/ml"}),
)

# Renders, spoils each rendered manifest, and prints what the SDK says to each.
SPOILED = """
import copy, json, sys
from slipway.cli.kserve_sdk import Models
from slipway.cli.rendering import rendered
models, good = Models(), rendered(json.load(sys.stdin))

def spoiled(change):
    manifest = copy.deepcopy(good)
    change(manifest["spec"]["predictor"], manifest)
    return models.accept(manifest)

print(json.dumps({
    "good": models.accept(good),
    "unknown": spoiled(lambda predictor, _: predictor.update(canary=[{}])),
    "nested": spoiled(lambda predictor, _: predictor["containers"][0].update(imag="x")),
    "type": spoiled(lambda predictor, _: predictor.update(minReplicas="2")),
    "required": spoiled(lambda predictor, _: predictor["containers"][0].pop("name")),
    "metadata": spoiled(lambda _, manifest: manifest["metadata"].update(owner="x")),
    "list": spoiled(lambda predictor, _: predictor.update(containers={})),
}))
"""


def test_every_inference_service_that_we_write_is_one_that_the_sdk_accepts() -> None:
    manifests = [{**each, "metadata": {**each["metadata"], "name": f"r{n}"}} for n, each in enumerate(ROLLOUTS)]
    for each in manifests:
        each["spec"]["stages"] = [{k: v for k, v in stage.items() if v is not None} for stage in each["spec"]["stages"]]
    done = slipway("lint", "-", stdin=text(*manifests))
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert "4 manifests, 0 errors" in done.stdout


def test_the_sdk_would_refuse_what_it_does_not_know() -> None:
    done = run("-c", SPOILED, stdin=json.dumps(rollout()))
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["good"] == []
    assert "spec.predictor.canary" in said["unknown"][0]
    assert "spec.predictor.containers[0].imag" in said["nested"][0]
    assert "spec.predictor.minReplicas: '2' is not int" in said["type"][0]
    assert "spec.predictor.containers[0]" in said["required"][0]
    assert "metadata.owner" in said["metadata"][0]
    assert "spec.predictor.containers" in said["list"][0]


@pytest.mark.parametrize("arguments", [["version"], ["--version"]])
def test_version(arguments: list[str]) -> None:
    done = slipway(*arguments)
    assert (done.returncode, done.stdout) == (0, f"slipway {__version__}\n")


@pytest.mark.parametrize("arguments", [["--help"], ["lint", "--help"], ["version", "--help"]])
def test_help(arguments: list[str]) -> None:
    done = slipway(*arguments)
    assert done.returncode == 0
    assert "usage: slipway" in done.stdout


@pytest.mark.parametrize("arguments", [[], ["lint"], ["frobnicate"]])
def test_a_wrong_call_says_how_to_call(arguments: list[str]) -> None:
    done = slipway(*arguments)
    assert done.returncode == 2
    assert "usage: slipway" in done.stderr
