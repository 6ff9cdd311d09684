"""Registry, MLflow and Prometheus away for the same two minutes: nothing is lost, conditions say it, work resumes.

Each is missed by work that needs it: an image that is to be built, a version that is asked for, a canary that waits for
evidence, a training. One scenario, since four outages of two minutes would prove no more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.demo import kube, traffic, view
from tests.demo.data import Row
from tests.demo.kube import Cluster, Object, condition
from tests.demo.settings import state_directory
from tests.demo.verify import weights
from tests.e2e.outages import registry_away, scaled_away
from tests.rows.fixtures import training_run
from tests.rows.service import Service, canary

pytestmark = [pytest.mark.alone, pytest.mark.timeout(1800)]

SECONDS = 120
RUN = "patient"
STAGES = {"no-registry": 5, "no-mlflow": 5, "no-prometheus": 60}
"""Services by what they miss, with the seconds of their canary."""


@dataclass(frozen=True)
class Outage:
    """What was seen: objects when each first told its trouble, when the two minutes were over, and after their end."""

    told: dict[str, Object]
    over: dict[str, Object]
    shares: tuple[dict[str, float], dict[str, float]]
    ended: dict[str, Object]
    tallies: dict[str, traffic.Tally]


@pytest.fixture(scope="module")
def outage(
    serve: Callable[[str], Service], cluster: Cluster, namespace: str, models: dict[str, str], rows: tuple[Row, ...]
) -> Iterator[Outage]:
    """The scenario. Away first is what the others' work does not need yet, and before all Prometheus: the canary that
    misses it is over a minute later. It is back before the registry is, which is brought back with all of the cluster.
    """
    if not (state_directory() / "run" / "registry.json").exists():
        pytest.skip("the registry of this cluster is not ours to take away")
    services = {name: serve(name) for name in STAGES}
    for name, service in services.items():
        service.apply(models["first"], [canary(50, seconds=STAGES[name], exposures=40)])
    for service in services.values():
        service.await_serving(models["first"])
    with ExitStack() as sending:
        clients = {name: sending.enter_context(each.client(rows, rate=10)) for name, each in services.items()}
        services["no-prometheus"].pin(models["better"])
        services["no-prometheus"].in_stage("canary-50", models["better"])
        blinded = sending.enter_context(ExitStack())
        blinded.enter_context(scaled_away(cluster, "monitoring", "prometheus"))
        told = {"no-prometheus": first_word(services["no-prometheus"], blind)}
        with registry_away(), blinded:
            services["no-registry"].pin(models["better"])
            told["no-registry"] = first_word(services["no-registry"], retrying)
            with scaled_away(cluster, "mlflow", "mlflow"):
                services["no-mlflow"].pin(models["better"])
                cluster.apply(training_run(RUN, namespace, "Linear", "phishing.csv"))
                told["no-mlflow"] = first_word(services["no-mlflow"], unresolved)
                told[RUN] = kube.wait(lambda: read_run(cluster, namespace), waits_for_mlflow, 120, f"{RUN} tells it")
                before = weights(services["no-prometheus"].route())
                time.sleep(SECONDS)
                over = {name: service.read() for name, service in services.items()}
                over[RUN] = read_run(cluster, namespace)
                after = weights(services["no-prometheus"].route())
        ended = {name: service.ended(models["better"]) for name, service in services.items()}
        ended[RUN] = kube.wait(lambda: read_run(cluster, namespace), run_ended, 400, f"the end of {RUN}")
    yield Outage(told, over, (before, after), ended, {name: each.read() for name, each in clients.items()})
    cluster.delete("TrainingRun", RUN, namespace)


def first_word(service: Service, says: Callable[[Object], bool]) -> Object:
    return service.wait(says, 180, "its trouble in a condition")


def retrying(found: Object) -> bool:
    return "retrying" in condition(found, "Progressing").get("message", "")


def unresolved(found: Object) -> bool:
    return condition(found, "ModelResolved").get("status") == "Unknown"


def blind(found: Object) -> bool:
    return condition(found, "EvidenceAvailable").get("status") == "False"


def waits_for_mlflow(run: Object) -> bool:
    return condition(run, "Reconciling").get("reason") == "MLflowUnavailable"


def read_run(cluster: Cluster, namespace: str) -> Object:
    return cluster.get("TrainingRun", RUN, namespace) or {}


def run_ended(run: Object) -> bool:
    return run.get("status", {}).get("phase") in ("Succeeded", "Failed", "Cancelled")


@pytest.mark.parametrize("name", STAGES)
def test_what_serves_is_not_touched_and_work_ends_well(outage: Outage, models: dict[str, str], name: str) -> None:
    assert view.variant(outage.over[name], "stable")["version"] == models["first"]
    assert condition(outage.over[name], "Ready")["status"] == "True"
    assert outage.ended[name]["outcome"] == "Promoted"
    assert outage.tallies[name].failed == 0, outage.tallies[name].failures
    assert outage.tallies[name].sent > 10 * SECONDS / 2


def test_without_mlflow_a_version_is_unknown(outage: Outage) -> None:
    told = condition(outage.told["no-mlflow"], "ModelResolved")
    assert told["reason"] == "MLflowUnavailable"
    assert told["message"]
    assert unresolved(outage.over["no-mlflow"])


def test_without_the_registry_a_build_is_tried_again(outage: Outage) -> None:
    assert outage.told["no-registry"]["status"]["phase"] == "Building"
    assert outage.over["no-registry"]["status"]["phase"] == "Building"


def test_without_prometheus_a_canary_stays_and_its_clock_stands(outage: Outage) -> None:
    stage = outage.over["no-prometheus"]["status"]["stage"]
    assert condition(outage.told["no-prometheus"], "EvidenceAvailable")["message"]
    assert stage["name"] == "canary-50", "no data is never a pass"
    assert "runningSince" not in stage
    assert outage.shares[0] == outage.shares[1]
    assert len(outage.shares[0]) == 2, "the canary keeps its share: no data is no breach either"


def test_without_mlflow_a_training_waits_and_then_succeeds(outage: Outage) -> None:
    assert "mlflow" in condition(outage.told[RUN], "Reconciling")["message"].lower()
    assert not run_ended(outage.over[RUN])
    assert outage.ended[RUN]["status"]["phase"] == "Succeeded"
