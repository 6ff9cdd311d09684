"""A control plane alone: etcd and kube-apiserver on the loopback, for tests that need no node. Ready in seconds."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tests.cluster.api import Api
from tests.cluster.apiserver import ControlPlaneAddresses, etcd, kube_apiserver
from tests.cluster.build import GoTools
from tests.cluster.certificates import Authority, Identity
from tests.cluster.errors import ClusterError, exit_code
from tests.cluster.kubeconfigs import write_kubeconfig
from tests.cluster.kubectl import Kubectl
from tests.cluster.places import Places
from tests.cluster.processes import Processes
from tests.cluster.progress import Progress
from tests.loopback import free_port


@dataclass(frozen=True)
class ControlPlaneBinaries:
    """The programs that tests of the control plane use."""

    etcd: Path
    kube_apiserver: Path
    kubectl: Path
    helm: Path


def control_plane_binaries(progress: Progress | None = None) -> ControlPlaneBinaries:
    """Their paths, built where they are missing (minutes, once per machine). Raises ClusterError.

    KUBEBUILDER_ASSETS, as `setup-envtest` sets it, names a directory with three of them, which are used instead.
    """
    tools, assets = GoTools(Places.of_environment().cache, progress or Progress()), _assets()
    kubernetes = assets or tools.ensure("kubernetes")
    return ControlPlaneBinaries(
        etcd=(assets or tools.ensure("etcd")) / "etcd",
        kube_apiserver=kubernetes / "kube-apiserver",
        kubectl=kubernetes / "kubectl",
        helm=tools.ensure("helm") / "helm",
    )


def _assets() -> Path | None:
    """The directory of KUBEBUILDER_ASSETS, where it is set. Raises ClusterError for a program that it lacks."""
    given = os.environ.get("KUBEBUILDER_ASSETS", "")
    missing = [one for one in ("etcd", "kube-apiserver", "kubectl") if not os.access(Path(given, one), os.X_OK)]
    if given and missing:
        raise ClusterError(
            f"KUBEBUILDER_ASSETS is {given}, and has no {', '.join(missing)}",
            "name a directory that `setup-envtest use -p path` prints, or unset it: they are built then",
        )
    return Path(given) if given else None


class ControlPlane:
    """Use as a context manager. Its processes end with it, and with this process when that is killed.

    Nothing schedules, runs or collects: no controller fills in service accounts, so their admission plugin is off.
    `extra` are further arguments of kube-apiserver.
    """

    def __init__(self, binaries: ControlPlaneBinaries | None = None, extra: tuple[str, ...] = ()) -> None:
        self._binaries = binaries
        self._extra = extra
        self._directory = Path()
        self._processes: Processes | None = None
        self.url = ""

    @property
    def kubeconfig(self) -> Path:
        """Of an administrator (group system:masters)."""
        return self._directory / "kubeconfig"

    @property
    def ca(self) -> Path:
        """The certificate of the authority that signed everything, in PEM."""
        return self._directory / "pki" / "ca.crt"

    @property
    def log(self) -> Path:
        """What kube-apiserver wrote."""
        return self._directory / "log" / "kube-apiserver.log"

    @property
    def kubectl(self) -> Kubectl:
        """kubectl with this control plane's kubeconfig."""
        if self._binaries is None:
            raise ClusterError("this control plane has not started", "use it in a `with` statement")
        return Kubectl(self._binaries.kubectl, self.kubeconfig)

    def identity(self, user: str, groups: tuple[str, ...] = ()) -> Path:
        """A kubeconfig of `user`, with no rights but those that RBAC gives it."""
        file = "user-" + "".join(letter if letter.isalnum() else "-" for letter in user)
        authority = Authority(self._directory / "pki")
        certificate, key = authority.issue(Identity(file, user, groups))
        path = self._directory / f"{file}.kubeconfig"
        write_kubeconfig(path, self.url, authority.certificate, certificate, key, user)
        return path

    def __enter__(self) -> ControlPlane:
        self._binaries = self._binaries or control_plane_binaries()
        self._directory = Path(tempfile.mkdtemp(prefix="slipway-control-plane-"))
        try:
            self._start(self._binaries)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop()

    def _start(self, binaries: ControlPlaneBinaries) -> None:
        for name in ("pki", "log", "run"):
            (self._directory / name).mkdir()
        port, etcd_port, peer_port = (free_port() for _ in range(3))
        addresses = ControlPlaneAddresses("127.0.0.1", port, etcd_port, peer_port)
        self.url = addresses.url
        authority = Authority(self._directory / "pki")
        certificate, key = authority.issue(Identity("admin", "admin", ("system:masters",)))
        write_kubeconfig(self.kubeconfig, self.url, authority.certificate, certificate, key, "control-plane")
        # The kernel counts a child's parent by thread: one that a worker thread starts would end with the thread.
        lasting = threading.current_thread() is threading.main_thread()
        self._processes = Processes(self._directory / "run", self._directory / "log", die_with_parent=lasting)
        self._processes.ensure(etcd(binaries.etcd, self._directory / "etcd", authority, addresses))
        extra = ("--disable-admission-plugins=ServiceAccount", *self._extra)
        server = kube_apiserver(binaries.kube_apiserver, authority, addresses, self._directory / "pki", extra)
        self._processes.ensure(server)
        self._processes.wait(server.name, Api(self.kubeconfig).ready, 240)

    def _stop(self) -> None:
        if self._processes is not None:
            for name in ("kube-apiserver", "etcd"):
                self._processes.stop(name, grace=0.0 if name == "etcd" else 3.0)
        shutil.rmtree(self._directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(exit_code(control_plane_binaries))
