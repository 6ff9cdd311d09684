"""etcd and kube-apiserver: how both are started, for the whole cluster and for tests of the control plane alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.cluster.certificates import Authority, Identity, signing_key
from tests.cluster.processes import HostProcess


@dataclass(frozen=True)
class ControlPlaneAddresses:
    """Where the two listen, and which address pods and kubelets are told."""

    host: str
    port: int
    etcd_port: int
    etcd_peer_port: int
    services: str = "198.19.0.0/16"
    first_service: str = "198.19.0.1"

    @property
    def url(self) -> str:
        return f"https://{self.host}:{self.port}"

    @property
    def etcd_url(self) -> str:
        return f"https://127.0.0.1:{self.etcd_port}"


def etcd(program: Path, data: Path, authority: Authority, addresses: ControlPlaneAddresses) -> HostProcess:
    """Client certificates, since every process of the machine reaches the loopback. No fsync: the data are a test's."""
    certificate, key = authority.issue(Identity("etcd", "etcd", names=("localhost", "127.0.0.1")))
    peer = f"http://127.0.0.1:{addresses.etcd_peer_port}"
    argv = [
        str(program),
        f"--data-dir={data}",
        f"--listen-client-urls={addresses.etcd_url}",
        f"--advertise-client-urls={addresses.etcd_url}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        f"--cert-file={certificate}",
        f"--key-file={key}",
        f"--trusted-ca-file={authority.certificate}",
        "--client-cert-auth",
        "--unsafe-no-fsync",
        "--auto-compaction-retention=10m",
        "--quota-backend-bytes=4294967296",
        "--log-level=warn",
    ]
    return HostProcess("etcd", argv)


def kube_apiserver(
    program: Path, authority: Authority, addresses: ControlPlaneAddresses, pki: Path, extra: tuple[str, ...] = ()
) -> HostProcess:
    """One API server; service accounts, RBAC and aggregation as everywhere."""
    names = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost")
    own = (addresses.host, "127.0.0.1", addresses.first_service)
    serving = authority.issue(Identity("apiserver", "kube-apiserver", names=(*names, *dict.fromkeys(own))))
    etcd_client = authority.issue(Identity("etcd-client", "etcd-client"))
    kubelet_client = authority.issue(Identity("kubelet-client", "kube-apiserver", ("system:masters",)))
    private, public = signing_key(pki)
    argv = [
        str(program),
        f"--etcd-servers={addresses.etcd_url}",
        f"--etcd-cafile={authority.certificate}",
        f"--etcd-certfile={etcd_client[0]}",
        f"--etcd-keyfile={etcd_client[1]}",
        f"--bind-address={addresses.host}",
        f"--advertise-address={addresses.host}",
        f"--secure-port={addresses.port}",
        f"--tls-cert-file={serving[0]}",
        f"--tls-private-key-file={serving[1]}",
        f"--client-ca-file={authority.certificate}",
        f"--service-account-key-file={public}",
        f"--service-account-signing-key-file={private}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-cluster-ip-range={addresses.services}",
        "--authorization-mode=Node,RBAC",
        "--allow-privileged=true",
        "--kubelet-preferred-address-types=InternalIP",
        f"--kubelet-client-certificate={kubelet_client[0]}",
        f"--kubelet-client-key={kubelet_client[1]}",
        "--enable-admission-plugins=NodeRestriction",
        *extra,
    ]
    return HostProcess("kube-apiserver", argv)
