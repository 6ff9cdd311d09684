"""spec.predictionLog on a cluster: all that was answered is in the store once the pods have ended.

Rows of the shadow pair with those of stable by the request's id. The store is a real S3 server on the node's address.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.dataset as dataset
import pytest
import yaml
from pyarrow.fs import S3FileSystem

from tests.cluster import addresses
from tests.cluster.places import Places, given_kubeconfig
from tests.demo import view
from tests.demo.data import Row
from tests.demo.kube import Cluster, Object, condition
from tests.rows.lake import lake
from tests.rows.service import Service, shadow
from tests.stores.s3 import S3Server

pytestmark = pytest.mark.skipif(
    bool(given_kubeconfig(Places.of_environment())), reason="pods of another machine's cluster do not reach this one"
)
# Only the end of a pod closes a file: what is in the store afterwards was kept by an orderly end.
ROTATE = {"every": "1h"}
DIRECTORY = "lake/predictions"


@pytest.fixture(scope="module")
def store(cluster: Cluster, namespace: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    place = tmp_path_factory.mktemp("store")
    with lake(cluster, namespace, "lake", place, hash_key="a key of this test alone") as server:
        yield server


def stored(server: S3Server) -> pa.Table | None:
    """All rows so far; None before the first file."""
    files = S3FileSystem(
        access_key=server.access, secret_key=server.secret, endpoint_override=f"{server.host}:{server.port}",
        scheme="http", region="us-east-1",
    )  # fmt: skip
    if not list((server.home / "data" / DIRECTORY).rglob("*.parquet")):
        return None
    return dataset.dataset(DIRECTORY, filesystem=files, format="parquet", partitioning="hive").to_table()


def rows_after(server: S3Server, least: dict[str, int], seconds: float = 180) -> pa.Table:
    """The rows, once at least so many of each kind of traffic are there: each pod stores its own at its end."""
    deadline = time.monotonic() + seconds
    while True:
        found = stored(server)
        counts = Counter(found["traffic"].to_pylist() if found is not None else ())
        if all(counts[kind] >= rows for kind, rows in least.items()) and found is not None:
            return found
        assert time.monotonic() < deadline, f"{counts} stored, at least {least} expected"
        time.sleep(1)


@pytest.mark.timeout(1500)
def test_what_was_answered_is_stored_and_the_shadow_pairs_with_it(
    store: S3Server, serve: Callable[[str], Service], models: dict[str, str], rows: tuple[Row, ...]
) -> None:
    service = serve("prediction-log")
    log = {"uri": f"s3://{DIRECTORY}/", "secretRef": {"name": "lake"}, "rotate": ROTATE}
    log |= {"omit": ["is_popular"], "hash": ["long_url"]}
    service.create(models["first"], [shadow(seconds=3600, samples=60)], predictionLog=log)
    with service.client(rows) as client:
        service.pin(models["better"])
        seen = service.in_stage("shadow", models["better"])
        service.wait(
            lambda _: service.counted("slipway_requests_total", 'traffic="shadow"') >= 60, 120, "60 mirrored requests"
        )
        service.wait(
            lambda found: condition(found, "PredictionsLogged").get("status") == "True", 180, "PredictionsLogged"
        )
    tally = client.read()
    stable, candidate = (view.variant(seen, name)["revision"] for name in ("stable", "candidate"))
    assert "spec.predictionLog" not in str(condition(seen, "InactiveFields"))
    service.delete()

    found = rows_after(store, {"live": sum(tally.answered.values()), "shadow": 60})
    live = {row["request_id"]: row for row in found.to_pylist() if row["traffic"] == "live"}
    mirrored = {row["request_id"]: row for row in found.to_pylist() if row["traffic"] == "shadow"}
    assert tally.failed == 0, tally.failures
    assert set(tally.answered) == {stable}
    assert found["traffic"].to_pylist().count("live") == len(live) == tally.answered[stable]
    assert None not in live
    assert len(mirrored) >= 60
    assert {row["revision"] for row in live.values()} == {stable}
    assert {row["revision"] for row in mirrored.values()} == {candidate}
    for request, row in mirrored.items():
        pair = live[request]
        assert (row["entity"], row["feature_https"]) == (pair["entity"], pair["feature_https"])
        assert row["prediction_id"] != pair["prediction_id"]
    assert "feature_is_popular" not in found.column_names
    assert all(len(row["feature_long_url"]) == 32 for row in live.values())
    positives = sum(row["answer"] == "1" for row in live.values())
    assert positives == tally.positives[stable]


def logging_to(service: Service, store: S3Server, cluster: Cluster, **changed: str | None) -> dict[str, Any]:
    """A log whose Secret differs from the right one."""
    meta = {"name": service.name, "namespace": service.namespace}
    data = {key: value for key, value in {**store.secret_data(), **changed}.items() if value is not None}
    cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": data})
    return {"uri": f"s3://{DIRECTORY}/{service.name}/", "secretRef": {"name": service.name}, "rotate": {"every": "1s"}}


def not_logged(service: Service, reason: str, seconds: float = 240) -> Object:
    """The rollout once the condition says why rows are not stored."""
    return service.wait(
        lambda found: condition(found, "PredictionsLogged").get("reason") == reason,
        seconds, f"PredictionsLogged says {reason}",
    )  # fmt: skip


def test_a_store_that_is_away_is_told_and_no_request_fails(
    store: S3Server, serve: Callable[[str], Service], models: dict[str, str], rows: tuple[Row, ...], cluster: Cluster
) -> None:
    service = serve("prediction-log-away")
    log = logging_to(service, store, cluster, AWS_ENDPOINT_URL=f"http://{addresses.NODE}:9")
    service.create(models["first"], [shadow(seconds=3600)], predictionLog=log)
    with service.client(rows) as client:
        told = not_logged(service, "StoreUnreachable")
    assert condition(told, "Ready")["status"] == "True"
    assert client.read().failed == 0, client.read().failures


def test_wrong_keys_are_told_by_the_condition(
    store: S3Server, serve: Callable[[str], Service], models: dict[str, str], rows: tuple[Row, ...], cluster: Cluster
) -> None:
    service = serve("prediction-log-denied")
    log = logging_to(service, store, cluster, AWS_SECRET_ACCESS_KEY="not the one")
    service.create(models["first"], [shadow(seconds=3600)], predictionLog=log)
    with service.client(rows) as client:
        told = not_logged(service, "AccessDenied")
    assert f"Secret {service.name}" in condition(told, "PredictionsLogged")["message"]
    assert condition(told, "Ready")["status"] == "True"
    assert client.read().failed == 0, client.read().failures


def below(service: Service) -> str:
    """What KServe and the kubelet say of the service's pods."""
    labels = f"slipway.dev/rollout={service.name}"
    found = {
        f"{kind} {one['metadata']['name']}": one.get("status")
        for kind in ("InferenceService", "Pod")
        for one in service.cluster.list(kind, service.namespace, labels=labels)
    }
    return yaml.safe_dump(found, width=160)


def test_a_missing_key_is_told_by_the_condition_before_anything_serves(
    store: S3Server, serve: Callable[[str], Service], models: dict[str, str], cluster: Cluster
) -> None:
    service = serve("prediction-log-lacking")
    log = logging_to(service, store, cluster, AWS_SECRET_ACCESS_KEY=None)
    service.apply(models["first"], [shadow(seconds=3600)], predictionLog=log)
    service.wait(lambda found: bool(view.variant(found, "candidate")), 240, "an image that is proven, and its pod")
    try:
        told = not_logged(service, "Misconfigured", 180)
    except TimeoutError as error:
        raise AssertionError(f"{error}\nbelow it:\n{below(service)}") from error
    for kind in ("PredictionsLogged", "Progressing"):
        assert "no key AWS_SECRET_ACCESS_KEY" in condition(told, kind)["message"]
