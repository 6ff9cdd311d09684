"""Who may do what, as the API server answers it."""

from __future__ import annotations

import json

import pytest

from tests.cluster.errors import ClusterError
from tests.controlplane.charted import NAMESPACE, OPERATOR, Release, eventually, rollout

pytest_plugins = ("tests.controlplane.chart_fixtures",)
pytestmark = pytest.mark.controlplane

# verb, resource, namespace ("" for all of them), whether the operator may
OPERATORS_RIGHTS = (
    ("watch", "modelrollouts.slipway.dev", "", True),
    ("patch", "modelrollouts.slipway.dev", "team-a", True),
    ("update", "modelrollouts.slipway.dev/status", "team-a", True),
    ("update", "modeltasks.slipway.dev/status", "team-a", True),
    ("update", "trainingruns.slipway.dev/status", "team-a", True),
    ("update", "retrainpolicies.slipway.dev/status", "team-a", True),
    ("update", "rolloutrequests.slipway.dev/status", "team-a", True),
    ("update", "metrictemplates.slipway.dev/status", "", True),
    ("create", "trainingruns.slipway.dev", "team-a", True),
    ("delete", "trainingruns.slipway.dev", "team-a", True),
    ("watch", "rolloutrequests.slipway.dev", "", True),
    ("delete", "rolloutrequests.slipway.dev", "team-a", True),
    ("watch", "metrictemplates.slipway.dev", "", True),
    ("patch", "inferenceservices.serving.kserve.io", "team-a", True),
    ("delete", "inferenceservices.serving.kserve.io", "team-a", True),
    ("watch", "networkpolicies.networking.k8s.io", "", True),
    ("patch", "networkpolicies.networking.k8s.io", "team-a", True),
    ("delete", "networkpolicies.networking.k8s.io", "team-a", True),
    ("update", "networkpolicies.networking.k8s.io", "team-a", False),
    ("patch", "httproutes.gateway.networking.k8s.io", "team-a", True),
    ("create", "jobs.batch", "team-a", True),
    ("watch", "pods", "", True),
    ("watch", "endpointslices.discovery.k8s.io", "", True),
    ("create", "events", "team-a", True),
    ("create", "leases.coordination.k8s.io", NAMESPACE, True),
    ("update", "leases.coordination.k8s.io/slipway-operator", NAMESPACE, True),
    ("update", "leases.coordination.k8s.io/another", NAMESPACE, False),
    ("create", "leases.coordination.k8s.io", "team-a", False),
    ("create", "modelrollouts.slipway.dev", "team-a", False),
    ("delete", "modelrollouts.slipway.dev", "team-a", False),
    ("update", "modeltasks.slipway.dev", "team-a", False),
    ("create", "rolloutrequests.slipway.dev", "team-a", False),
    ("update", "rolloutrequests.slipway.dev", "team-a", False),
    ("patch", "rolloutrequests.slipway.dev", "team-a", False),
    ("patch", "rolloutrequests.slipway.dev/status", "team-a", False),
    ("patch", "modelrollouts.slipway.dev/status", "team-a", False),
    ("patch", "metrictemplates.slipway.dev", "", False),
    ("update", "metrictemplates.slipway.dev", "", False),
    ("delete", "metrictemplates.slipway.dev", "", False),
    ("patch", "metrictemplates.slipway.dev/status", "", False),
    ("get", "secrets", "team-a", True),
    ("list", "secrets", "team-a", False),
    ("watch", "secrets", "", False),
    ("create", "secrets", NAMESPACE, False),
    ("update", "secrets", "team-a", False),
    ("patch", "secrets", "team-a", False),
    ("delete", "secrets", "team-a", False),
    ("create", "configmaps", "team-a", True),
    ("get", "configmaps", "team-a", True),
    ("patch", "configmaps", "team-a", True),
    ("delete", "configmaps", "team-a", True),
    ("list", "configmaps", "team-a", False),
    ("watch", "configmaps", "", False),
    ("update", "configmaps", "team-a", False),
    ("create", "pods", "team-a", False),
    ("delete", "pods", "team-a", False),
    ("create", "pods/exec", "team-a", False),
    ("patch", "deployments.apps", "team-a", False),
    ("patch", "services", "team-a", False),
    ("create", "roles.rbac.authorization.k8s.io", "team-a", False),
    ("patch", "customresourcedefinitions.apiextensions.k8s.io", "", False),
    ("patch", "validatingwebhookconfigurations.admissionregistration.k8s.io", "", False),
    ("get", "nodes", "", False),
)


def may(release: Release, user: str, verb: str, resource: str, namespace: str) -> bool:
    """What a SubjectAccessReview answers."""
    resource, _, rest = resource.partition("/")
    plural, _, group = resource.partition(".")
    attributes = {"verb": verb, "group": group, "resource": plural, "namespace": namespace}
    attributes |= {"name": rest} if plural == "leases" else {"subresource": rest}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": user, "groups": ["system:authenticated"], "resourceAttributes": attributes},
    }
    answer = release.kubectl("create", "-f", "-", "-o", "json", stdin=json.dumps(review))
    return bool(json.loads(answer)["status"]["allowed"])


def test_the_operator_may_do_its_work_and_nothing_else(released: Release) -> None:
    eventually(lambda: _expect(released, OPERATORS_RIGHTS[0]))
    wrong = [row for row in OPERATORS_RIGHTS if may(released, OPERATOR, *row[:3]) != row[3]]
    assert wrong == []


def _expect(release: Release, row: tuple[str, str, str, bool]) -> None:
    assert may(release, OPERATOR, *row[:3]) == row[3]


def test_the_operator_cannot_write_a_spec(released: Release) -> None:
    released.create(rollout("default", "untouched"))
    patch = ("patch", "modelrollout", "untouched", "--type=merge")

    def refused() -> None:
        with pytest.raises(ClusterError, match="the operator never writes a spec"):
            released.as_user(OPERATOR, (), *patch, "-p", '{"spec": {"paused": true}}')

    eventually(refused)
    released.as_user(OPERATOR, (), *patch, "-p", '{"metadata": {"finalizers": ["slipway.dev/traffic"]}}')
    released.kubectl(*patch, "-p", '{"spec": {"paused": true}, "metadata": {"finalizers": null}}')
    released.kubectl("delete", "modelrollout", "untouched")


@pytest.mark.parametrize(
    ("role", "verb", "resource", "expected"),
    [
        ("view", "get", "modelrollouts", True),
        ("view", "create", "modelrollouts", False),
        ("view", "create", "rolloutrequests", False),
        ("edit", "create", "modelrollouts", True),
        ("edit", "create", "rolloutrequests", True),
        ("edit", "update", "rolloutrequests", False),
        ("edit", "abort", "modelrollouts", True),
        ("edit", "approve", "modelrollouts", False),
        ("approve", "approve", "modelrollouts", True),
        ("approve", "promote", "modelrollouts", False),
    ],
)
def test_roles_for_people(released: Release, role: str, verb: str, resource: str, expected: bool) -> None:
    if f"rolebinding.rbac.authorization.k8s.io/{role}" not in released.kubectl("get", "rolebinding", "-o", "name"):
        released.kubectl("create", "rolebinding", role, f"--clusterrole=slipway-{role}", f"--user={role}")
    eventually(lambda: _person(released, role, verb, resource, expected))


def _person(release: Release, user: str, verb: str, resource: str, expected: bool) -> None:
    assert may(release, user, verb, f"{resource}.slipway.dev", "default") is expected


def test_the_built_in_roles_cover_them(released: Release) -> None:
    labels = {
        each["metadata"]["name"]: set(each["metadata"]["labels"])
        for each in released.get("clusterrole", "-l", "app.kubernetes.io/part-of=slipway")["items"]
    }
    prefix = "rbac.authorization.k8s.io/aggregate-to-"
    assert f"{prefix}view" in labels["slipway-view"]
    assert {f"{prefix}edit", f"{prefix}admin"} <= labels["slipway-edit"]
    assert f"{prefix}admin" in labels["slipway-approve"]
    assert f"{prefix}edit" not in labels["slipway-approve"]
