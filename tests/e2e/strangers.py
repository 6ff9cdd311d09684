"""What other programs have on a machine, in each place where the cluster has something of the same sort."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.e2e import machine

_NAME = "stranger"
ROUTER, _HOST = "203.0.113.1", "203.0.113.2"  # TEST-NET-3 (RFC 5737)
_ASK = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)"
_CHAIN = "STRANGER"
_LINKS = (("filter", "FORWARD"), ("nat", "POSTROUTING"))


class Strangers:
    """A bridge, a mount, chains with rules, a shim of another containerd, and a network namespace whose programs take
    this machine for their router, as containers do."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._shim: subprocess.Popen[bytes] | None = None

    def arrive(self) -> None:
        """Also where an earlier run was killed and left its own."""
        self.leave()
        machine.run("ip", "link", "add", f"{_NAME}0", "type", "bridge")
        machine.run("ip", "netns", "add", _NAME)
        machine.run("ip", "link", "add", f"{_NAME}1", "type", "veth", "peer", "name", "eth0", "netns", _NAME)
        machine.run("ip", "address", "add", f"{ROUTER}/30", "dev", f"{_NAME}1")
        machine.run("ip", "link", "set", f"{_NAME}1", "up")
        for words in (f"address add {_HOST}/30 dev eth0", "link set eth0 up", f"route add default via {ROUTER}"):
            machine.run("ip", "-n", _NAME, *words.split())
        machine.run("mount", "-t", "tmpfs", _NAME, str(self._directory))
        for table, hook in _LINKS:
            machine.run("iptables", "-w", "-t", table, "-N", _CHAIN)
            machine.run("iptables", "-w", "-t", table, "-A", _CHAIN, "-j", "RETURN")
            machine.run("iptables", "-w", "-t", table, "-I", hook, "1", "-j", _CHAIN)
        self._shim = subprocess.Popen(["bash", "-c", "exec -a containerd-shim-runc-v2 sleep 3600"], close_fds=True)

    def reach(self, address: str, port: int) -> bool:
        """Whether a connection from their network namespace is taken within three seconds."""
        command = ["ip", "netns", "exec", _NAME, "python3", "-c", _ASK, address, str(port)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

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
            *(f"ip link delete {_NAME}{number}" for number in (0, 1)),
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
