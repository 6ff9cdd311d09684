"""SIGTERM while requests are in flight: are they answered, and does the process end?"""

from __future__ import annotations

import http.client
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from slipway_serving.probe.contract.subject import Process, Skip, Subject

_BEGUN_SECONDS = 1.5
"""After which a server on a busy node, at the limit of its CPU, has read what it was sent: SIGTERM comes then."""
_PAUSE_SECONDS = 0.3
_END_SECONDS = 40.0
_ANSWER_SECONDS = 30.0
_NO_PROCESS = "nobody may end the server here: give --pid, or let `slipway conform IMAGE` run it"


class LocalProcess:
    """A process by its id."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def terminate(self) -> None:
        os.kill(self.pid, signal.SIGTERM)

    def ended(self) -> bool:
        try:
            os.kill(self.pid, 0)
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except ProcessLookupError:
            return True
        except OSError:  # without /proc, or with one that is gone meanwhile
            return False


def neighbour(proc: Path = Path("/proc")) -> LocalProcess:
    """The first process of the one other container of a pod with a shared process namespace. Raises Skip.

    A container's first process has no parent within the namespace. The pod's own is number 1.
    """
    own = _ancestor(proc, os.getpid())
    first = [pid for pid in _processes(proc) if pid not in (1, own) and _parent(proc, pid) == 0]
    if len(first) != 1:
        raise Skip(f"{len(first)} processes could be the server's: the pod must share its process namespace")
    return LocalProcess(first[0])


def _processes(proc: Path) -> list[int]:
    return sorted(int(each.name) for each in proc.iterdir() if each.name.isdigit())


def _parent(proc: Path, pid: int) -> int:
    """-1 for a process that has ended meanwhile."""
    try:
        return int((proc / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return -1


def _ancestor(proc: Path, pid: int) -> int:
    while (parent := _parent(proc, pid)) > 0:
        pid = parent
    return pid


class _Held:
    """A request of which the last byte is still to be sent."""

    def __init__(self, subject: Subject, path: str, body: bytes) -> None:
        self.path, self._last = path, body[-1:]
        asked = subject.asked
        self._connection = http.client.HTTPConnection(asked.host, asked.port, timeout=_ANSWER_SECONDS)
        self._connection.putrequest("POST", path)
        self._connection.putheader("content-type", "application/json")
        self._connection.putheader("content-length", str(len(body)))
        self._connection.endheaders(body[:-1])

    def finish(self) -> str:
        """Sends the rest; says what went wrong."""
        try:
            self._connection.send(self._last)
            response = self._connection.getresponse()
            text = response.read()[:200].decode(errors="replace")
            return "" if response.status == 200 else f"{self.path} answered {response.status}: {text}"
        except (OSError, http.client.HTTPException) as error:
            return f"{self.path} got no answer: {error!r}"
        finally:
            self._connection.close()


def stop(subject: Subject) -> str:
    """What went wrong with requests that had begun before SIGTERM came. Raises Skip."""
    process = process_of(subject)
    requests = subject.requests
    held = [_Held(subject, path, body) for path, body in map(requests.first, (False, True))]
    time.sleep(_BEGUN_SECONDS)
    try:
        process.terminate()
    except OSError as error:
        raise Skip(f"SIGTERM could not be sent: {error}") from None
    subject.terminated = True
    time.sleep(_PAUSE_SECONDS)
    wrong = [each.finish() for each in held]
    subject.answered += requests.size * wrong.count("")
    return "; ".join(filter(None, wrong))


def process_of(subject: Subject) -> Process:
    """The server's process. Raises Skip where there is none to end."""
    if subject.asked.process is None:
        raise Skip(_NO_PROCESS)
    return subject.asked.process


def ends(subject: Subject, say: Callable[[str], None]) -> str:
    """What is wrong with the end of a process that got SIGTERM. Raises Skip."""
    process, begin = process_of(subject), time.monotonic()
    if not subject.terminated:
        raise Skip("SIGTERM was not sent")
    say("waiting for the process to end (at most 40 s)")
    while time.monotonic() - begin < _END_SECONDS:
        if process.ended():
            return ""
        time.sleep(0.1)
    return "it still runs after 40 s, when the kubelet would kill it"
