"""Places, lock, preflight, progress: what is asked of the machine, and what is said of it."""

from __future__ import annotations

import io
import multiprocessing
import os
import socket
import subprocess
from pathlib import Path

import pytest

from tests.cluster import addresses, down, preflight
from tests.cluster.errors import ClusterError
from tests.cluster.lock import exclusive
from tests.cluster.packages import remove_killed_policy, services_stay_off
from tests.cluster.places import Places, cache_directory, given_kubeconfig
from tests.cluster.processes import Processes
from tests.cluster.progress import Progress
from tests.cluster.provider import require_embedded
from tests.demo import settings

ROOT = Path(__file__).parents[3]


def test_the_cache_is_where_the_environments_are(tmp_path: Path) -> None:
    assert cache_directory({"SLIPWAY_CACHE": str(tmp_path)}) == tmp_path
    assert cache_directory({"XDG_CACHE_HOME": str(tmp_path), "HOME": "/x"}) == tmp_path / "slipway"
    assert cache_directory({"HOME": "/home/ann"}) == Path("/home/ann/.cache/slipway")


@pytest.mark.parametrize("env", [{"SLIPWAY_CACHE": "/c"}, {"XDG_CACHE_HOME": "/x", "HOME": "/h"}, {"HOME": "/h"}])
def test_the_script_that_makes_environments_knows_the_same_directory(env: dict[str, str]) -> None:
    script = (ROOT / "requirements" / "environment.sh").read_text()
    (line,) = [line for line in script.splitlines() if line.startswith("cache=")]
    told = subprocess.run(["sh", "-c", f'{line}; echo "$cache"'], env=env, capture_output=True, text=True, check=True)
    assert Path(told.stdout.strip()) == cache_directory(env)


def test_a_killed_installation_does_not_keep_services_from_starting(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    killed = services_stay_off(policy)
    killed.__enter__()
    assert "exit 101" in policy.read_text()
    remove_killed_policy(policy)
    assert not policy.exists()
    policy.write_text("#!/bin/sh\nexit 101\n")
    with services_stay_off(policy):
        pass
    assert policy.exists(), "it is somebody's own"


def test_the_lock_outlives_the_state() -> None:
    places = Places.of_environment({"SLIPWAY_CLUSTER_STATE": "/var/lib/x", "HOME": "/root"})
    assert places.state not in places.lock.parents


def test_both_ways_are_named_where_there_is_no_cluster() -> None:
    for system, user in (("Darwin", 0), ("Linux", 1000)):
        with pytest.raises(ClusterError, match=r"(?s)KUBECONFIG.*root"):
            require_embedded(system, user)
    require_embedded("Linux", 0)


def test_the_embedded_clusters_own_kubeconfig_is_no_other_cluster(tmp_path: Path) -> None:
    places = Places(tmp_path / "state", tmp_path / "cache")
    assert given_kubeconfig(places, {}) == ""
    assert given_kubeconfig(places, {"KUBECONFIG": str(places.kubeconfig)}) == ""
    assert given_kubeconfig(places, {"KUBECONFIG": "/home/ann/.kube/config"}) == "/home/ann/.kube/config"


def test_the_users_cluster_has_a_place_beside_the_embedded_ones(tmp_path: Path) -> None:
    own = {"SLIPWAY_CLUSTER_STATE": str(tmp_path / "state"), "SLIPWAY_CACHE": str(tmp_path / "cache")}
    embedded = Places.of_environment(own)
    assert Places.of_environment({**own, "KUBECONFIG": str(embedded.kubeconfig)}) == embedded
    link = tmp_path / "link"
    link.symlink_to(embedded.kubeconfig)
    assert Places.of_environment({**own, "KUBECONFIG": str(link)}) == embedded
    kind, other = (Places.of_environment({**own, "KUBECONFIG": f"/home/ann/{name}"}) for name in ("kind", "other"))
    assert len({embedded.state, kind.state, other.state}) == 3
    assert embedded.cache == kind.cache
    assert kind.cache in kind.state.parents
    assert given_kubeconfig(kind, {"KUBECONFIG": "/home/ann/kind"}) == "/home/ann/kind"


def test_the_demo_looks_where_the_cluster_of_kubeconfig_is_described(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPWAY_CACHE", str(tmp_path))
    monkeypatch.setenv("KUBECONFIG", "/home/ann/kind")
    assert settings.state_directory() == Places.of_environment().state
    assert tmp_path in settings.state_directory().parents


def test_a_full_disk_is_named_with_the_way_out(tmp_path: Path) -> None:
    places = Places(tmp_path / "state", tmp_path / "cache")
    with pytest.raises(ClusterError, match=r"(?s)GiB free.*SLIPWAY_CACHE"):
        preflight.require_disk(places, 1 << 60)


def test_a_taken_port_is_named_with_its_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        port = stranger.getsockname()[1]
        monkeypatch.setattr(addresses, "LISTENERS", (("etcd", "127.0.0.1", port),))
        with pytest.raises(ClusterError, match=rf"etcd needs 127.0.0.1:{port}.*process {os.getpid()}"):
            preflight.require_ports(Processes(tmp_path, tmp_path))


def _hold(path: Path, held: object, release: object) -> None:
    with exclusive(path, lambda _: None):
        held.set()  # type: ignore[attr-defined]
        release.wait(20)  # type: ignore[attr-defined]


def test_the_second_one_waits_and_says_for_whom(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    held, release = context.Event(), context.Event()
    holder = context.Process(target=_hold, args=(tmp_path / "lock", held, release))
    holder.start()
    assert held.wait(10)
    said: list[str] = []
    with pytest.raises(ClusterError, match=str(holder.pid)), exclusive(tmp_path / "lock", said.append, timeout=0.3):
        pass
    assert said == [f"waiting for process {holder.pid}, which is at work on the same thing"]
    release.set()
    holder.join(10)
    with exclusive(tmp_path / "lock", said.append, timeout=5):
        pass


def test_a_step_says_how_long_it_took_and_why_it_failed() -> None:
    seconds = iter([0.0, 1.0, 1.0, 3.5, 3.5, 3.5, 3.5])
    stream = io.StringIO()
    progress = Progress(stream, lambda: next(seconds))
    with pytest.raises(ClusterError), progress.step("building etcd"):
        raise ClusterError("no disk\nat all", "free some")
    assert stream.getvalue().splitlines() == [
        "[   1.0 s] building etcd …",
        "[   3.5 s] building etcd: failed after 2.5 s: no disk",
    ]


def test_what_a_killed_up_left_goes_with_its_mounts_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = Places(tmp_path / "state", tmp_path / "cache")
    killed, kept = places.cache / "slipway-base-x1", places.cache / "layers"
    for directory in (killed / "proc", kept):
        directory.mkdir(parents=True)
    unmounted: list[tuple[tuple[Path, ...], bool]] = []
    monkeypatch.setattr(down, "unmount_below", lambda roots: unmounted.append((roots, killed.exists())))
    down.remove_scratch(places)
    assert unmounted == [((killed,), True)], "before anything below it is removed"
    assert (killed.exists(), kept.exists()) == (False, True)
