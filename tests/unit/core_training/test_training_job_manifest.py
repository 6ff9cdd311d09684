"""The manifest of the training Job."""

from __future__ import annotations

import json
from typing import Any

import pytest
from slipway.api.v1alpha1.references import ResourceRequirements
from slipway.api.v1alpha1.task_label import Label
from slipway.api.v1alpha1.training_data import Data
from slipway.api.v1alpha1.training_trainer import FunctionTrainer
from slipway.core.desired.data_access import DataAccess
from slipway.core.desired.key_of import mlflow_login
from slipway.core.desired.training_job import Attempt, job_name, training_job


def access(label: Any = None, **data: Any) -> DataAccess:
    sources = [{"name": "open", "uri": "https://a/b.csv"}]
    return DataAccess(
        Data.model_validate({"sources": sources, **data}), Label.model_validate({"column": "y", **(label or {})})
    )


def attempt(**changes: Any) -> Attempt:
    base: dict[str, Any] = {
        "namespace": "team", "name": "run", "uid": "u", "task": {"goal": "g"}, "spec": {"seed": 7},
        "image": "pipelines@sha256:1", "tracking_uri": "http://mlflow:5000", "access": access(), "task_uid": "t",
    }  # fmt: skip
    return Attempt(**{**base, **changes})


def container(made: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = made["spec"]["template"]["spec"]["containers"][0]
    return found


def test_the_pod_is_restricted_and_has_no_token() -> None:
    pod = training_job(attempt())["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    context = pod["containers"][0]["securityContext"]
    assert context == {
        "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
    }  # fmt: skip


def test_a_fault_of_the_data_is_final_and_others_are_tried_again() -> None:
    spec = training_job(attempt())["spec"]
    assert sum(10 * 2**attempt for attempt in range(spec["backoffLimit"])) > 600, (
        "an outage of ten minutes is outlasted"
    )
    evicted, final = spec["podFailurePolicy"]["rules"]
    assert (final["action"], final["onExitCodes"]["values"]) == ("FailJob", [1, 137])
    assert final["onExitCodes"]["containerName"] == container(training_job(attempt()))["name"]
    assert evicted["action"] == "Ignore"


def test_the_request_and_its_place_are_handed_over() -> None:
    made = training_job(attempt())
    environment = {each["name"]: each["value"] for each in container(made)["env"] if "value" in each}
    assert json.loads(environment["SLIPWAY_TRAINING"]) == {
        "name": "run", "namespace": "team", "uid": "u", "task": {"goal": "g"}, "spec": {"seed": 7}, "taskUid": "t",
        "pods": 1,
        "image": "pipelines@sha256:1",
    }  # fmt: skip
    assert environment["MLFLOW_TRACKING_URI"] == "http://mlflow:5000"
    labels = {
        "app.kubernetes.io/managed-by": "slipway",
        "slipway.dev/trainingrun": "run",
        "slipway.dev/job": "run-train",
    }
    assert made["metadata"]["labels"] == made["spec"]["template"]["metadata"]["labels"] == labels
    assert made["metadata"]["ownerReferences"][0]["uid"] == "u"


def test_a_login_comes_from_the_secret_that_the_installation_names() -> None:
    variables = {each["name"]: each for each in container(training_job(attempt(login=mlflow_login("mlflow"))))["env"]}
    for name, key in (("MLFLOW_TRACKING_USERNAME", "username"), ("MLFLOW_TRACKING_PASSWORD", "password")):
        assert variables[name]["valueFrom"] == {"secretKeyRef": {"name": "mlflow", "key": key}}
    assert mlflow_login("") == ()


def test_the_longest_name_of_a_run_gives_a_legal_name_of_a_pod_label() -> None:
    assert len(job_name("r" * 52)) <= 63


@pytest.mark.parametrize(
    ("wanted", "requests", "limits"),
    [
        (None, {"cpu": "50m", "memory": "256Mi"}, {"memory": "2Gi"}),
        ({"requests": {"cpu": "1"}}, {"cpu": "1", "memory": "256Mi"}, {"memory": "2Gi"}),
        ({"limits": {"memory": "128Mi"}}, {"cpu": "50m"}, {"memory": "128Mi"}),
        ({"requests": {"memory": "4Gi"}}, {"cpu": "50m", "memory": "4Gi"}, {}),
        (
            {"limits": {"nvidia.com/gpu": 1}},
            {"cpu": "50m", "memory": "256Mi"},
            {"memory": "2Gi", "nvidia.com/gpu": "1"},
        ),
    ],
)
def test_defaults_never_contradict_the_users_figures(wanted: Any, requests: Any, limits: Any) -> None:
    resources = ResourceRequirements.model_validate(wanted) if wanted else None
    assert container(training_job(attempt(resources=resources)))["resources"] == {
        "requests": requests,
        "limits": limits,
    }


def test_secrets_of_sources_and_the_contract_are_variables_of_the_pod() -> None:
    lake = {"name": "lake", "uri": "s3://lake/*.parquet", "secretRef": {"name": "keys"}}
    warehouse = {"name": "db", "sql": {"secretRef": {"name": "warehouse"}, "query": "select 1"}}
    quality = {"contract": {"configMapRef": {"name": "rows"}}}
    sources = [{"name": "open", "uri": "https://a/b.csv"}, lake, warehouse]
    late = {"source": {"sql": {"secretRef": {"name": "late"}, "query": "select 2", "key": "id"}}}
    made = container(training_job(attempt(access=access(late, sources=sources, quality=quality))))
    assert made["envFrom"] == [{"prefix": "SLIPWAY_SOURCE_1_", "secretRef": {"name": "keys"}}]
    referred = {one["name"]: one["valueFrom"] for one in made["env"] if "valueFrom" in one}
    assert referred.pop("OMP_NUM_THREADS")["resourceFieldRef"]["resource"] == "requests.cpu"
    assert referred == {
        "SLIPWAY_SOURCE_2_url": {"secretKeyRef": {"name": "warehouse", "key": "url"}},
        "SLIPWAY_LABELS_url": {"secretKeyRef": {"name": "late", "key": "url"}},
        "SLIPWAY_CONTRACT": {"configMapKeyRef": {"name": "rows", "key": "schema.yaml"}},
    }
    assert "envFrom" not in container(training_job(attempt()))


def test_the_workspace_is_a_volume_and_its_place_a_variable() -> None:
    scratch = {"persistentVolumeClaim": {"claimName": "scratch"}}
    made = training_job(attempt(access=access(workspace=scratch)))
    volumes = made["spec"]["template"]["spec"]["volumes"]
    assert volumes[1] == {"name": "workspace", "persistentVolumeClaim": {"claimName": "scratch"}}
    assert container(made)["volumeMounts"][1] == {"name": "workspace", "mountPath": "/workspace"}
    assert {"name": "SLIPWAY_WORKSPACE", "value": "/workspace"} in container(made)["env"]
    assert len(training_job(attempt())["spec"]["template"]["spec"]["volumes"]) == 1


GIT = {"url": "https://git.example.com/fraud.git", "commit": "3f2c1ab", "secretRef": {"name": "git"}}


def function_pod(git: Any = None, **changes: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Its containers: the one that fetches, the one that runs the code, the one that has the rows."""
    trainer = FunctionTrainer.model_validate({"entrypoint": "fraud.training:build", "git": {**GIT, **(git or {})}})
    pod = training_job(attempt(function=trainer, **changes))["spec"]["template"]["spec"]
    fetch, function = pod["initContainers"]
    return fetch, function, pod["containers"][0]


def secrets(container: dict[str, Any]) -> set[str]:
    """The Secrets that a container gets keys of."""
    of_groups = {one["secretRef"]["name"] for one in container.get("envFrom") or ()}
    keys = (one.get("valueFrom", {}).get("secretKeyRef") for one in container["env"])
    return of_groups | {one["name"] for one in keys if one}


def test_code_of_the_users_meets_no_credential_and_no_volume_with_rows() -> None:
    lake = {"name": "lake", "uri": "s3://lake/*.parquet", "secretRef": {"name": "keys"}}
    scratch = {"persistentVolumeClaim": {"claimName": "scratch"}}
    data = access(sources=[lake], workspace=scratch)
    fetch, function, train = function_pod(access=data, login=mlflow_login("mlflow"))
    assert (secrets(fetch), secrets(function), secrets(train)) == ({"git"}, set(), {"keys", "mlflow"})
    volumes = [{one["name"] for one in each["volumeMounts"]} for each in (fetch, function, train)]
    assert volumes[1] & volumes[2] == {"code", "exchange"}
    assert volumes[1] & volumes[0] == {"code"}
    assert all(
        one.get("readOnly") for each in (function, train) for one in each["volumeMounts"] if one["name"] == "code"
    )
    assert "MLFLOW_TRACKING_URI" not in {one["name"] for one in function["env"]}


def test_the_containers_of_a_function_are_confined_and_the_one_of_the_code_ends_with_the_other() -> None:
    fetch, function, train = function_pod()
    assert fetch["securityContext"] == function["securityContext"] == train["securityContext"]
    assert function["restartPolicy"] == "Always"
    assert "restartPolicy" not in fetch


def test_a_commit_that_is_not_there_ends_the_job_at_once() -> None:
    trainer = FunctionTrainer.model_validate({"entrypoint": "a:b", "git": GIT})
    rules = training_job(attempt(function=trainer))["spec"]["podFailurePolicy"]["rules"]
    final = {rule["onExitCodes"]["containerName"]: rule["onExitCodes"]["values"] for rule in rules[1:]}
    assert final == {"train": [1, 137], "fetch": [1, 137]}


def test_the_fit_gets_the_users_resources_and_the_rows_as_much_memory() -> None:
    wanted = ResourceRequirements.model_validate(
        {"requests": {"cpu": "2"}, "limits": {"memory": "4Gi", "nvidia.com/gpu": "1"}}
    )
    _, function, train = function_pod(resources=wanted)
    assert function["resources"] == {"requests": {"cpu": "2"}, "limits": {"memory": "4Gi", "nvidia.com/gpu": "1"}}
    assert train["resources"] == {"requests": {"cpu": "50m"}, "limits": {"memory": "4Gi"}}
    threads = next(one for one in function["env"] if one["name"] == "OMP_NUM_THREADS")
    assert threads["valueFrom"]["resourceFieldRef"]["containerName"] == function["name"]


def test_a_difference_is_mounted_where_it_is_applied() -> None:
    digest = f"sha256:{'4' * 64}"
    fetch, function, _ = function_pod({"difference": {"configMapRef": {"name": "run-difference"}, "digest": digest}})
    wanted = next(json.loads(one["value"]) for one in fetch["env"] if one["name"] == "SLIPWAY_CODE_WANTED")
    assert wanted["difference"] == {"digest": digest}
    assert "difference" in {one["name"] for one in fetch["volumeMounts"]}
    assert "difference" not in {one["name"] for one in function["volumeMounts"]}
