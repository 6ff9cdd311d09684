"""Processes that we know by id and start time."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from tests.cluster import node
from tests.cluster.errors import ClusterError
from tests.cluster.processes import HostProcess, Processes, start_time


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    for name in ("run", "log"):
        (tmp_path / name).mkdir()
    return Processes(tmp_path / "run", tmp_path / "log")


def sleeper(seconds: str = "60") -> HostProcess:
    return HostProcess("sleeper", ["/bin/sleep", seconds])


def test_it_starts_once_and_stops(processes: Processes) -> None:
    assert processes.ensure(sleeper())
    known = processes.known("sleeper")
    assert known is not None
    assert known.alive
    assert not processes.ensure(sleeper())
    processes.stop("sleeper")
    assert not known.alive
    assert processes.names() == []


def test_other_arguments_mean_a_restart(processes: Processes) -> None:
    processes.ensure(sleeper("60"))
    first = processes.known("sleeper")
    assert processes.ensure(sleeper("61"))
    assert first is not None
    assert not first.alive
    processes.stop("sleeper")


def test_a_changed_file_means_a_restart(processes: Processes, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("1")
    process = HostProcess("sleeper", ["/bin/sleep", "60"], inputs=(config,))
    processes.ensure(process)
    config.write_text("2")
    assert processes.ensure(process)
    processes.stop("sleeper")


def test_a_killed_one_counts_as_dead_though_nobody_collected_it(processes: Processes) -> None:
    processes.ensure(sleeper())
    known = processes.known("sleeper")
    assert known is not None
    os.kill(known.pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while known.alive and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not processes.alive("sleeper")
    processes.stop("sleeper")


def test_a_process_that_has_taken_over_the_id_is_never_ended(processes: Processes, tmp_path: Path) -> None:
    started = start_time(os.getpid())
    assert started is not None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    record = {"pid": os.getpid(), "started": started - 1, "boot": boot, "fingerprint": ""}
    (tmp_path / "run" / "old.json").write_text(json.dumps(record))
    assert not processes.alive("old")
    processes.stop("old")  # would end this very test


def test_a_record_of_another_boot_is_of_nobody(processes: Processes, tmp_path: Path) -> None:
    record = {"pid": os.getpid(), "started": start_time(os.getpid()), "boot": "another", "fingerprint": ""}
    (tmp_path / "run" / "old.json").write_text(json.dumps(record))
    assert not processes.alive("old")


def test_what_a_dying_program_wrote_is_in_the_error(processes: Processes) -> None:
    processes.ensure(HostProcess("crash", ["/bin/sh", "-c", "echo no such thing >&2; sleep 0.2; exit 3"]))
    with pytest.raises(ClusterError, match="no such thing"):
        processes.wait("crash", lambda: False, 10)


def test_a_kubelet_that_came_before_its_runtime_is_started_again_and_another_is_not(processes: Processes) -> None:
    def ends_with(words: str) -> HostProcess:
        kubelet = HostProcess("kubelet", ["/bin/sh", "-c", f"echo {words}; sleep 0.1; exit 1"])
        processes.ensure(kubelet)
        while processes.alive("kubelet"):
            time.sleep(0.01)
        return kubelet

    early = ends_with("desc = server is not initialized yet")
    starts = iter(range(1))
    first = processes.known("kubelet")
    node.start_where_too_early(early, processes, starts)
    assert processes.known("kubelet") != first
    processes.stop("kubelet")
    with pytest.raises(ClusterError, match="not initialized"):
        node.start_where_too_early(early, processes, starts)
    with pytest.raises(ClusterError, match="swap"):
        node.start_where_too_early(ends_with("running with swap on"), processes, iter(range(5)))
