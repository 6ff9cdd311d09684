"""RolloutRequests: the API server itself checks who asks, and whether they may."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cluster.errors import ClusterError
from tests.controlplane.charted import Release, eventually, rollout

pytest_plugins = ("tests.controlplane.chart_fixtures",)
pytestmark = pytest.mark.controlplane


def request_by(requester: str, action: str, kind: str = "ModelRollout", **spec: Any) -> str:
    """A RolloutRequest for the rollout card-fraud, as JSON."""
    target = {"kind": kind, "name": "card-fraud"}
    fields = {"target": target, "action": action, "requester": requester, "reason": "complaints from Milan", **spec}
    manifest = {
        "apiVersion": "slipway.dev/v1alpha1",
        "kind": "RolloutRequest",
        "metadata": {"generateName": "request-", "namespace": "default"},
        "spec": fields,
    }
    return json.dumps(manifest)


@pytest.fixture(scope="module")
def people(released: Release) -> Release:
    """ada edits, rita approves for the group risk."""
    bind = ("create", "rolebinding", "-n", "default")
    released.kubectl(*bind, "ada-edits", "--clusterrole=slipway-edit", "--user=ada")
    released.kubectl(*bind, "risk-approves", "--clusterrole=slipway-approve", "--group=risk")

    def ready() -> None:  # the policy is compiled a moment after it was created
        with pytest.raises(ClusterError, match="is not the caller"):
            released.as_user("ada", (), "create", "-f", "-", stdin=request_by("eve", "Abort"))

    eventually(ready)
    return released


def ask(people: Release, user: str, request: str, groups: tuple[str, ...] = ()) -> str:
    """Creates the request as the user."""
    return people.as_user(user, groups, "create", "-f", "-", stdin=request)


def test_who_may_abort_asks_in_their_own_name(people: Release) -> None:
    assert "created" in ask(people, "ada", request_by("ada", "Abort"))
    assert "created" in ask(people, "ada", request_by("ada", "Unfreeze", "RetrainPolicy"))


def test_nobody_asks_in_the_name_of_another(people: Release) -> None:
    with pytest.raises(ClusterError, match=r'spec.requester: "eve" is not the caller; write "ada"'):
        ask(people, "ada", request_by("eve", "Abort"))


def test_groups_are_the_callers(people: Release) -> None:
    with pytest.raises(ClusterError, match=r"spec.groups"):
        ask(people, "ada", request_by("ada", "Abort", groups=["risk"]))
    assert "created" in ask(people, "rita", request_by("rita", "Approve", groups=["risk"], revision="7f3c"), ("risk",))


def test_the_action_is_a_right(people: Release) -> None:
    with pytest.raises(ClusterError, match=r'"ada" may not approve modelrollouts "card-fraud"'):
        ask(people, "ada", request_by("ada", "Approve", revision="7f3c"))
    with pytest.raises(ClusterError, match=r'"rita" may not promote modelrollouts'):
        ask(people, "rita", request_by("rita", "Promote", revision="7f3c"), ("risk",))


def rollout_as(account: str) -> str:
    """A ModelRollout whose pods run as this ServiceAccount, as JSON."""
    made = rollout("default", "accounts")
    return json.dumps(made | {"spec": made["spec"] | {"predictor": {"serviceAccountName": account}}})


def test_nobody_gets_an_account_that_they_could_not_give_to_a_pod(people: Release) -> None:
    """zoe writes rollouts and no pods; bea may create pods, max may use one account."""
    for user in ("zoe", "bea", "max"):
        for role in ("view", "edit"):
            binding = (
                "rolebinding",
                "-n",
                "default",
                f"{user}-{role}s",
                f"--clusterrole=slipway-{role}",
                f"--user={user}",
            )
            people.kubectl("create", *binding)
    use = {"apiGroups": [""], "resources": ["serviceaccounts"], "resourceNames": ["lake-reader"], "verbs": ["use"]}
    for user, rule in (("bea", {"apiGroups": [""], "resources": ["pods"], "verbs": ["create"]}), ("max", use)):
        meta = {"name": f"{user}-more", "namespace": "default"}
        role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": meta, "rules": [rule]}
        people.create(role)  # kubectl's own word for it knows no verb `use` of a ServiceAccount
        people.kubectl(
            "create", "rolebinding", "-n", "default", f"{user}-more", f"--role={user}-more", f"--user={user}"
        )

    def refused(user: str, account: str) -> None:
        with pytest.raises(
            ClusterError, match=rf'"{user}" may neither create pods .* nor use serviceaccounts "{account}"'
        ):
            people.as_user(user, (), "create", "--dry-run=server", "-f", "-", stdin=rollout_as(account))

    eventually(lambda: refused("zoe", "lake-reader"))
    refused("max", "default")
    for user in ("bea", "max"):
        people.as_user(user, (), "create", "--dry-run=server", "-f", "-", stdin=rollout_as("lake-reader"))
    people.kubectl("create", "-f", "-", stdin=rollout_as("lake-reader"))
    taken = '{"spec": {"progressDeadline": "3h"}}'
    people.as_user("zoe", (), "patch", "modelrollout", "accounts", "-n", "default", "--type=merge", "-p", taken)
    other = '{"spec": {"predictor": {"serviceAccountName": "admin"}}}'
    with pytest.raises(ClusterError, match="may neither create pods"):
        people.as_user("zoe", (), "patch", "modelrollout", "accounts", "-n", "default", "--type=merge", "-p", other)
