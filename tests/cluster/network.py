"""The bridge that is node address and pod network at once, forwarding, and masquerading; made, and taken away."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.cluster.addresses import BOTH, BRIDGE, NODE, PODS, SERVICES
from tests.cluster.errors import ClusterError

_SYSCTLS = {
    "net/ipv4/ip_forward": "1",
    # Pods share one bridge: without this an answer from pod to pod passes below the Service's address translation.
    "net/bridge/bridge-nf-call-iptables": "1",
}
# Fixed, since a bridge otherwise takes the lowest address of its ports and changes it under its neighbours' caches.
_HARDWARE_ADDRESS = "02:00:c6:12:00:01"
# kube-proxy and the kubelet name theirs KUBE-*; the plugin configuration makes CNI name none (no ipMasq, no portmap).
OURS = re.compile(r"(SLIPWAY|KUBE)-[A-Za-z0-9-]+")
_CHAINS = {
    "nat": (
        "SLIPWAY-MASQUERADE",
        "POSTROUTING",
        (f"-s {PODS} ! -d {BOTH} -j MASQUERADE",),
    ),
    "filter": (
        "SLIPWAY-FORWARD",
        "FORWARD",
        # Pods ask whom they like, and are answered; nobody on the machine's other networks reaches them.
        (
            f"-i {BRIDGE} -j ACCEPT",
            f"-o {BRIDGE} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
            f"-o {BRIDGE} -j DROP",
        ),
    ),
}


def ensure(original: Path) -> bool:
    """Makes what is missing; notes in the file `original` which kernel settings were others before.

    True where the bridge had to be made: pods that still run then hang on one that is no more.
    """
    _refuse_strangers()
    _load_bridge_filter()
    _ensure_sysctls(original)
    made = not Path(f"/sys/class/net/{BRIDGE}").exists()
    if made:
        _ip("link", "add", BRIDGE, "address", _HARDWARE_ADDRESS, "type", "bridge")
    if not any(entry["local"] == NODE for entry in _addresses(BRIDGE)):
        _ip("addr", "add", f"{NODE}/16", "dev", BRIDGE)
    _ip("link", "set", BRIDGE, "up")
    # A Service's address without a rule of kube-proxy's would else leave by the default route, to whoever has it there.
    _ip("route", "replace", SERVICES, "dev", BRIDGE, "src", NODE)
    for table, (chain, hook, rules) in _CHAINS.items():
        lines = [f"*{table}", f":{chain} - [0:0]", *(f"-A {chain} {rule}" for rule in rules)]
        if not _linked(table, hook, chain):
            lines.append(f"-I {hook} 1 -j {chain}")
        _restore([*lines, "COMMIT"])
    return made


def remove(original: Path) -> None:
    """Takes away bridge and chains (ours, kube-proxy's, the kubelet's), and puts kernel settings back."""
    remove_rules()
    if Path(f"/sys/class/net/{BRIDGE}").exists():
        _ip("link", "delete", BRIDGE)
    if original.exists():
        for name, value in json.loads(original.read_text()).items():
            _write_sysctl(name, value)
        original.unlink()


def remove_rules() -> None:
    """All chains of ours and every rule that leads there, table by table, each in one transaction.

    Also of IPv6, where kube-proxy and the kubelet leave theirs although the cluster has no such address.
    """
    for family in ("iptables", "ip6tables"):
        if not shutil.which(f"{family}-save", path=_path()):
            continue
        for table in _tables(family):
            lines = removal(_run([f"{family}-save", "-t", table]).splitlines())
            if lines:
                _restore([f"*{table}", *lines, "COMMIT"], family)


def _tables(family: str) -> list[str]:
    """Those in use: asking for another one would make it."""
    saved = _run([f"{family}-save"]).splitlines()
    return [line[1:] for line in saved if line.startswith("*")]


def removal(saved: Sequence[str]) -> list[str]:
    """Input of `iptables-restore --noflush` that removes our chains from the table that `iptables-save` printed."""
    chains = [line[1:].split()[0] for line in saved if line.startswith(":")]
    ours = [chain for chain in chains if OURS.fullmatch(chain)]
    if not ours:
        return []
    leading = [
        "-D" + line[2:]
        for line in saved
        if line.startswith("-A ") and line.split()[1] not in ours and any(target in ours for target in _targets(line))
    ]
    return [*(f":{chain} - [0:0]" for chain in ours), *leading, *(f"-X {chain}" for chain in ours)]


def _targets(rule: str) -> list[str]:
    return re.findall(r"(?:-j|-g|--jump|--goto) (\S+)", rule)


def _linked(table: str, hook: str, chain: str) -> bool:
    return f"-A {hook} -j {chain}" in _run(["iptables-save", "-t", table]).splitlines()


def _refuse_strangers() -> None:
    """Another interface with an address of this range would swallow the cluster's traffic, or the cluster its."""
    for entry in _addresses(None):
        first, second = entry["local"].split(".")[:2]
        if entry["ifname"] != BRIDGE and (first, second) in (("198", "18"), ("198", "19")):
            raise ClusterError(
                f"interface {entry['ifname']} has the address {entry['local']}, and the cluster uses {BOTH}",
                "end the program that made this interface (often a VPN or proxy client), or use a KUBECONFIG",
            )


def _addresses(interface: str | None) -> list[dict[str, str]]:
    given = json.loads(_ip("-j", "-4", "addr", "show", *(["dev", interface] if interface else [])) or "[]")
    return [
        {"ifname": link["ifname"], "local": address["local"]}
        for link in given
        for address in link.get("addr_info", [])
        if "local" in address
    ]


def _load_bridge_filter() -> None:
    if not Path("/proc/sys/net/bridge").is_dir() and shutil.which("modprobe", path=_path()):
        subprocess.run(["modprobe", "br_netfilter"], capture_output=True, check=False, env=_environment())


def _ensure_sysctls(original: Path) -> None:
    known: dict[str, str] = json.loads(original.read_text()) if original.exists() else {}
    for name, wanted in _SYSCTLS.items():
        path = Path("/proc/sys") / name
        if not path.exists():
            raise ClusterError(
                f"the kernel has no {name.replace('/', '.')}",
                "load the module br_netfilter (modprobe br_netfilter), or use a KUBECONFIG",
            )
        value = path.read_text().strip()
        if value != wanted:
            known.setdefault(name, value)
            original.write_text(json.dumps(known))
            _write_sysctl(name, wanted)


def _write_sysctl(name: str, value: str) -> None:
    try:
        (Path("/proc/sys") / name).write_text(value)
    except OSError as error:
        raise ClusterError(
            f"{name.replace('/', '.')} could not be set to {value}: {error.strerror}",
            "in a container, start it privileged; else use a KUBECONFIG",
        ) from error


def _ip(*arguments: str) -> str:
    return _run(["ip", *arguments])


def _restore(lines: Sequence[str], family: str = "iptables") -> None:
    _run([f"{family}-restore", "--noflush", "--wait", "10"], "\n".join(lines) + "\n")


def _run(command: Sequence[str], stdin: str | None = None) -> str:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, env=_environment())
    if done.returncode:
        raise ClusterError(
            f"{' '.join(command)} failed: {done.stderr.strip()[:500]}",
            "this needs root with CAP_NET_ADMIN on Linux with netfilter; else use a KUBECONFIG",
        )
    return done.stdout


def _environment() -> dict[str, str]:
    return {**os.environ, "PATH": _path(), "LC_ALL": "C"}


def _path() -> str:
    """Daemons and `su` leave the directories of system programs out of PATH."""
    return os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin"
