"""The clauses by id, in the order in which they are tried; docs/own-image.md explains each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

SERVE, JUDGE, LOG = "serve", "judge", "log"
PARTS = (SERVE, JUDGE, LOG)
"""What an image needs to be served at all, for gates to judge it, for its predictions to be logged."""

Outcome = Literal["ok", "fail", "skipped"]
_PREDICTS = ("predict-v1", "predict-v2")


@dataclass(frozen=True)
class Clause:
    """`promise` says what is asked, `remedy` what to do where it does not hold; `needs` are clauses without which this
    one cannot be tried."""

    id: str
    part: str
    promise: str
    remedy: str
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finding:
    """What one clause came to; `message` says what was seen, or why it was not tried."""

    clause: str
    outcome: Outcome
    message: str = ""

    def document(self) -> dict[str, Any]:
        """As JSON values, with what the clause says of itself."""
        clause = CLAUSES[self.clause]
        return {
            "id": self.clause, "part": clause.part, "outcome": self.outcome, "promise": clause.promise,
            "message": self.message, "remedy": clause.remedy if self.outcome == "fail" else "",
        }  # fmt: skip


def _serve(name: str, promise: str, remedy: str, needs: tuple[str, ...] = ("ready",)) -> Clause:
    return Clause(name, SERVE, promise, remedy, needs)


def _judge(name: str, promise: str, remedy: str, needs: tuple[str, ...] = ("info", "predict-v1")) -> Clause:
    return Clause(name, JUDGE, promise, remedy, needs)


_ALL = (
    _serve("ready", "GET /readyz becomes 200", "listen on port 8080, and answer /readyz with 200", ()),
    _serve("ready-waits", "/readyz is no 200 before the model answers", "answer 503 until the model is loaded"),
    _serve("confined", "works as user 65532 with a read-only root", "write below /tmp only, listen above 1023"),
    _serve("live", "GET /livez is 200", "answer /livez with 200 as long as the process can answer"),
    _serve(
        "metadata",
        "GET /v2/models/NAME lists the inputs",
        "answer {inputs: [{name, datatype, shape}]} with the Open Inference Protocol's datatypes",
    ),
    _serve(
        "predict-v1",
        "POST /v1/models/NAME:predict answers a prediction for each instance",
        "answer {predictions: [...]} to {instances: [...]}, under the name in SLIPWAY_MODEL_NAME",
        ("metadata",),
    ),
    _serve(
        "predict-v2",
        "POST /v2/models/NAME/infer answers tensors",
        "answer {outputs: [{name, shape, datatype, data}]} to {inputs: [...]}",
        ("metadata",),
    ),
    _serve(
        "revision-header",
        "answers carry x-slipway-revision",
        "set the header x-slipway-revision to the value of SLIPWAY_REVISION",
        _PREDICTS,
    ),
    _serve(
        "prediction-id",
        "answers carry an x-slipway-prediction-id of their own",
        "set the header x-slipway-prediction-id to a new UUID in each answer",
        _PREDICTS,
    ),
    _serve("bad-json", "what is no JSON gets 4xx", "answer 400", _PREDICTS),
    _serve("bad-member", "a request without its member gets 4xx that names it", "name the member", _PREDICTS),
    _serve("bad-type", "a value of a wrong type gets 4xx that names its input", "name the input", _PREDICTS),
    _serve("body-bound", "a body of 64 MiB is refused", "refuse bodies above some megabytes with 413", _PREDICTS),
    _serve("survives", "valid requests are answered after bad ones", "let no request end the process", _PREDICTS),
    _judge(
        "metrics",
        "GET /metrics is a page in Prometheus' text format",
        "serve text/plain; version=0.0.4 at /metrics",
        ("ready",),
    ),
    _judge(
        "info",
        "slipway_serving_info names rollout and revision",
        "export slipway_serving_info 1 with rollout, revision, version from SLIPWAY_ROLLOUT, _REVISION, _VERSION",
        ("metrics",),
    ),
    _judge(
        "series-at-zero",
        "slipway_requests_total exists for every traffic and code from the start",
        "export {traffic=live|shadow, code=2xx|4xx|5xx} at 0 when the process starts",
        ("info",),
    ),
    _judge(
        "live-counts",
        "requests of this revision are counted as live",
        "count slipway_requests_total{traffic=live} where x-slipway-revision is SLIPWAY_REVISION",
    ),
    _judge(
        "shadow-counts",
        "mirrored requests are counted as shadow, not as live",
        "count slipway_requests_total{traffic=shadow} where x-slipway-revision is another revision",
    ),
    _judge(
        "direct-counts",
        "requests that did not come through the route are neither",
        "without x-slipway-revision count a request as traffic=direct, or not at all",
    ),
    _judge("refused-counts", "refused requests are counted as 4xx", "count slipway_requests_total{code=4xx}"),
    _judge(
        "latency",
        "latency is counted by slipway_request_duration_seconds and slipway_evidence_duration_bucket",
        "observe each request, with the edges in SLIPWAY_LATENCY_EDGES among the buckets",
    ),
    _judge(
        "classes",
        "predictions are counted by class",
        "count slipway_predictions_total{class} and slipway_evidence_predictions{class} of each instance",
    ),
    _judge(
        "evidence",
        "slipway_evidence_requests counts by traffic, epoch and assignment",
        "read x-slipway-assignment (NUMBER.EPOCH) and x-slipway-bucket",
    ),
    _judge(
        "clusters",
        "slipway_evidence_cluster_requests counts by the entity's cluster",
        "take two hex digits of x-slipway-bucket at 5 * NUMBER % 60 + 3",
    ),
    _judge(
        "exposures",
        "slipway_exposure_register holds a sketch of distinct entities",
        "keep 1,024 HyperLogLog registers of sha256(x-slipway-bucket)",
    ),
    Clause(
        "log-counts",
        LOG,
        "the log counts what it stores and drops",
        "export slipway_prediction_log_rows_total and slipway_prediction_log_dropped_total{reason} at 0",
        ("metrics",),
    ),
    _serve(
        "stop", "requests in flight at SIGTERM are answered", "on SIGTERM finish what has begun, then end", _PREDICTS
    ),
    _serve("stop-ends", "the process ends within 40 s of SIGTERM", "end when nothing is in flight", _PREDICTS),
    Clause(
        "log-rows",
        LOG,
        "every answered instance has a row in the store after a stop",
        "write SLIPWAY_PREDICTION_LOG's files …-ROWS.parquet below uri before the process ends",
        ("predict-v1", "stop-ends"),
    ),
)
CLAUSES: Mapping[str, Clause] = {clause.id: clause for clause in _ALL}
