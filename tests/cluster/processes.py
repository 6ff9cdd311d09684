"""Host processes: started detached, known by id and start time, and only ever ended when they are those we started."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.errors import ClusterError
from tests.cluster.places import PACKAGE

_POLL = 0.05
_LARGE_LOG = 20 << 20


@dataclass(frozen=True)
class HostProcess:
    """A program with its arguments. `inputs` are files whose change means a restart, though the arguments stay."""

    name: str
    argv: Sequence[str]
    inputs: Sequence[Path] = ()
    env: dict[str, str] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """Differs when a running process is no longer the one that we would start."""
        digest = hashlib.sha256(json.dumps([list(self.argv), self.env]).encode())
        for path in self.inputs:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()


@dataclass(frozen=True)
class Known:
    """What was noted about a process that we started."""

    pid: int
    started: int
    boot: str
    fingerprint: str

    @property
    def alive(self) -> bool:
        """The same process, not another with its id, and not a corpse that its parent has not collected."""
        return self.boot == boot_id() and start_time(self.pid) == self.started


class Processes:
    """The host processes of one cluster: records in `records`, output in `logs`."""

    def __init__(self, records: Path, logs: Path, die_with_parent: bool = False) -> None:
        self._records = records
        self._logs = logs
        self._die_with_parent = die_with_parent

    def known(self, name: str) -> Known | None:
        """What is on record under `name`, alive or not."""
        try:
            return Known(**json.loads((self._records / f"{name}.json").read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def names(self) -> list[str]:
        """Every name on record."""
        return sorted(path.stem for path in self._records.glob("*.json"))

    def alive(self, name: str) -> bool:
        """Whether the process on record runs."""
        known = self.known(name)
        return known is not None and known.alive

    def log(self, name: str) -> Path:
        """Where its output goes."""
        return self._logs / f"{name}.log"

    def current(self, process: HostProcess) -> bool:
        """Whether it runs with the arguments and files of today."""
        known = self.known(process.name)
        return known is not None and known.alive and known.fingerprint == process.fingerprint

    def ensure(self, process: HostProcess) -> bool:
        """Starts it unless it runs as it should; an outdated one is replaced. True where it was started."""
        if self.current(process):
            return False
        self.stop(process.name)
        self._start(process)
        return True

    def _start(self, process: HostProcess) -> None:
        record = self._records / f"{process.name}.json"
        die = "yes" if self._die_with_parent else "no"
        launcher = [sys.executable, "-S", "-E", str(PACKAGE / "launch.py"), str(record), process.fingerprint, die]
        self._rotate(self.log(process.name))
        with self.log(process.name).open("ab") as log:
            child = subprocess.Popen(
                [*launcher, *process.argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd="/",
                env={**os.environ, **process.env},
            )
        deadline = time.monotonic() + 20
        while (known := self.known(process.name)) is None or known.pid != child.pid:
            if child.poll() is not None or time.monotonic() > deadline:
                raise self.died(process.name)
            time.sleep(_POLL / 5)

    @staticmethod
    def _rotate(log: Path) -> None:
        if log.exists() and log.stat().st_size > _LARGE_LOG:
            log.rename(log.with_suffix(".log.1"))

    def stop(self, name: str, grace: float = 10.0) -> None:
        """Ends it (TERM, then KILL) and forgets it; nothing where it does not run."""
        known = self.known(name)
        if known is not None and known.alive:
            _end(known, grace)
        (self._records / f"{name}.json").unlink(missing_ok=True)

    def wait(self, name: str, ready: Callable[[], bool], timeout: float) -> None:
        """Until `ready`. Raises ClusterError with the end of the log where it died or stayed unready."""
        deadline = time.monotonic() + timeout
        while not ready():
            if not self.alive(name):
                raise self.died(name)
            if time.monotonic() > deadline:
                raise self.died(name, f"is not ready after {timeout:.0f} s")
            time.sleep(_POLL)

    def died(self, name: str, what: str = "ended by itself") -> ClusterError:
        """An error that shows the last lines that it wrote."""
        shown = "".join(f"\n    {line[:300]}" for line in self.last_lines(name))
        remedy = f"read {self.log(name)}, then run the same command again"
        return ClusterError(f"{name} {what}; it wrote:{shown}", remedy)

    def last_lines(self, name: str) -> list[str]:
        """The end of what it wrote."""
        log = self.log(name)
        return log.read_text(errors="replace").splitlines()[-5:] if log.exists() else []


def _end(known: Known, grace: float) -> None:
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 10.0)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(known.pid, number)
        deadline = time.monotonic() + patience
        while True:
            _collect(known.pid)
            if not known.alive:
                return
            if time.monotonic() > deadline:
                break
            time.sleep(_POLL)


def _collect(pid: int) -> None:
    """Where it is a child of this process, no corpse stays of it."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def start_time(pid: int) -> int | None:
    """Clock ticks after boot at which it started; None where it does not run (a zombie does not)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in ("Z", "X") else int(fields[19])


def boot_id() -> str:
    """Changes with every boot: process ids and start times mean something within one only."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
