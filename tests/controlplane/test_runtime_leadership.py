"""Two processes, one leader."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.controlplane.bench import WIDGETS, Audited, Operator, eventually, running

pytestmark = pytest.mark.controlplane


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audited]:
    with Audited(tmp_path_factory.mktemp("audit")) as control_plane:
        control_plane.kubectl.apply(WIDGETS)
        control_plane.namespace("slipway-system")
        control_plane.kubectl.await_kinds("widgets.slipway.dev")
        yield control_plane


def test_a_leader_that_slept_changes_nothing_when_it_wakes(plane: Audited, tmp_path: Path) -> None:
    namespace = plane.namespace("sleeper")
    names = [f"w{number}" for number in range(8)]
    a_config, b_config = plane.administrator("sleeper-a"), plane.administrator("sleeper-b")
    with running(a_config, tmp_path, "a") as a:
        a.lead()
        with running(b_config, tmp_path, "b") as b:
            eventually(lambda: '"lease": true' in b.url("/readyz"))
            plane.widgets(namespace, **{name: {"steps": 400, "log": True, "fenced": True} for name in names})
            eventually(lambda: min(plane.steps(namespace).values()) > 3)
            a.send(signal.SIGSTOP)  # in the midst of its writes
            b.lead()
            eventually(lambda: min(plane.steps(namespace).values()) > 20)
            since = len(plane.writes())
            a.send(signal.SIGCONT)
            assert a.process.wait(10) == 70
            time.sleep(1)
            later = [write for write in plane.writes(since) if write.user == "sleeper-a"]
            assert [write for write in later if write.code < 300 and write.resource != "events"] == []
            # The lease has a thread and a client of its own.
            sent = [write for write in later if write.resource != "leases"]
            assert len(sent) <= 1, "at most what lay between its last check and the kernel as the process stopped"
            assert b.process.poll() is None
            shown = [
                int(write.body["data"]["step"])
                for write in plane.writes()
                if write.resource == "configmaps" and write.verb == "patch" and write.name == "w0" and write.code < 300
            ]
            assert shown == sorted(shown), "no weight went back"


def test_a_killed_leader_is_followed_once_its_lease_has_run_out(plane: Audited, tmp_path: Path) -> None:
    with pair(plane, tmp_path) as (leader, heir):
        leader.send(signal.SIGKILL)
        began = time.monotonic()
        heir.lead()
        assert time.monotonic() - began > 2.0


def test_a_stopped_leader_is_followed_at_once(plane: Audited, tmp_path: Path) -> None:
    """Its Lease would last so long that no busy machine can be taken for it; the heir gives it back to later tests."""
    lasting = 90
    with pair(plane, tmp_path, f"--lease-duration={lasting}", "--lease-renew-deadline=60") as (leader, heir):
        time.sleep(1)
        assert not heir.says("leading as")
        began = time.monotonic()
        assert leader.stop() == 0
        heir.lead()
        assert time.monotonic() - began < lasting / 3
        assert heir.stop() == 0


@contextmanager
def pair(plane: Audited, tmp_path: Path, *flags: str) -> Iterator[tuple[Operator, Operator]]:
    """The one that leads, and the other, which is ready to."""
    config = plane.administrator("heir")
    with running(config, tmp_path, "first", *flags) as first, running(config, tmp_path, "second", *flags) as second:
        eventually(lambda: first.says("leading as") or second.says("leading as"))
        leader, heir = (first, second) if first.says("leading as") else (second, first)
        eventually(lambda: heir.says("primed"))
        yield leader, heir


def test_an_api_server_that_is_away_ends_the_leader_and_nothing_is_lost(plane: Audited, tmp_path: Path) -> None:
    namespace = plane.namespace("outage")
    config = plane.administrator("outage")
    plane.widgets(namespace, **{f"w{number}": {"steps": 30, "log": True} for number in range(4)})
    with running(config, tmp_path, "before") as before:
        before.lead()
        eventually(lambda: min(plane.steps(namespace).values()) > 1)
        plane.freeze(signal.SIGSTOP)
        try:
            assert before.process.wait(10) == 70, "before its lease can be another's"
            with running(config, tmp_path, "after") as after:  # as the kubelet would start it again
                time.sleep(5)
                assert after.process.poll() is None
                plane.freeze(signal.SIGCONT)
                eventually(lambda: set(plane.steps(namespace).values()) == {30})
                assert after.stop() == 0
        finally:
            plane.freeze(signal.SIGCONT)


def test_followers_are_ready_and_do_not_write(plane: Audited, tmp_path: Path) -> None:
    namespace = plane.namespace("follower")
    with running(plane.administrator("leads"), tmp_path, "leads") as leader:
        leader.lead()
        with running(plane.administrator("follows"), tmp_path, "follows") as follower:
            eventually(lambda: follower.says("primed"))
            plane.widgets(namespace, a={"steps": 3})
            eventually(lambda: plane.steps(namespace) == {"a": 3})
            assert '"primed": true, "lease": true' in follower.url("/readyz")
            assert [write for write in plane.writes() if write.user == "follows" and write.code < 300] == []


def test_five_hundred_objects_fit_in_memory(plane: Audited, tmp_path: Path) -> None:
    namespace = plane.namespace("many")
    padding = {f"field{number}": "x" * 60 for number in range(50)}  # about 4 KB, as a rollout with its stages
    items = [
        {
            "apiVersion": "slipway.dev/v1alpha1",
            "kind": "Widget",
            "metadata": {"name": f"w{number}", "namespace": namespace},
            "spec": {"steps": 0, "data": padding},
        }
        for number in range(500)
    ]
    plane.kubectl.apply(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    with running(plane.administrator("many"), tmp_path, "many", "--resync=10", f"--namespaces={namespace}") as operator:
        eventually(lambda: set(plane.steps(namespace).values()) == {0}, 120)
        assert "slipway_operator_objects 1000.0" in operator.url("/metrics")
        time.sleep(13)  # a resync and a sweep
        print(f"resident: {operator.resident():.0f} MiB")
        assert operator.resident() < 130
