"""What other programs have on a machine, in each place where the cluster has something of the same sort."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.e2e import machine

_NAME = "stranger"
_CHAIN = "STRANGER"
_LINKS = (("filter", "FORWARD"), ("nat", "POSTROUTING"))


class Strangers:
    """A bridge, a network namespace, a mount, chains with rules, and a shim of another containerd."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._shim: subprocess.Popen[bytes] | None = None

    def arrive(self) -> None:
        """Also where an earlier run was killed and left its own."""
        self.leave()
        machine.run("ip", "link", "add", f"{_NAME}0", "type", "bridge")
        machine.run("ip", "netns", "add", _NAME)
        machine.run("mount", "-t", "tmpfs", _NAME, str(self._directory))
        for table, hook in _LINKS:
            machine.run("iptables", "-w", "-t", table, "-N", _CHAIN)
            machine.run("iptables", "-w", "-t", table, "-A", _CHAIN, "-j", "RETURN")
            machine.run("iptables", "-w", "-t", table, "-I", hook, "1", "-j", _CHAIN)
        self._shim = subprocess.Popen(["bash", "-c", "exec -a containerd-shim-runc-v2 sleep 3600"], close_fds=True)

    def missing(self) -> list[str]:
        """What of them is no longer there."""
        rules = machine.rules()
        there = {
            "bridge": f"{_NAME}0" in machine.interfaces(),
            "network namespace": _NAME in machine.named_namespaces(),
            "mount": os.path.ismount(self._directory),
            "shim": self._shim is not None and self._shim.poll() is None,
            **{
                f"rules in {table}": {
                    f"iptables *{table} :{_CHAIN} -",
                    f"iptables *{table} -A {_CHAIN} -j RETURN",
                    f"iptables *{table} -A {hook} -j {_CHAIN}",
                }
                <= rules
                for table, hook in _LINKS
            },
        }
        return [name for name, is_there in there.items() if not is_there]

    def leave(self) -> None:
        """Takes away what is there."""
        commands = [
            f"ip link delete {_NAME}0",
            f"ip netns delete {_NAME}",
            *(
                f"iptables -w -t {table} {what}"
                for table, hook in _LINKS
                for what in (f"-D {hook} -j {_CHAIN}", f"-F {_CHAIN}", f"-X {_CHAIN}")
            ),
        ]
        for command in commands:
            with contextlib.suppress(AssertionError):
                machine.run(*command.split())
        if os.path.ismount(self._directory):
            machine.run("umount", str(self._directory))
        if self._shim is not None:
            self._shim.kill()
            self._shim.wait()


@contextlib.contextmanager
def strangers(directory: Path) -> Iterator[Strangers]:
    """For as long as a cluster's life is looked at."""
    present = Strangers(directory)
    try:
        present.arrive()
        yield present
    finally:
        present.leave()
