"""The served model over real HTTP: protocols, refusals, live and mirrored requests counted apart, an orderly end."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.serving.models import Broken, Slow, save_object, save_sklearn
from tests.unit.serving.servers import Served, serving

pytestmark = pytest.mark.long

BUCKET = hashlib.sha256(b"card 7").hexdigest()
GOOD = {"instances": [{"amount": 0.9, "country": "it"}]}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("served")
    with serving(save_sklearn(home / "model"), home) as server:
        server.wait()
        yield server


def routed(revision: str = "r1", epoch: int = 17, bucket: str = BUCKET) -> dict[str, str]:
    return {"x-slipway-revision": revision, "x-slipway-assignment": f"3.{epoch}", "x-slipway-bucket": bucket}


def test_v1_answers_with_label_version_and_identity(served: Served) -> None:
    instances = [{"amount": 0.9, "country": "it"}, [0.1, "de"], {"amount": None, "country": "fr", "card": "c"}]
    status, answer, headers = served.call("/v1/models/fraud:predict", {"instances": instances})
    assert (status, answer["predictions"][:2], answer["model_version"]) == (200, [1, 0], "7")
    assert headers["x-slipway-revision"] == "r1"
    assert len(headers["x-slipway-prediction-id"]) == 32
    assert served.call("/predict", GOOD)[1]["predictions"] == [1]


def test_v2_answers_tensors(served: Served) -> None:
    inputs = [
        {"name": "amount", "shape": [2], "datatype": "FP64", "data": [0.9, 0.1]},
        {"name": "country", "shape": [2, 1], "datatype": "BYTES", "data": ["it", "de"]},
    ]
    status, answer, _ = served.call("/v2/models/fraud/infer", {"id": "q1", "inputs": inputs})
    assert (status, answer["id"], answer["model_name"]) == (200, "q1", "fraud")
    assert answer["outputs"] == [{"name": "predict", "shape": [2], "datatype": "INT64", "data": [1, 0]}]


def test_both_protocols_describe_the_model(served: Served) -> None:
    assert served.call("/v1/models/fraud")[1] == {"name": "fraud", "ready": True}
    assert served.call("/v2/models/fraud/ready")[0] == 200
    assert served.call("/v2/health/ready")[0] == 200
    described = served.call("/v2/models/fraud")[1]
    assert described["inputs"][0] == {"name": "amount", "datatype": "FP64", "shape": [-1]}
    assert served.call("/livez")[0] == served.call("/readyz")[0] == 200


@pytest.mark.parametrize(
    ("body", "field", "status"),
    [
        (b"{", "", 400),
        (b"[" * 90_000, "", 400),
        ([1], "", 400),
        ({}, "instances", 400),
        ({"instances": []}, "instances", 400),
        ({"instances": [{"amount": 1}]}, "country", 400),
        ({"instances": [{"amount": "1", "country": "it"}]}, "amount", 400),
        ({"instances": [{"amount": 1, "country": 3}]}, "country", 400),
        ({"instances": [{"amount": 1, "country": "it", "other": 1}]}, "other", 400),
        ({"instances": [[1]]}, "instances[0]", 400),
        ({"instances": [[1, "it"]] * 5000}, "instances", 413),
        (b'{"instances": "' + b"x" * (5 << 20) + b'"}', "", 413),
    ],
)
def test_wrong_input_is_the_clients_fault_and_names_the_field(
    served: Served, body: Any, field: str, status: int
) -> None:
    got, answer, _ = served.call("/v1/models/fraud:predict", body)
    assert (got, answer["field"]) == (status, field)
    assert served.call("/v1/models/fraud:predict", GOOD)[0] == 200


def test_unknown_routes_and_methods(served: Served) -> None:
    assert served.call("/nothing")[0] == 404
    assert served.call("/v1/models/fraud:predict")[0] == 405


def test_live_shadow_and_direct_requests_are_counted_apart(served: Served) -> None:
    def counted(kind: str) -> float:
        return served.total("slipway_requests_total", traffic=kind, code="2xx")

    before = [counted(kind) for kind in ("live", "shadow", "direct")]
    for headers in (routed(), routed("other"), routed("other"), {"x-slipway-bucket": BUCKET}):
        served.call("/predict", GOOD, headers)
    after = [counted(kind) for kind in ("live", "shadow", "direct")]
    assert [later - earlier for earlier, later in zip(before, after, strict=True)] == [1, 2, 1]
    series = {"rollout": "shop/fraud", "revision": "r1", "traffic": "live"}
    assert served.total("slipway_predictions_total", **{**series, "class": "1"}) >= 1
    assert served.total("slipway_feature_bucket_total", **series, feature="amount", bucket="3") >= 1


def test_evidence_is_kept_by_epoch(served: Served) -> None:
    for epoch in (100, 101, 101, 102):
        served.call("/predict", GOOD, routed(epoch=epoch))
    served.call("/predict", GOOD, routed(epoch=102, bucket="none"))
    served.call("/predict", b"{", routed(epoch=102))
    evidence = served.metrics()["slipway_evidence_requests"]
    seen = {(one["epoch"], one["assigned"], one["code"]): value for one, value in evidence if one["traffic"] == "live"}
    assert seen == {
        ("101", "true", "2xx"): 2,
        ("102", "true", "2xx"): 1,
        ("102", "false", "2xx"): 1,
        ("102", "true", "4xx"): 1,
    }
    cluster = f"{int(BUCKET[18:20], 16):02x}"
    assert served.total("slipway_evidence_cluster_requests", epoch="101", cluster=cluster, outcome="ok") == 2
    assert len([1 for one, _ in served.metrics()["slipway_exposure_register"] if one["epoch"] == "101"]) == 1
    assert served.total("slipway_evidence_duration_bucket", epoch="101", le="+Inf") == 2


def test_a_scrape_may_be_compressed(served: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port)
    connection.request("GET", "/metrics", headers={"Accept-Encoding": "gzip"})
    answer = connection.getresponse()
    assert b"process_resident_memory_bytes" in gzip.decompress(answer.read())
    assert answer.headers["content-encoding"] == "gzip"


def test_a_failing_model_answers_500_and_is_counted_as_an_error(tmp_path: Path) -> None:
    with serving(save_object(tmp_path / "model", Broken(0)), tmp_path) as server:
        server.wait()
        status, answer, headers = server.call("/predict", {"instances": [{"amount": 1}]}, routed())
        assert (status, answer["error"]) == (500, "the model failed")
        assert answer["id"] == headers["x-slipway-prediction-id"]
        assert server.total("slipway_evidence_cluster_requests", outcome="error") == 1
        assert "broken inside" in server.log.read_text()


def test_a_model_that_does_not_load_ends_the_process(tmp_path: Path) -> None:
    model = save_object(tmp_path / "model", 3)
    (model / "model.pkl").write_bytes(b"no pickle")
    with serving(model, tmp_path) as server:
        assert server.process.wait(30) == 70
        assert "does not load" in server.log.read_text()


def test_sigterm_finishes_what_runs_and_takes_late_requests(tmp_path: Path) -> None:
    model = save_object(tmp_path / "model", Slow(1.0))
    with serving(model, tmp_path, SLIPWAY_DRAIN_SECONDS="6") as server:  # time for a busy machine to be late in
        server.wait()
        results: list[Any] = []

        def ask() -> None:
            results.append(server.call("/predict", {"instances": [{"amount": 1}]}))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads[:2]:
            thread.start()
        time.sleep(0.3)
        server.process.terminate()
        deadline = time.monotonic() + 4
        while server.call("/readyz")[0] != 503:
            assert time.monotonic() < deadline, "it says that it is ready"
            time.sleep(0.05)
        for thread in threads[2:]:
            thread.start()
        for thread in threads:
            thread.join()
        assert [status for status, _, _ in results] == [200] * 4
        assert any(headers.get("connection") == "close" for _, _, headers in results)
        assert server.process.wait(20) == 0
