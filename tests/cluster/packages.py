"""Debian packages that the cluster runs on: only those whose programs are missing, and without starting services."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.cluster.errors import ClusterError
from tests.cluster.progress import Progress

# Package and the file that shows that it is there, from whichever package (Docker's own containerd will do as well).
PACKAGES: Mapping[str, tuple[str, ...]] = {
    "buildah": ("/usr/bin/buildah",),
    "ca-certificates": ("/etc/ssl/certs/ca-certificates.crt",),
    "conntrack": ("/usr/sbin/conntrack", "/usr/bin/conntrack"),
    "containerd": ("/usr/bin/containerd",),
    "containernetworking-plugins": ("/usr/lib/cni/bridge",),
    "debootstrap": ("/usr/sbin/debootstrap",),
    "docker-registry": ("/usr/bin/docker-registry",),
    "iproute2": ("/usr/sbin/ip", "/sbin/ip", "/bin/ip"),
    "iptables": ("/usr/sbin/iptables", "/sbin/iptables"),
    "mount": ("/usr/bin/mount", "/bin/mount"),
    "prometheus": ("/usr/bin/prometheus",),
    "python3": ("/usr/bin/python3",),
    "runc": ("/usr/sbin/runc", "/usr/bin/runc"),
}
_POLICY = Path("/usr/sbin/policy-rc.d")
_OURS = "# made by slipway's embedded cluster while it installs packages"
_APT = ("apt-get", "-o", "DPkg::Lock::Timeout=600", "-q")


def missing() -> list[str]:
    """The packages of which no file is there."""
    return sorted(name for name, files in PACKAGES.items() if not any(Path(file).exists() for file in files))


def install(progress: Progress, log: Path) -> None:
    """Installs what is missing. Raises ClusterError with the log's path."""
    wanted = missing()
    if not wanted:
        return
    if not shutil.which("apt-get"):
        raise ClusterError(
            f"the embedded cluster needs {', '.join(wanted)}, and this machine has no apt-get",
            "use Debian 12, or give a cluster of your own through KUBECONFIG",
        )
    with progress.step(f"installing Debian packages {', '.join(wanted)}"), services_stay_off():
        command = [*_APT, "install", "-y", "--no-install-recommends", *wanted]
        if _run(command, log):
            _run([*_APT, "update"], log)
            if _run(command, log):
                last = log.read_text(errors="replace").strip().splitlines()[-1:]
                raise ClusterError(
                    f"apt-get could not install {', '.join(wanted)}: {' '.join(last)[:300]}",
                    f"read {log}; is a Debian mirror reachable, and does `apt-get check` succeed?",
                )


def program(*candidates: str) -> str:
    """The first of these files that is there."""
    for candidate in candidates:
        if os.access(candidate, os.X_OK):
            return candidate
    package = next((name for name, files in PACKAGES.items() if candidates[0] in files), "the package that holds it")
    raise ClusterError(
        f"{candidates[0]} is missing",
        f"install {package}; `make cluster` without a KUBECONFIG does so, as root on Debian 12",
    )


def _run(command: list[str], log: Path) -> int:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_MODE": "l"}
    with log.open("ab") as output:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, check=False
        ).returncode


def remove_killed_policy(policy: Path = _POLICY) -> None:
    """A killed `up` leaves its policy behind, and no service of this machine would start when it is installed."""
    with contextlib.suppress(OSError):
        if _OURS in policy.read_text():
            policy.unlink()


@contextlib.contextmanager
def services_stay_off(policy: Path = _POLICY) -> Iterator[None]:
    """Debian starts the service of what it installs unless a policy says no; ours run under other names and ports."""
    remove_killed_policy(policy)
    if policy.exists():
        yield
        return
    policy.write_text(f"#!/bin/sh\n{_OURS}\nexit 101\n")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink(missing_ok=True)
