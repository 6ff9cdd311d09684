"""What is taken out of iptables, and what is left alone."""

from tests.cluster.down import mount_points
from tests.cluster.network import removal

SAVED = """
# Generated
*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-SVC-ABC123 - [0:0]
:SLIPWAY-MASQUERADE - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -j SLIPWAY-MASQUERADE
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A KUBE-SERVICES -d 198.19.0.1/32 -p tcp -j KUBE-SVC-ABC123
-A SLIPWAY-MASQUERADE -s 198.18.0.0/16 ! -d 198.18.0.0/15 -j MASQUERADE
COMMIT
""".strip().splitlines()


def test_own_chains_are_emptied_unlinked_and_deleted() -> None:
    lines = removal(SAVED)
    assert [line for line in lines if line.startswith(":")] == [
        ":KUBE-SERVICES - [0:0]",
        ":KUBE-SVC-ABC123 - [0:0]",
        ":SLIPWAY-MASQUERADE - [0:0]",
    ]
    assert '-D PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES' in lines
    assert lines[-3:] == ["-X KUBE-SERVICES", "-X KUBE-SVC-ABC123", "-X SLIPWAY-MASQUERADE"]


def test_rules_of_other_programs_are_left_alone() -> None:
    assert not any("DOCKER" in line or "docker0" in line for line in removal(SAVED))


def test_a_table_without_ours_is_not_touched() -> None:
    assert removal([":PREROUTING ACCEPT [0:0]", "-A PREROUTING -j DOCKER", ":DOCKER - [0:0]"]) == []


def test_mounts_of_ours_come_innermost_first(tmp_path) -> None:  # type: ignore[no-untyped-def]
    state = tmp_path / "state"
    lines = [
        f"30 1 8:1 / {path} rw - ext4 /dev/vda rw"
        for path in ("/", state / "pods/a", state / "pods/a/inner\\040one", f"{state}-other/x", "/proc")
    ]
    assert mount_points("\n".join(lines), (state,)) == [f"{state}/pods/a/inner one", f"{state}/pods/a"]
