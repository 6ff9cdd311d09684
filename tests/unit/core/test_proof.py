"""The verdict on a benchmark, and the manifest of the Job that proves an image."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from slipway.api.v1alpha1.rollout_benchmark import ALPHA, ATTEMPTS, LEAST_ERRORS
from slipway.api.v1alpha1.rollout_model import Predictor
from slipway.api.v1alpha1.task_label import Latency
from slipway.core.desired.inference_service import Served, inference_service, predictor_template, pulled_with
from slipway.core.desired.names import Identity
from slipway.core.desired.proof_job import ProofRun, proof_job, withheld_variables
from slipway.core.proof import (
    Demand,
    Measured,
    Quantile,
    benchmark,
    demand_of,
    failures,
    load_of,
    verdict,
)
from slipway.statistics.quantiles import ranks

ME = Identity("ns", "fraud", "uid-1")
PREDICTOR = Predictor.model_validate(
    {
        "resources": {"requests": {"cpu": "50m", "memory": "160Mi"}, "limits": {"cpu": "1"}},
        "env": [
            {"name": "THREADS", "value": "2"},
            {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "store", "key": "token"}}},
            {"name": "MODE", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "mode"}}},
        ],
    }
)
TEMPLATE = predictor_template(ME, Served("aaaa", "2", "r/fraud@sha256:ab", "x-bucket", ("0.1",)), PREDICTOR)


def measured(low: float, value: float, high: float) -> Measured:
    return Measured({name: Quantile(value, low, high) for name in ("p50", "p95", "p99")}, 1000, 0, 200.0, 8, 0.0)


SECONDS = st.floats(0.0001, 10)
ORDERED = st.lists(SECONDS, min_size=3, max_size=3).map(sorted)


@given(ORDERED, SECONDS, SECONDS)
def test_a_looser_limit_never_turns_a_pass_into_less_nor_an_open_into_too_slow(
    figures: list[float], limit: float, looser: float
) -> None:
    assume(looser >= limit)
    found, order = measured(*figures), ["TooSlow", "Open", "Pass"]
    verdicts = [order.index(verdict(Demand({"p99": each}), found)) for each in (limit, looser)]
    assert verdicts == sorted(verdicts)


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ((0.08, 0.09, 0.1), "Pass"),
        ((0.08, 0.09, 0.101), "Open"),
        ((0.0, 0.09, math.inf), "Open"),
        ((0.101, 0.2, 0.3), "TooSlow"),
        ((0.0, 0.2, 0.3), "Open"),
        ((math.inf, math.inf, math.inf), "TooSlow"),
    ],
)
def test_the_limit_lies_above_within_or_below_the_interval(figures: tuple[float, float, float], expected: str) -> None:
    assert verdict(Demand({"p99": 0.1}), measured(*figures)) == expected


def test_every_declared_quantile_counts() -> None:
    quantiles = {"p50": Quantile(0.01, 0.01, 0.01), "p95": Quantile(0.3, 0.2, 0.4), "p99": Quantile(0.5, 0.4, 0.9)}
    found = Measured(quantiles, 1000, 0, 90.0, 1, 0.0)
    assert verdict(Demand({"p50": 0.02, "p99": 1.0}), found) == "Pass"
    assert verdict(Demand({"p50": 0.02, "p95": 0.1, "p99": 1.0}), found) == "Open", "a tail may be the machine's"
    assert verdict(Demand({"p50": 0.009, "p99": 1.0}), found) == "TooSlow", "the median is the model's"
    declared = demand_of(Latency.model_validate({"p50": "20ms", "p95": "100ms"}))
    said = benchmark(declared, found)
    assert (said.p50, said.p99, said.p99_high, said.throughput) == ("10ms", "500ms", "900ms", "90/s")
    assert "p95 300ms (200ms to 400ms), limit 100ms" in said.message


@given(st.sampled_from(["p50", "p95", "p99"]), st.integers(1, 60_000), st.integers(1, 1000))
def test_the_load_can_prove_its_limit_and_has_an_end(name: str, limit: int, concurrency: int) -> None:
    load = load_of(demand_of(Latency.model_validate({name: f"{limit}ms", "concurrency": concurrency})))
    assert 10 <= load.seconds <= 300
    share = {"p50": 0.5, "p95": 0.95, "p99": 0.99}[name]
    assert ranks(load.requests, share, ALPHA)[1] < load.requests, "one answer over the limit may still pass"
    assert load.seconds == 300 or load.seconds * concurrency >= load.requests * limit / 1000 * 0.999


@given(st.integers(0, 2000), st.integers(1, 2000))
def test_errors_have_an_exact_interval(failed: int, answered: int) -> None:
    found = failures(replace(measured(0.1, 0.2, 0.3), requests=failed + answered, failed=failed))
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.high > found.value or not answered
    more = failures(replace(measured(0.1, 0.2, 0.3), requests=failed + answered, failed=failed + 1))
    assert more.high >= found.high


@pytest.mark.parametrize(("failed", "expected"), [(0, "Pass"), (2, "Pass"), (10, "Open"), (40, "Open")])
def test_errors_count_like_a_quantile(failed: int, expected: str) -> None:
    found = replace(measured(0.004, 0.005, 0.006), failed=failed)
    assert verdict(Demand({"p99": 0.1}, errors=0.01), found) == expected
    assert verdict(Demand({}, errors=0.01), found) == expected
    assert verdict(Demand({"p99": 0.1}), found) == "Pass"


def test_a_bound_on_errors_alone_has_a_load_that_can_prove_it() -> None:
    load = load_of(Demand({}, errors=0.01))
    assert failures(replace(measured(0.1, 0.2, 0.3), requests=load.requests, failed=1)).high <= 0.01


def test_the_attempts_together_pass_a_model_at_its_limit_in_a_twentieth() -> None:
    assert pytest.approx(0.05) == ATTEMPTS * ALPHA


def job(**changes: Any) -> dict[str, Any]:
    load = load_of(demand_of(Latency.model_validate({"p99": "100ms", "concurrency": 4})))
    proof = {"key": "k", "template": TEMPLATE, "prober_image": "builder:1", "ready_seconds": 60.0, "load": load}
    return proof_job(ME, ProofRun(**{**proof, **changes}))


def test_the_pod_is_restricted_and_reaches_nothing() -> None:
    pod = job()["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in pod
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in (*pod["initContainers"], *pod["containers"]):
        own = container["securityContext"]
        assert own["allowPrivilegeEscalation"] is False
        assert own["capabilities"] == {"drop": ["ALL"]}
        assert own["readOnlyRootFilesystem"] is True
        assert "envFrom" not in container
        assert [e for e in container["env"] if "secretKeyRef" in e.get("valueFrom", {})] == []
    assert all("emptyDir" in volume for volume in pod["volumes"])
    assert withheld_variables(TEMPLATE) == ["TOKEN"]


def test_the_model_runs_as_it_will_be_served_but_on_loopback() -> None:
    pod = job()["spec"]["template"]["spec"]
    (model,) = pod["initContainers"]
    service = inference_service(ME, "fraud-aaaa", "aaaa", TEMPLATE, 1)
    (served,) = service["spec"]["predictor"]["containers"]
    assert (model["image"], model["resources"]) == (served["image"], served["resources"])
    assert model["restartPolicy"] == "Always", "a sidecar: it ends when the prober has"
    values = {e["name"]: e.get("value") for e in model["env"]}
    assert values["SLIPWAY_HOST"] == "127.0.0.1"
    assert values["THREADS"] == "2"
    assert "MODE" in values
    assert not {"readinessProbe", "livenessProbe", "startupProbe", "lifecycle", "ports"} & model.keys()
    assert "slipway.dev/revision" not in job()["metadata"]["labels"], "its pod is no pod of the revision"


def test_a_secret_in_a_volume_stays_outside() -> None:
    secret = '"volumes":[{"name":"keys","secret":{"secretName":"k"}},{"emptyDir":{},"name":"tmp"}]'
    template = TEMPLATE.replace('"volumes":[{"emptyDir":{},"name":"tmp"}]', secret)
    template = template.replace('"volumeMounts":[', '"volumeMounts":[{"name":"keys","mountPath":"/keys"},')
    assert "/keys" in template
    assert "keys" not in str(job(template=template))


def test_the_name_of_the_job_is_that_of_what_is_proven() -> None:
    name = job()["metadata"]["name"]
    assert name == job(prober_image="builder:2")["metadata"]["name"], "a new operator takes the old one's result"
    assert name != job(key="other")["metadata"]["name"]
    assert name != job(attempt=1)["metadata"]["name"]
    assert name != job(template=pulled_with(TEMPLATE, "mended"))["metadata"]["name"]
    assert job(load=None)["spec"]["template"]["spec"]["containers"][0]["args"] == [
        "--folder", "/proof", "--model", "fraud", "--ready-seconds", "60",
    ]  # fmt: skip
    assert job()["metadata"]["ownerReferences"][0]["name"] == "fraud"


def test_the_smallest_share_of_errors_that_is_called_provable_is_the_smallest_that_is() -> None:
    for errors, said in ((LEAST_ERRORS * 1.0001, "Pass"), (LEAST_ERRORS * 0.9999, "Open")):
        asked = Demand({}, errors=errors)
        nobody = Quantile(0.0, 0.0, 0.0)
        perfect = Measured(dict.fromkeys(("p50", "p95", "p99"), nobody), load_of(asked).requests, 0, 99.0, 1, 0.0)
        assert verdict(asked, perfect) == said
