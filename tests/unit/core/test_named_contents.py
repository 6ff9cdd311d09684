"""Secrets and ConfigMaps that a predictor names: what counts, what is missing, and what a change sets off."""

from __future__ import annotations

import re
from typing import Any

import pytest
from slipway.api.v1alpha1.rollout_model import Predictor
from slipway.core.named_contents import Found, contents_digest, named_by
from slipway.core.plan import ObjectKey, Unavailable

from tests.unit.core.api_server import remembered
from tests.unit.core.simulation import Simulation
from tests.unit.core.specs import DIES, FAILING, GOOD, pin, serves, serving, spec

SECRET = ObjectKey("v1", "Secret", "ns", "db")
FILE = ObjectKey("v1", "ConfigMap", "ns", "limits")
ENV = [
    {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}},
    {"name": "MODE", "valueFrom": {"configMapKeyRef": {"name": "limits", "key": "mode", "optional": True}}},
]
PREDICTOR: dict[str, Any] = {"env": ENV}
NAMED = named_by(Predictor.model_validate(PREDICTOR))
BOTH: Found = {("Secret", "db"): {"password": "d1", "user": "d2"}, ("ConfigMap", "limits"): {"mode": "d3"}}


def test_only_the_keys_that_are_named_count() -> None:
    digest = contents_digest(NAMED, BOTH)
    assert digest == contents_digest(NAMED, {**BOTH, ("Secret", "db"): {"password": "d1", "user": "another"}})
    assert digest != contents_digest(NAMED, {**BOTH, ("Secret", "db"): {"password": "d9", "user": "d2"}})
    assert digest != contents_digest(NAMED, {**BOTH, ("ConfigMap", "limits"): None}), "an optional one that went"
    assert contents_digest((), BOTH) == ""


def test_all_keys_count_of_what_becomes_variables_as_a_whole() -> None:
    whole = named_by(Predictor.model_validate({"envFrom": [{"secretRef": {"name": "db"}}]}))
    assert contents_digest(whole, BOTH) != contents_digest(whole, {("Secret", "db"): {"password": "d1"}})


@pytest.mark.parametrize(
    ("found", "reason", "words"),
    [
        (None, "ReferenceMissing", r"there is no Secret db, which spec.predictor.env\[PASSWORD\] names: create it"),
        ({"user": "d2"}, "ReferenceMissing", r"Secret db lacks the key password, which spec.predictor.env\[PASSWORD\]"),
        (Unavailable("ReferenceForbidden", "403"), "ReferenceForbidden", r"spec.predictor.env\[PASSWORD\]: 403"),
    ],
)
def test_what_a_pod_would_wait_for_is_said_with_its_field(found: Any, reason: str, words: str) -> None:
    digest = contents_digest(NAMED, {**BOTH, ("Secret", "db"): found})
    assert isinstance(digest, Unavailable)
    assert digest.reason == reason
    assert re.search(words, digest.message), digest.message


@remembered
def with_secret(**versions: Any) -> Simulation:
    """Version 1 serves with a password, and nothing is under way."""
    sim = Simulation(spec(predictor=PREDICTOR), {"1": GOOD, "2": GOOD, **versions})
    write(sim, "first")
    return sim.run(60, lambda s: s.status.get("phase") == "Serving")


def write(sim: Simulation, password: str) -> None:
    sim.put(SECRET, None)["data"] = {"password": password, "user": "ada"}


@pytest.mark.long
def test_a_changed_secret_is_rolled_out_through_the_stages_like_a_model() -> None:
    sim = with_secret()
    before, traced = sim.variants()["stable"], len(sim.trace)
    write(sim, "second")
    sim.run(60, lambda s: "candidate" in s.variants())
    assert sim.variants()["candidate"]["version"] == before["version"]
    assert sim.variants()["stable"]["weight"] == "100%"
    sim.run(200, lambda s: s.variants()["stable"]["revision"] != before["revision"])
    assert {"shadow", "canary-10", "canary-50"} <= {name for _, _, name, _ in sim.trace[traced:]}
    assert sim.client_errors == []


@pytest.mark.long
def test_another_key_and_another_object_of_the_same_contents_change_nothing() -> None:
    sim = with_secret()
    writes = sim.run(120).writes
    sim.put(SECRET, None)["data"] = {"password": "first", "user": "eve"}
    sim.run(120)
    assert sim.writes == writes


@pytest.mark.long
def test_a_rejected_change_is_taken_back_and_another_is_tried() -> None:
    sim = with_secret()
    revision = sim.variants()["stable"]["revision"]
    sim.versions["1"] = DIES
    write(sim, "wrong")
    sim.run(400, lambda s: s.status.get("history", [{}])[0].get("outcome") == "Failed")
    sim.run(30)
    assert sim.condition("Stalled")[1] == "Rejected"
    assert sim.variants()["stable"]["revision"] == revision, "what serves was left alone"
    write(sim, "first")
    sim.run(60, lambda s: s.condition("Stalled")[0] == "False" and not s.status.get("stage"))
    sim.versions["1"] = GOOD
    write(sim, "mended")
    sim.run(400, lambda s: s.variants()["stable"]["revision"] != revision and not s.status.get("stage"))


@pytest.mark.long
def test_nothing_begins_without_what_is_named_and_the_condition_names_it() -> None:
    sim = Simulation(spec(predictor=PREDICTOR), {"1": GOOD})
    sim.run(30)
    assert sim.condition("ReferencesResolved")[:2] == ("False", "ReferenceMissing")
    assert "there is no Secret db" in sim.condition("Stalled")[2]
    assert sim.status.get("target") is None
    write(sim, "there")
    sim.run(90, lambda s: s.status.get("phase") == "Serving")
    assert sim.condition("ReferencesResolved")[:2] == ("True", "Resolved")


@pytest.mark.long
def test_one_that_goes_or_cannot_be_read_leaves_what_serves_alone() -> None:
    sim = with_secret()
    revision = sim.variants()["stable"]["revision"]
    del sim.objects[SECRET]
    sim.run(90)
    assert sim.condition("Stalled")[1] == "ReferenceMissing"
    write(sim, "first")
    sim.contents_up = False
    sim.run(90)
    assert sim.condition("ReferencesResolved")[:2] == ("Unknown", "ReferenceUnavailable")
    assert sim.condition("Stalled")[0] == "False"
    sim.contents_up = True
    sim.run(90)
    assert sim.variants()["stable"]["revision"] == revision
    assert len(sim.status["history"]) == 1


def test_what_stands_in_a_secret_stands_in_no_object_of_ours() -> None:
    sim = with_secret()
    write(sim, "guessable")
    sim.run(60, lambda s: "candidate" in s.variants())
    ours = [obj for key, obj in sim.objects.items() if key.kind not in ("Secret", "ConfigMap") or "ledger" in key.name]
    assert "guessable" not in repr(ours)
    assert sim.variants()["candidate"]["contents"] == sim.status["target"]["contents"] != ""


@pytest.mark.long
def test_the_way_back_to_a_kept_version_is_as_short_as_ever() -> None:
    sim = pin(with_secret(), "2").run(300, serves("2"))
    pin(sim, "1").run(5, serves("1"))
    assert sim.status["history"][0]["outcome"] == "RolledBack"


@pytest.mark.long
def test_a_promoted_version_that_goes_back_is_not_tried_again_while_nothing_changed() -> None:
    sim = pin(with_secret(), "2").run(300, serves("2"))
    sim.versions["2"] = FAILING
    sim.run(200, serves("1"))
    sim.run(60)
    assert sim.condition("Stalled")[1] == "Rejected"


@pytest.mark.long
def test_serving_without_names_says_nothing_of_them() -> None:
    assert serving().condition("ReferencesResolved") == ("", "", "")
