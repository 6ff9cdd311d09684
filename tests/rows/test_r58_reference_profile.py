"""Row 58: the reference profile travels with the model; PSI per feature stands in the operator's metrics and in status.

The test computes the index itself, from the buckets that pods export, and the reference itself, from the rows.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from math import log

import pytest

from tests.demo import data, kube, view
from tests.demo.data import Row
from tests.demo.kube import Cluster, Object
from tests.rows.fixtures import run_spec
from tests.rows.service import GROUP, Service, canary

WINDOW = 30  # seconds
LEAST_ROWS = 219  # for PSI 0.2 with 20 bins (evidence.md)


@pytest.fixture(scope="module")
def service(serve: Callable[[str], Service], models: dict[str, str], cluster: Cluster, namespace: str) -> Service:
    made = serve("r58")
    made.create(models["first"], [canary(50)])
    cluster.apply(watching("r58", namespace))
    return made


@pytest.fixture(scope="module", autouse=True)
def _tidy(cluster: Cluster, namespace: str) -> Iterator[None]:
    yield
    cluster.delete("RetrainPolicy", "r58", namespace)


def watching(name: str, namespace: str) -> Object:
    """A policy that reports drift and may never train."""
    drift = {"window": f"{WINDOW}s", "psi": "0.25"}
    spec = {
        "rolloutRef": {"name": name},
        "triggers": [{"name": "inputs", "type": "Drift", "drift": drift}],
        "budget": {"triggered": 0},
        "runTemplate": {"spec": run_spec(namespace, "Linear", "phishing.csv")},
    }
    return {
        "apiVersion": GROUP, "kind": "RetrainPolicy", "metadata": {"name": name, "namespace": namespace}, "spec": spec,
    }  # fmt: skip


def shares(service: Service, query: str) -> dict[str, dict[str, float]]:
    """Shares of the buckets of each feature, from a vector with the labels feature and bucket."""
    counts: dict[str, dict[str, float]] = {}
    for series in service.prometheus.query(query):
        counts.setdefault(series.labels["feature"], {})[series.labels["bucket"]] = series.value
    return {
        feature: {bucket: count / sum(found.values()) for bucket, count in found.items()}
        for feature, found in counts.items()
        if sum(found.values()) > 0
    }


def psi(live: Mapping[str, float], reference: Mapping[str, float]) -> float:
    """Population stability index; an empty bucket counts as a tenth of a per mille, as is usual."""
    total = 0.0
    for bucket in {*live, *reference}:
        ours, theirs = max(live.get(bucket, 0), 1e-4), max(reference.get(bucket, 0), 1e-4)
        total += (ours - theirs) * log(ours / theirs)
    return total


def features(service: Service) -> dict[str, Object]:
    found = service.cluster.get("RetrainPolicy", service.name, service.namespace) or {}
    return {item["name"]: item for item in found.get("status", {}).get("features") or []}


def test_r58_the_reference_that_pods_export_is_that_of_the_training_rows(
    service: Service, models: dict[str, str]
) -> None:
    revision = view.variant(service.read(), "stable")["revision"]
    query = f'slipway_feature_reference{{rollout="{service.label}",revision="{revision}"}}'
    deadline = time.monotonic() + 40
    while not (exported := shares(service, query)) and time.monotonic() < deadline:
        time.sleep(2)
    train = [row for row in data.rows() if row.split == "train"]
    for column, feature in enumerate(data.FEATURES):
        counts = Counter(row.features[column] for row in train)
        own = sorted(count / len(train) for count in counts.values())
        found = sorted(share for share in exported[feature].values() if share > 0)
        assert found == pytest.approx(own, abs=0.002), feature


def test_r58_psi_in_status_and_metrics_is_small_on_rows_like_those_of_training_and_agrees_with_our_own(
    service: Service, rows: tuple[Row, ...]
) -> None:
    with service.client(rows, rate=30):
        time.sleep(WINDOW + 15)
        seen = told(service, features, lambda found: found.keys() == set(data.FEATURES) and enough(found), "its rows")
        exported = told(service, in_metrics, lambda found: found.keys() == set(data.FEATURES), "an index of each")
        own = measured(service)
    assert exported == pytest.approx(own, abs=0.05)
    for name, item in seen.items():
        assert item["verdict"] == "Stable", item
        assert float(item["psi"]) == pytest.approx(own[name], abs=0.05), name


def test_r58_a_shifted_feature_is_named_and_too_few_rows_say_nothing(service: Service, rows: tuple[Row, ...]) -> None:
    time.sleep(WINDOW + 15)
    few = {"InsufficientData"}
    told(service, features, lambda found: {item["verdict"] for item in found.values()} <= few, "too few rows")
    told(service, in_metrics, lambda found: not found, "no index of too few rows")
    with service.client(data.shifted_rows(rows), rate=30):
        drifted = told(
            service, features, lambda found: found.get("popup_window", {}).get("verdict") == "Drifted",
            "popup_window drifts", WINDOW + 60,
        )  # fmt: skip
        assert float(drifted["popup_window"]["psi"]) > 0.25
        told(service, in_metrics, lambda found: found.get("popup_window", 0) > 0.25, "its index in the metrics")
        assert measured(service)["popup_window"] > 0.25


def told(
    service: Service, read: Callable[[Service], Object], done: Callable[[Object], bool], what: str, seconds: float = 60
) -> Object:
    """What is read once it is so: the policy looks when it is its turn, and what it found is scraped then."""
    return dict(
        kube.wait(lambda: {"status": read(service)}, lambda seen: done(seen["status"]), seconds, what)["status"]
    )


def enough(found: Mapping[str, Object]) -> bool:
    """Whether each feature was judged on rows enough."""
    return all(item.get("rows", 0) >= LEAST_ROWS for item in found.values())


def in_metrics(service: Service) -> dict[str, float]:
    """The index of each feature in the operator's own metrics; the policy has the name of the rollout."""
    query = f'max by (feature)(slipway_feature_psi{{policy="{service.label}"}})'
    return {series.labels["feature"]: series.value for series in service.prometheus.query(query)}


def measured(service: Service) -> dict[str, float]:
    """The index of each feature as this test computes it from Prometheus."""
    revision = view.variant(service.read(), "stable")["revision"]
    labels = f'rollout="{service.label}",revision="{revision}"'
    live = shares(
        service,
        f'sum by (feature,bucket)(increase(slipway_feature_bucket_total{{{labels},traffic="live"}}[{WINDOW}s]))',
    )
    reference = shares(service, f"max by (feature,bucket)(slipway_feature_reference{{{labels}}})")
    return {name: psi(live[name], reference[name]) for name in live}
