"""The runtime against a real API server: one process."""

from __future__ import annotations

import itertools
import json
import random
import signal
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.controlplane.bench import WIDGETS, Audited, Write, eventually, running

pytestmark = pytest.mark.controlplane


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audited]:
    with Audited(tmp_path_factory.mktemp("audit")) as control_plane:
        control_plane.kubectl.apply(WIDGETS)
        control_plane.namespace("slipway-system")
        control_plane.kubectl.await_kinds("widgets.slipway.dev")
        yield control_plane


def but_the_lease(writes: list[Write]) -> list[Write]:
    return [write for write in writes if write.resource != "leases"]


def assert_climbs(writes: list[Write], namespace_widgets: set[str]) -> None:
    """No ConfigMap ever went back or skipped a step."""
    shown: defaultdict[str, list[int]] = defaultdict(list)
    for write in writes:
        if write.resource == "configmaps" and write.verb == "patch" and write.code < 300:
            shown[write.name].append(int(write.body["data"]["step"]))
    assert namespace_widgets <= set(shown)
    for name in namespace_widgets:
        steps = shown[name]
        assert all(after - before in (0, 1) for before, after in itertools.pairwise(steps)), (name, steps)


def told(plane: Audited, namespace: str) -> list[str]:
    """What Events say."""
    return sorted(each["message"] for each in plane.kubectl.get("events", "-n", namespace)["items"])


def test_it_climbs_and_then_writes_nothing(plane: Audited, tmp_path: Path) -> None:
    namespace = plane.namespace("steady")
    with running(plane.administrator("steady"), tmp_path, "steady", "--resync=2", f"--namespaces={namespace}") as tiny:
        plane.widgets(namespace, a={"steps": 3, "log": True}, b={"steps": 0})
        eventually(lambda: plane.steps(namespace) == {"a": 3, "b": 0})
        eventually(lambda: told(plane, namespace) == ["at step 1", "at step 2", "at step 3"])
        time.sleep(2)  # the events of the last writes come back
        so_far = len(plane.writes())
        time.sleep(10)  # five resyncs of every object
        new = plane.writes(so_far)
        assert but_the_lease(new) == []
        assert len(new) >= 10
        widget = plane.kubectl.get("widget", "a", "-n", namespace)
        assert set(widget["metadata"].get("annotations", {})) <= {"kubectl.kubernetes.io/last-applied-configuration"}
        assert "finalizers" not in widget["metadata"]
        assert "slipway_operator_leader 1.0" in tiny.url("/metrics")
        assert '"primed": true, "lease": true' in tiny.url("/readyz")
        assert tiny.stop() == 0
    holder = plane.kubectl.get("lease", "slipway-operator", "-n", "slipway-system")["spec"]["holderIdentity"]
    assert holder == "", "released"


def test_a_change_by_hand_is_put_back_and_a_lost_child_made_again(plane: Audited, tmp_path: Path) -> None:
    namespace = plane.namespace("drift")
    with running(plane.administrator("drift"), tmp_path, "drift", f"--namespaces={namespace}"):
        plane.widgets(namespace, a={"steps": 1, "data": {"colour": "red"}})
        eventually(lambda: plane.steps(namespace) == {"a": 1})
        plane.kubectl.run("patch", "configmap", "a", "-n", namespace, "-p", '{"data": {"colour": "blue"}}')
        colour = ("configmap", "a", "-n", namespace)
        eventually(lambda: plane.kubectl.get(*colour)["data"]["colour"] == "red")
        before = plane.kubectl.get(*colour)["metadata"]["uid"]
        plane.kubectl.run("delete", "configmap", "a", "-n", namespace)
        eventually(
            lambda: [m["metadata"]["uid"] for m in plane.kubectl.get("configmap", "-n", namespace)["items"]] != []
        )
        assert plane.kubectl.get(*colour)["metadata"]["uid"] != before


def test_killed_anywhere_it_ends_in_the_same_place(plane: Audited, tmp_path: Path) -> None:
    namespace = plane.namespace("killed")
    names = {f"w{number}" for number in range(6)}
    plane.widgets(namespace, **{name: {"steps": 25, "log": True, "fenced": True} for name in names})
    since, rng = len(plane.writes()), random.Random(3)
    config, kills = plane.administrator("killed"), 8
    for life in range(kills + 1):
        with running(config, tmp_path, f"life{life}", f"--namespaces={namespace}") as tiny:
            tiny.lead()
            if life < kills:
                time.sleep(rng.uniform(0.05, 0.8))
                tiny.send(signal.SIGKILL)
            else:
                eventually(lambda: set(plane.steps(namespace).values()) == {25})
                eventually(lambda: maps(plane, namespace) >= {f"{name}-{step}" for name in names for step in range(26)})
    assert_climbs(plane.writes(since), names)


def maps(plane: Audited, namespace: str) -> set[str]:
    """The names of the ConfigMaps there."""
    return {each["metadata"]["name"] for each in plane.kubectl.get("configmaps", "-n", namespace)["items"]}


def allowed(plane: Audited, user: str, *rules: tuple[str, str]) -> Path:
    """The kubeconfig of a user with these verbs on these resources and no more, also on kinds that are not there."""
    named = [(verbs, *each.partition(".")[::2]) for verbs, resources in rules for each in resources.split(",")]
    found = []
    for verbs, resource, group in named:
        group, _, part = group.partition("/")
        one = {"apiGroups": [group], "resources": [f"{resource}/{part}" if part else resource]}
        found.append({**one, "verbs": verbs.split(",")})
    api, meta = {"apiVersion": "rbac.authorization.k8s.io/v1"}, {"metadata": {"name": user}}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": user}
    subjects = [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}]
    for one in (
        {"kind": "ClusterRole", "rules": found},
        {"kind": "ClusterRoleBinding", "roleRef": role, "subjects": subjects},
    ):
        plane.kubectl.apply(json.dumps({**api, **meta, **one}))
    return plane.identity(user)


NOWHERES = WIDGETS.replace("widgets", "nowheres").replace("Widget", "Nowhere").replace("widget", "nowhere")
LEASES = ("get,create,update", "leases.coordination.k8s.io")


@pytest.mark.parametrize("told", [True, False], ids=["told-of-crds", "not-told"])
def test_a_kind_that_comes_later_is_watched_from_then_on(plane: Audited, tmp_path: Path, told: bool) -> None:
    """Also by an operator that hears nothing of CRDs: kopf's event of one may come before the kind is served."""
    config = plane.administrator("late")
    if not told:
        reads = "widgets.slipway.dev,nowheres.absent.slipway.dev,configmaps,namespaces"
        config = allowed(plane, "deaf", ("get,list,watch", reads), LEASES)
    with running(config, tmp_path, "late", "--resync=3") as tiny:
        tiny.lead()
        assert tiny.says("not served by this cluster, watched as soon as they are: Nowhere")
        assert '"kindsNotInstalled": "Nowhere"' in tiny.url("/readyz")
        plane.kubectl.apply(NOWHERES.replace("slipway.dev", "absent.slipway.dev").replace("v1alpha1", "v1"))
        plane.kubectl.await_kinds("nowheres.absent.slipway.dev")
        eventually(lambda: tiny.says("served now: Nowhere"))
        body = (
            "{apiVersion: absent.slipway.dev/v1, kind: Nowhere, metadata: {name: some, namespace: default}, spec: {}}"
        )
        plane.kubectl.apply(body)
        eventually(lambda: 'watch_events_total{kind="Nowhere"}' in tiny.url("/metrics"))
        assert tiny.stop() == 0
    plane.kubectl.run("delete", "crd", "nowheres.absent.slipway.dev")


def test_a_refusal_is_a_condition_without_a_hot_loop_and_heals(plane: Audited, tmp_path: Path) -> None:
    namespace = plane.namespace("refused")
    kubectl = plane.kubectl
    config = allowed(
        plane,
        "poor",
        ("*", "widgets.slipway.dev,widgets.slipway.dev/status"),
        ("get,list,watch", "namespaces,configmaps,customresourcedefinitions.apiextensions.k8s.io"),
        ("list,watch", "nowheres.absent.slipway.dev"),
        LEASES,
    )
    plane.widgets(namespace, a={"steps": 1})

    def conditions() -> list[dict[str, str]]:
        return list(kubectl.get("widget", "a", "-n", namespace).get("status", {}).get("conditions", []))

    with running(config, tmp_path, "poor", f"--namespaces={namespace}"):
        since = len(plane.writes())
        eventually(lambda: [each["reason"] for each in conditions()] == ["ApplyRefused"])
        time.sleep(5)
        assert 'cannot patch resource "configmaps"' in conditions()[0]["message"]
        assert len(but_the_lease(plane.writes(since))) < 12, "it backs off"
        kubectl.run("create", "clusterrole", "rich", "--verb=patch,create", "--resource=configmaps")
        kubectl.run("create", "clusterrolebinding", "rich", "--clusterrole=rich", "--user=poor")
        eventually(lambda: plane.steps(namespace) == {"a": 1})
        assert conditions() == []
