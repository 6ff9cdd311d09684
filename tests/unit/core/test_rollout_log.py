"""spec.predictionLog: what the pods get, what makes a new revision, and how its health is told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from slipway.api.v1alpha1.modelrollout import ModelRolloutSpec
from slipway.core.desired.inference_service import Served, predictor_template
from slipway.core.desired.names import Identity
from slipway.core.plan import ObjectKey, Unavailable
from slipway.core.prediction_log import DROPPED, FAILING, LogHealth, log_health
from slipway.core.rollout.logged import _CAUSES
from slipway.core.rollout.revision import revision_of
from slipway.runtime.world import Sample
from slipway_serving.service.predictionlog.counters import ACCESS, CERTIFICATE, DISK, PLACE, UNREACHABLE
from slipway_serving.service.predictionlog.settings import VARIABLE, LogSettings, read_log_settings

from tests.unit.core.simulation import KEY, Simulation
from tests.unit.core.specs import NEVER_READY, in_stage, serving, spec

ME = Identity("ns", "fraud", "uid-1")
S3 = {
    "uri": "s3://lake/predictions/fraud/", "secretRef": {"name": "lake"}, "rotate": {"size": "1Mi", "every": "30s"},
    "retention": "180d", "omit": ["pan"], "hash": ["card"],
}  # fmt: skip
VOLUME = {"uri": "file:///fraud", "persistentVolumeClaim": {"claimName": "predictions"}}


def rollout(log: dict[str, Any] | None) -> ModelRolloutSpec:
    return ModelRolloutSpec.model_validate(spec(predictionLog=log))


def pod(log: dict[str, Any] | None) -> dict[str, Any]:
    parsed = rollout(log)
    served = Served("aaaa", "7", "reg/x@sha256:1", log=parsed.prediction_log)
    found: dict[str, Any] = json.loads(predictor_template(ME, served, parsed.predictor))
    return found


def told(log: dict[str, Any]) -> LogSettings | None:
    """The settings as the server reads them from its environment; the Secret is not there."""
    (container,) = pod({**log, "hash": []})["containers"]
    return read_log_settings({one["name"]: one["value"] for one in container["env"]})


def test_the_server_reads_what_the_spec_says() -> None:
    read = told(S3)
    assert read is not None
    assert (read.uri, read.rotate_bytes, read.rotate_seconds) == ("s3://lake/predictions/fraud/", 1 << 20, 30.0)
    assert (read.retention_seconds, read.omit) == (180 * 86_400.0, frozenset({"pan"}))
    (container,) = pod(S3)["containers"]
    (variable,) = [one["value"] for one in container["env"] if one["name"] == VARIABLE]
    assert json.loads(variable)["hash"] == ["card"]


@pytest.mark.parametrize("log", [S3, VOLUME], ids=["s3", "volume"])
def test_every_path_that_the_server_is_told_is_mounted(log: dict[str, Any]) -> None:
    found, read = pod(log), told(log)
    (container,) = found["containers"]
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    assert set(mounts.values()) == {volume["name"] for volume in found["volumes"]}
    assert read is not None
    assert str(read.spool) in mounts
    assert read.secret is None or str(read.secret) in mounts
    assert read.uri.startswith("s3://") or read.uri == f"file://{next(p for p in mounts if p.startswith('/mnt'))}/fraud"


def test_the_secret_is_read_only_and_the_spool_has_room_for_all_that_the_server_may_keep() -> None:
    found, read = pod({**S3, "rotate": {"size": "512Mi"}}), told({**S3, "rotate": {"size": "512Mi"}})
    volumes = {volume["name"]: volume for volume in found["volumes"]}
    assert volumes["prediction-log-secret"]["secret"] == {"secretName": "lake", "defaultMode": 0o440, "optional": True}
    (mount,) = [m for m in found["containers"][0]["volumeMounts"] if m["name"] == "prediction-log-secret"]
    assert mount["readOnly"] is True
    assert read is not None
    assert int(volumes["prediction-log-spool"]["emptyDir"]["sizeLimit"]) > read.spool_bytes + read.rotate_bytes


def test_without_a_log_a_pod_is_what_it_was() -> None:
    (container,) = pod(None)["containers"]
    assert VARIABLE not in {one["name"] for one in container["env"]}
    assert [volume["name"] for volume in pod(None)["volumes"]] == ["tmp"]


def test_a_revision_knows_its_log_and_the_secret_by_name() -> None:
    def revision(log: dict[str, Any] | None) -> str:
        return revision_of("sha256:1", "reg/x@sha256:2", rollout(log), "")

    assert revision(None) == "d8fb536af8", "services without a log keep their revision when the operator is upgraded"
    others = [None, S3, VOLUME, {**S3, "secretRef": {"name": "other"}}, {**S3, "omit": []}, {**S3, "retention": "7d"}]
    assert len({revision(log) for log in others}) == len(others)


def test_a_changed_log_is_rolled_out_like_any_change() -> None:
    sim = serving(predictionLog=S3)
    before = sim.variants()["stable"]["revision"]
    sim.edit(KEY, lambda s: s["predictionLog"].update(retention="7d"))
    sim.run(300, in_stage("canary-10"))
    candidate = sim.variants()["candidate"]
    assert candidate["revision"] != before
    assert candidate["version"] == "1"


# health


def vector(**values: float) -> list[Sample]:
    return [Sample({"rollout": f"ns/{name}"}, value) for name, value in values.items()]


def why(reason: str) -> list[Sample]:
    """One pod says why, another has nothing to tell."""
    own = {"rollout": "ns/fraud"}
    return [Sample(own, 0), Sample({**own, "reason": reason}, 1), Sample({"rollout": "ns/other", "reason": "aaa"}, 1)]


def test_health_is_that_of_one_rollout_and_unknown_without_a_word_of_its_pods() -> None:
    failing, dropped = vector(fraud=0, other=1), vector(fraud=2.5, other=0)
    assert log_health("ns/fraud", failing, dropped) == LogHealth(False, True)
    assert log_health("ns/other", failing, dropped) == LogHealth(True, False)
    assert log_health("ns/none", failing, dropped) == LogHealth(None, None)
    away = Unavailable("PrometheusUnavailable", "no answer")
    assert log_health("ns/fraud", away, dropped) == log_health("ns/fraud", failing, away) == away


@pytest.mark.parametrize(
    ("failing", "dropped", "status", "reason"),
    [
        (vector(fraud=0), vector(fraud=0), "True", "Logged"),
        (vector(fraud=1), vector(fraud=0), "False", "StoreUnreachable"),
        (vector(fraud=1), vector(fraud=3), "False", "RowsLost"),
        (why("access"), vector(fraud=0), "False", "AccessDenied"),
        (why("place"), vector(fraud=0), "False", "BucketNotFound"),
        (why("certificate"), vector(fraud=0), "False", "CertificateNotTrusted"),
        (why("disk"), vector(fraud=0), "False", "SpoolNotWritable"),
        (why("unreachable"), vector(fraud=0), "False", "StoreUnreachable"),
        (why("access"), vector(fraud=3), "False", "RowsLost"),
        (vector(other=0), vector(other=0), "Unknown", "NotMeasured"),
        (Unavailable("PrometheusUnavailable", "no answer"), [], "Unknown", "PrometheusUnavailable"),
    ],
)
def test_the_condition_tells_it_and_moves_no_traffic(
    failing: Any, dropped: Any, status: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sim = serving(predictionLog=S3)
    route = sim.status["variants"]
    asked = Simulation.query

    async def query(self: Simulation, promql: str, now: Any) -> Any:
        return {FAILING: failing, DROPPED: dropped}.get(promql) or await asked(self, promql, now)

    monkeypatch.setattr(Simulation, "query", query)
    sim.run(70)
    assert sim.condition("PredictionsLogged")[:2] == (status, reason)
    assert sim.condition("Ready")[0] == "True"
    assert sim.status["variants"] == route


SAID = "the Secret that predictionLog.secretRef names has no key AWS_ACCESS_KEY_ID, or does not exist"
ENDED = {"terminated": {"exitCode": 78, "reason": "Error", "message": SAID}}


class Failing(Simulation):
    """`containers` are the states of the server in the one pod of each InferenceService, `told` is what KServe says."""

    def __init__(self, told: dict[str, Any], container: dict[str, Any]) -> None:
        super().__init__(spec(predictionLog=S3), {"1": NEVER_READY})
        self.told, self.container = told, container

    def _publish(self) -> None:
        super()._publish()
        for key, obj in [one for one in self.objects.items() if one[0].kind == "InferenceService"]:
            obj["status"]["modelStatus"] = self.told
            labels = {**obj["metadata"]["labels"], "serving.kserve.io/inferenceservice": key.name}
            pod = self.put(ObjectKey("v1", "Pod", "ns", f"{key.name}-predictor-1"), None, labels=labels)
            sidecar = {"name": "other", "ready": False, "state": {"terminated": {"exitCode": 1}}}
            pod["status"] = {"containerStatuses": [sidecar, {"name": "kserve-container", **self.container}]}


@pytest.mark.parametrize(
    ("told", "container"),
    [
        ({}, {"ready": False, "state": ENDED}),
        ({}, {"ready": False, "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": ENDED}),
        ({}, {"ready": False, "state": {"running": {}}, "lastState": ENDED}),
        ({"lastFailureInfo": {"reason": "ModelLoadFailed", "exitCode": 78, "message": SAID}}, {"ready": False}),
    ],
    ids=["it ended", "it waits to start again", "it started again", "KServe saw it"],
)
def test_a_secret_without_its_key_is_told_before_anything_serves(
    told: dict[str, Any], container: dict[str, Any]
) -> None:
    """KServe looks at a server's end only when something else makes it look."""
    sim = Failing(told, container)
    sim.run(60, in_stage("start"))
    sim.run(3)
    assert sim.condition("PredictionsLogged")[:2] == ("False", "Misconfigured")
    assert SAID in sim.condition("PredictionsLogged")[2]
    assert f"{SAID} (exit code 78)" in sim.condition("Progressing")[2]


@pytest.mark.parametrize(
    ("container", "said"),
    [
        ({"ready": True, "state": {"running": {}}, "lastState": ENDED}, "0 of 1 replicas are ready"),
        ({"ready": False, "state": {"terminated": {"exitCode": 0}}}, "0 of 1 replicas are ready"),
        (
            {"ready": False, "state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}},
            "OOMKilled its process ended (exit code 137)",
        ),
    ],
)
def test_another_end_of_a_pod_is_not_the_log_s(container: dict[str, Any], said: str) -> None:
    sim = Failing({}, container)
    sim.run(60, in_stage("start"))
    sim.run(3)
    assert not any(one["type"] == "PredictionsLogged" for one in sim.status["conditions"])
    assert said in sim.condition("Progressing")[2]


def test_the_operator_has_words_for_every_reason_of_the_server() -> None:
    ours = {ACCESS, PLACE, CERTIFICATE, DISK}
    assert set(_CAUSES) == ours
    assert UNREACHABLE not in ours


def test_nothing_is_said_of_a_log_that_nobody_asked_for() -> None:
    assert all(one["type"] != "PredictionsLogged" for one in serving().status["conditions"])
