"""What is named after a rollout fits where Kubernetes, KServe and DNS allow 63 characters, in every generation."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from slipway.api.v1alpha1.modelrollout import KIND
from slipway.core.desired.build_job import Build
from slipway.core.desired.names import GENERATIONS, inference_service_name, predictor_service, short_hash

from tests.unit.core.simulation import KEY, Simulation
from tests.unit.core.specs import GOOD, serves, spec

MOST = 63
LONGEST = "r" * KIND.longest_name
REVISION = "0123456789"
BUILD = Build("m", "1", "", "repository", "base", "uri", "builder")


def services(rollout: str) -> list[str]:
    return [inference_service_name(rollout, REVISION, number) for number in range(1, GENERATIONS + 1)]


def test_every_generation_has_a_name_of_its_own() -> None:
    assert len(set(services("fraud"))) == GENERATIONS
    assert services("fraud")[0] == f"fraud-{REVISION}"


@pytest.mark.parametrize("name", services(LONGEST))
def test_names_and_labels_of_the_longest_rollout_are_legal(name: str) -> None:
    assert len(predictor_service(name)) <= MOST
    assert len(f"isvc.{predictor_service(name)}") <= MOST, "the label by which KServe selects pods"


def test_the_bound_is_no_tighter_than_it_must_be() -> None:
    assert len(f"isvc.{predictor_service(services(LONGEST)[-1])}") == MOST
    assert len(BUILD.job_name(LONGEST)) <= MOST


@pytest.mark.parametrize("namespace", ["ml", "n" * 20, "n" * 38])
def test_the_host_of_kserve_fits_exactly_where_nothing_is_wrong(namespace: str) -> None:
    for length in range(1, KIND.longest_name + 1):
        host = f"{predictor_service(services('r' * length)[-1])}-{namespace}"
        assert (KIND.host_problem("r" * length, namespace) == "") == (len(host) <= MOST)


def test_a_rollout_whose_host_is_too_long_is_refused_before_anything_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(KIND), "host_problem", lambda *_: "too long together")
    sim = Simulation(spec(), {"1": GOOD}).run(30)
    assert sim.condition("Accepted") == ("False", "InvalidSpec", "too long together")
    assert list(sim.services()) == []
    assert KEY in sim.objects


def test_one_that_serves_already_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    sim = Simulation(spec(), {"1": GOOD}).run(60, serves("1"))
    monkeypatch.setattr(type(KIND), "host_problem", lambda *_: "too long together")
    assert sim.run(30).condition("Accepted")[0] == "True"


@given(st.integers(), st.integers(4, 10))
def test_a_revision_and_its_beginning_are_text_in_a_manifest_without_quotes(value: int, shown: int) -> None:
    revision = short_hash(value)
    assert (len(revision), revision[0] in "abcdef") == (10, True)
    assert yaml.safe_load(f"revision: {revision[:shown]}") == {"revision": revision[:shown]}
