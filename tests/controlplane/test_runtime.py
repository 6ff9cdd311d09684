"""The runtime against a real API server: one process."""

from __future__ import annotations

import itertools
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
        control_plane.kubectl.run("wait", "--for=condition=Established", "crd/widgets.slipway.dev")
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


def test_it_climbs_and_then_writes_nothing(plane: Audited, tmp_path: Path) -> None:
    namespace = plane.namespace("steady")
    with running(plane.administrator("steady"), tmp_path, "steady", "--resync=2", f"--namespaces={namespace}") as tiny:
        plane.widgets(namespace, a={"steps": 3, "log": True}, b={"steps": 0})
        eventually(lambda: plane.steps(namespace) == {"a": 3, "b": 0})
        time.sleep(2)  # the events of the last writes come back
        so_far = len(plane.writes())
        time.sleep(10)  # five resyncs of every object
        new = plane.writes(so_far)
        assert but_the_lease(new) == []
        assert len(new) >= 10
        widget = plane.kubectl.get("widget", "a", "-n", namespace)
        assert set(widget["metadata"].get("annotations", {})) <= {"kubectl.kubernetes.io/last-applied-configuration"}
        assert "finalizers" not in widget["metadata"]
        events = plane.kubectl.get("events", "-n", namespace)["items"]
        assert sorted(each["message"] for each in events) == ["at step 1", "at step 2", "at step 3"]
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
    config, kills = plane.administrator("killed"), 0
    while kills < 8 or set(plane.steps(namespace).values()) != {25}:
        with running(config, tmp_path, f"life{kills}", f"--namespaces={namespace}") as tiny:
            tiny.lead()
            if kills < 8:
                time.sleep(rng.uniform(0.05, 0.8))
                tiny.send(signal.SIGKILL)
                kills += 1
            else:
                eventually(lambda: set(plane.steps(namespace).values()) == {25}, 60)
                time.sleep(1)
    assert_climbs(plane.writes(since), names)
    maps = {each["metadata"]["name"] for each in plane.kubectl.get("configmaps", "-n", namespace)["items"]}
    assert maps >= {f"{name}-{step}" for name in names for step in range(26)}


def test_a_kind_that_comes_later_is_watched_from_then_on(plane: Audited, tmp_path: Path) -> None:
    with running(plane.administrator("late"), tmp_path, "late", "--resync=3") as tiny:
        tiny.lead()
        assert tiny.says("not served by this cluster, watched as soon as they are: Nowhere")
        assert '"kindsNotInstalled": "Nowhere"' in tiny.url("/readyz")
        later = WIDGETS.replace("widgets", "nowheres").replace("Widget", "Nowhere").replace("widget", "nowhere")
        plane.kubectl.apply(later.replace("slipway.dev", "absent.slipway.dev").replace("v1alpha1", "v1"))
        plane.kubectl.run("wait", "--for=condition=Established", "crd/nowheres.absent.slipway.dev")
        eventually(lambda: tiny.says("served now: Nowhere"), 30)
        body = (
            "{apiVersion: absent.slipway.dev/v1, kind: Nowhere, metadata: {name: some, namespace: default}, spec: {}}"
        )
        plane.kubectl.apply(body)
        eventually(lambda: 'watch_events_total{kind="Nowhere"} 1.0' in tiny.url("/metrics"))
        assert tiny.stop() == 0
    plane.kubectl.run("delete", "crd", "nowheres.absent.slipway.dev")


def test_a_refusal_is_a_condition_without_a_hot_loop_and_heals(plane: Audited, tmp_path: Path) -> None:
    namespace = plane.namespace("refused")
    config = plane.identity("poor")
    kubectl = plane.kubectl
    kubectl.run(
        "create", "clusterrole", "poor", "--verb=*", "--resource=widgets.slipway.dev,widgets.slipway.dev/status"
    )
    kubectl.run("create", "clusterrolebinding", "poor", "--clusterrole=poor", "--user=poor")
    for name, verbs, resource in (
        ("reads", "get,list,watch", "namespaces,configmaps,customresourcedefinitions.apiextensions.k8s.io"),
        ("lists", "list,watch", "nowheres.absent.slipway.dev"),
        ("leases", "get,create,update", "leases.coordination.k8s.io"),
    ):
        kubectl.run("create", "clusterrole", f"poor-{name}", f"--verb={verbs}", f"--resource={resource}")
        kubectl.run("create", "clusterrolebinding", f"poor-{name}", f"--clusterrole=poor-{name}", "--user=poor")
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
        eventually(lambda: plane.steps(namespace) == {"a": 1}, 60)
        assert conditions() == []
