"""The control plane of the whole cluster: etcd, API server, controller manager and scheduler as host processes."""

from __future__ import annotations

from pathlib import Path

from tests.cluster import addresses
from tests.cluster.api import Api
from tests.cluster.apiserver import ControlPlaneAddresses, etcd, kube_apiserver
from tests.cluster.certificates import Authority, Identity, signing_key
from tests.cluster.configuration import write
from tests.cluster.kubeconfigs import write_kubeconfig
from tests.cluster.places import Places
from tests.cluster.processes import HostProcess, Processes

ADDRESSES = ControlPlaneAddresses(
    addresses.NODE,
    addresses.API_PORT,
    addresses.ETCD_PORT,
    addresses.ETCD_PEER_PORT,
    addresses.SERVICES,
    addresses.FIRST_SERVICE,
)


def client(places: Places, authority: Authority, name: str, user: str, groups: tuple[str, ...] = ()) -> Path:
    """The kubeconfig of one component."""
    certificate, key = authority.issue(Identity(name, user, groups))
    path = places.kubeconfig if name == "admin" else places.configs / f"{name}.kubeconfig"
    write_kubeconfig(path, addresses.API_URL, authority.certificate, certificate, key, "slipway")
    return path


def start(places: Places, kubernetes: Path, etcd_program: Path, authority: Authority, processes: Processes) -> None:
    """Starts what does not run and waits until the API server is ready. Raises ClusterError."""
    admin = client(places, authority, "admin", "slipway-admin", ("system:masters",))
    processes.ensure(etcd(etcd_program, places.state / "etcd", authority, ADDRESSES))
    server = _api_server(places, kubernetes, authority)
    processes.ensure(server)
    processes.wait(server.name, Api(admin).ready, 90)
    processes.ensure(_controller_manager(places, kubernetes, authority))
    processes.ensure(_scheduler(places, kubernetes, authority))


def _api_server(places: Places, kubernetes: Path, authority: Authority) -> HostProcess:
    policy = write("audit-policy.yaml", places.configs / "audit-policy.yaml", places)
    extra = (
        f"--audit-policy-file={policy}",
        f"--audit-log-path={places.logs / 'audit.log'}",
        "--audit-log-maxsize=50",
        "--audit-log-maxbackup=1",
    )
    process = kube_apiserver(kubernetes / "kube-apiserver", authority, ADDRESSES, places.pki, extra)
    return HostProcess(process.name, process.argv, inputs=(policy,))


def _controller_manager(places: Places, kubernetes: Path, authority: Authority) -> HostProcess:
    kubeconfig = client(places, authority, "controller-manager", "system:kube-controller-manager")
    argv = [
        str(kubernetes / "kube-controller-manager"),
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        f"--bind-address={addresses.NODE}",
        f"--secure-port={addresses.CONTROLLER_MANAGER_PORT}",
        f"--service-account-private-key-file={signing_key(places.pki)[0]}",
        f"--root-ca-file={authority.certificate}",
        f"--cluster-signing-cert-file={authority.certificate}",
        f"--cluster-signing-key-file={places.pki / 'ca.key'}",
        f"--cluster-cidr={addresses.PODS}",
        "--allocate-node-cidrs=false",
        "--use-service-account-credentials",
        "--leader-elect=false",
        "--kube-api-qps=100",
        "--kube-api-burst=200",
        f"--cert-dir={places.state / 'controller-manager'}",
    ]
    return HostProcess("kube-controller-manager", argv)


def _scheduler(places: Places, kubernetes: Path, authority: Authority) -> HostProcess:
    kubeconfig = client(places, authority, "scheduler", "system:kube-scheduler")
    argv = [
        str(kubernetes / "kube-scheduler"),
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        f"--bind-address={addresses.NODE}",
        f"--secure-port={addresses.SCHEDULER_PORT}",
        "--leader-elect=false",
        f"--cert-dir={places.state / 'scheduler'}",
    ]
    return HostProcess("kube-scheduler", argv)
