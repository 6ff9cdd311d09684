"""The manifests: what they must hold, and which live objects agree with them."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from slipway.api.v1alpha1.rollout_model import Predictor
from slipway.api.v1alpha1.rollout_traffic import GatewayAPI
from slipway.core.agreement import quantity, route_agrees, service_agrees
from slipway.core.desired.build_job import Build, KeyOf, build_job
from slipway.core.desired.http_route import Backend, Intent, http_route
from slipway.core.desired.inference_service import Served, inference_service, predictor_template
from slipway.core.desired.names import Identity
from slipway_serving.service.predictionlog.log import LEAVE_SECONDS
from slipway_serving.service.settings import CLOSE_SECONDS, FINISH_SECONDS, Settings

ME = Identity("ns", "fraud", "uid-1")
STABLE, CANDIDATE = Backend("fraud-aaaa", "aaaa"), Backend("fraud-bbbb", "bbbb")
GATEWAY = GatewayAPI.model_validate(
    {
        "parentRefs": [{"name": "public", "namespace": "infra", "sectionName": "https"}],
        "hostnames": ["fraud.example.com"],
        "timeouts": {"request": "1m30s", "backendRequest": "500ms"},
    }
)


# the route


def intent(**fields: Any) -> Intent:
    return Intent(**{"main": STABLE, "number": 7, "epoch": 3, "header": "x-slipway-bucket", **fields})


def rules(**fields: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = http_route(ME, GATEWAY, intent(**fields))["spec"]["rules"]
    return found


def test_every_backend_says_which_revision_was_chosen_and_why() -> None:
    for found in (
        rules(),
        rules(candidate=CANDIDATE, share=Decimal("0.05")),
        rules(candidate=CANDIDATE, mirror=Decimal(1)),
    ):
        for rule in found:
            for ref in rule["backendRefs"]:
                headers = {h["name"]: h["value"] for h in ref["filters"][0]["requestHeaderModifier"]["set"]}
                assert headers["x-slipway-revision"] == ref["name"].removesuffix("-predictor").removeprefix("fraud-")
                assert headers["x-slipway-assignment"] == "7.3"


def test_a_canary_is_a_header_and_a_shadow_a_mirror_and_never_both() -> None:
    canary, shadow = (
        rules(candidate=CANDIDATE, share=Decimal("0.05")),
        rules(candidate=CANDIDATE, mirror=Decimal("0.25")),
    )
    assert [rule["backendRefs"][0]["name"] for rule in canary] == ["fraud-bbbb-predictor", "fraud-aaaa-predictor"]
    assert not any("filters" in rule for rule in canary)
    assert {ref["name"] for rule in shadow for ref in rule["backendRefs"]} == {"fraud-aaaa-predictor"}
    assert shadow[1]["filters"][0]["requestMirror"]["percent"] == 25


@pytest.mark.parametrize("header", ["x-slipway-bucket", ""])
def test_no_place_that_a_request_can_be_sent_to_ever_vanishes(header: str) -> None:
    """Envoy Gateway names its clusters by these places, and takes one away before the rule that uses it."""
    shapes = (
        rules(header=header),
        rules(header=header, candidate=CANDIDATE, mirror=Decimal(1)),
        rules(header=header, candidate=CANDIDATE, share=Decimal("0.05")),
        rules(header=header, main=CANDIDATE),
    )
    places = [[len(rule["backendRefs"]) for rule in shape] for shape in shapes]
    assert all(each == places[0] for each in places)


def test_without_a_candidate_all_places_name_main() -> None:
    assigned, others = rules()
    (match,) = assigned["matches"][0]["headers"]
    assert match["type"] == "Exact"
    assert not re.fullmatch("[0-9a-fA-F]{64}", match["value"])
    assert [ref["name"] for rule in (assigned, others) for ref in rule["backendRefs"]] == ["fraud-aaaa-predictor"] * 2


def test_a_part_of_a_percent_is_mirrored_as_a_fraction() -> None:
    mirror = rules(candidate=CANDIDATE, mirror=Decimal("0.005"))[1]["filters"][0]["requestMirror"]
    assert mirror["fraction"] == {"numerator": 5000, "denominator": 1_000_000}


def test_without_a_header_weights_of_thousandths() -> None:
    refs = rules(candidate=CANDIDATE, share=Decimal("0.0004"), header="")[0]["backendRefs"]
    assert [ref["weight"] for ref in refs] == [999, 1]
    assert intent(candidate=CANDIDATE, share=Decimal("0.0004"), header="").expected_share == Decimal("0.001")


def test_durations_are_those_of_the_gateway_api() -> None:
    assert rules()[0]["timeouts"] == {"request": "90s", "backendRequest": "500ms"}


def test_a_live_route_with_the_defaults_of_others_agrees() -> None:
    wanted = http_route(ME, GATEWAY, intent(candidate=CANDIDATE, share=Decimal("0.05")))
    live = copy.deepcopy(wanted)
    live["metadata"] |= {"uid": "x", "annotations": {"a": "b"}}
    live["spec"]["rules"][0]["filters"] = []
    assert route_agrees(live, wanted)


@pytest.mark.parametrize(
    "path",
    [("hostnames",), ("parentRefs",), ("rules",), ("rules", 0, "backendRefs"), ("rules", 0, "timeouts")],
)
def test_a_live_route_without_a_part_of_ours_does_not_agree(path: tuple[Any, ...]) -> None:
    wanted = http_route(ME, GATEWAY, intent())
    live = copy.deepcopy(wanted)
    place = live["spec"]
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    assert not route_agrees({**live, "spec": {"rules": [], **live["spec"]}}, wanted)


# the service


def service(**changes: Any) -> dict[str, Any]:
    predictor = Predictor.model_validate({"resources": {"requests": {"cpu": "0.1", "memory": "1024Mi"}}, **changes})
    served = Served("aaaa", "7", "reg/x@sha256:1", "x-slipway-bucket", ("0.1",))
    return inference_service(ME, "fraud-aaaa", "aaaa", predictor_template(ME, served, predictor), 2)


def test_the_service_is_kserves_standard_mode_and_restricted() -> None:
    found = service()
    pod, container = found["spec"]["predictor"], found["spec"]["predictor"]["containers"][0]
    assert found["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] == "Standard"
    assert found["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"] == "none"
    assert found["metadata"]["labels"]["networking.kserve.io/visibility"] == "cluster-local"
    assert not {"serving.kserve.io/inferenceservice", "component"} & set(found["metadata"]["labels"])
    assert pod["minReplicas"] == 2
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["lifecycle"]["preStop"]["sleep"]["seconds"] > 0
    assert pod["deploymentStrategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_all_that_a_pod_does_to_stop_fits_into_its_grace_period() -> None:
    """The kubelet's sleep, the drain, the last requests, the log and its last file; two seconds are the process's."""
    pod = service()["spec"]["predictor"]
    before = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    after = Settings().drain_seconds + FINISH_SECONDS + CLOSE_SECONDS + LEAVE_SECONDS
    assert before + after + 2 <= pod["terminationGracePeriodSeconds"]


def test_the_environment_is_ours_first_and_a_tenant_cannot_replace_it() -> None:
    found = service(env=[{"name": "SLIPWAY_REVISION", "value": "forged"}, {"name": "TZ", "value": "UTC"}])
    environment = found["spec"]["predictor"]["containers"][0]["env"]
    assert [e["value"] for e in environment if e["name"] == "SLIPWAY_REVISION"] == ["aaaa"]
    assert {"name": "TZ", "value": "UTC"} in environment


def test_a_live_service_with_canonical_quantities_and_defaults_agrees() -> None:
    wanted = service()
    live = copy.deepcopy(wanted)
    container = live["spec"]["predictor"]["containers"][0]
    container["resources"] = {"requests": {"cpu": "100m", "memory": "1Gi"}, "limits": {"cpu": "1"}}
    container["imagePullPolicy"] = "IfNotPresent"
    live["metadata"]["finalizers"] = ["inferenceservice.finalizers", "slipway.dev/traffic"]
    assert service_agrees(live, wanted)


@pytest.mark.parametrize(
    "change",
    [
        lambda o: o["spec"]["predictor"].update(minReplicas=1),
        lambda o: o["spec"]["predictor"]["containers"][0].update(image="other"),
        lambda o: o["spec"]["predictor"]["containers"][0]["env"].append({"name": "X", "value": "1"}),
        lambda o: o["metadata"].update(finalizers=[]),
        lambda o: o["metadata"].update(ownerReferences=[]),
        lambda o: o["metadata"]["labels"].pop("slipway.dev/revision"),
    ],
    ids=["replicas", "image", "env", "finalizer", "owner", "label"],
)
def test_a_live_service_that_differs_in_ours_does_not_agree(change: Any) -> None:
    live = copy.deepcopy(service())
    change(live)
    assert not service_agrees(live, service())


def test_under_orphan_an_owner_of_ours_is_a_difference() -> None:
    orphan = Identity("ns", "fraud", "uid-1", owned=False)
    wanted = http_route(orphan, GATEWAY, intent())
    assert "ownerReferences" not in wanted["metadata"]
    assert not route_agrees(http_route(ME, GATEWAY, intent()), wanted)


@pytest.mark.parametrize(
    ("left", "right"),
    [("0.5", "500m"), ("1", "1000m"), ("1Gi", "1024Mi"), ("1e3", "1k"), ("1.5G", "1500M"), ("2E", "2000P"), (2, "2")],
)
def test_quantities_are_numbers(left: Any, right: Any) -> None:
    assert quantity(left) == quantity(right) is not None


def test_no_quantity_is_none() -> None:
    assert quantity("much") is None


# the build

BUILD = Build(
    "models:/fraud/7", "sha256:ab", "reg:5000/ns/fraud", "base:1", "http://mlflow", "builder:1", plain_http="reg:5000"
)


def test_the_build_job_is_restricted_bounded_and_retries_only_what_passes() -> None:
    job = build_job(ME, BUILD)
    pod = job["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True
    assert job["spec"]["podFailurePolicy"]["rules"][1]["onExitCodes"]["values"] == [1]
    assert pod["restartPolicy"] == "Never"
    assert job["metadata"]["labels"] == job["spec"]["template"]["metadata"]["labels"]


def test_the_builder_is_called_as_it_is_documented() -> None:
    assert BUILD.arguments == [
        "--model-uri", "models:/fraud/7", "--expect-digest", "sha256:ab", "--repository", "reg:5000/ns/fraud",
        "--base-image", "base:1", "--tracking-uri", "http://mlflow", "--plain-http", "reg:5000",
    ]  # fmt: skip


def test_another_model_is_another_job() -> None:
    other = Build("models:/fraud/8", "sha256:cd", "reg:5000/ns/fraud", "base:1", "http://mlflow", "builder:1")
    assert other.job_name("fraud") != BUILD.job_name("fraud")
    assert len(BUILD.job_name("f" * 40)) <= 63


def test_credentials_reach_the_builder_by_reference_and_decide_about_the_job() -> None:
    push = KeyOf("SLIPWAY_DOCKER_CONFIG", "secretKeyRef", "push", ".dockerconfigjson")
    build = replace(BUILD, secrets=(push,), package_index="https://packages.example.com/simple")
    (container,) = build_job(ME, build)["spec"]["template"]["spec"]["containers"]
    wanted = {"name": "push", "key": ".dockerconfigjson"}
    assert {"name": "SLIPWAY_DOCKER_CONFIG", "valueFrom": {"secretKeyRef": wanted}} in container["env"]
    assert container["args"][-4:-2] == ["--package-index", "https://packages.example.com/simple"]
    names = {one.job_name("fraud") for one in (BUILD, build, replace(build, secrets=()))}
    assert len(names) == 3


def test_a_pull_secret_is_the_pods_and_is_absent_where_there_is_none() -> None:
    served = Served("0123456789", "1", "reg/fraud@sha256:ab", pull_secret="pull")
    assert json.loads(predictor_template(ME, served, Predictor()))["imagePullSecrets"] == [{"name": "pull"}]
    assert "imagePullSecrets" not in json.loads(predictor_template(ME, replace(served, pull_secret=""), Predictor()))
