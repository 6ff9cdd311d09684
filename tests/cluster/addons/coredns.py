"""Names of Services and pods; everything else goes to the machine's own name servers."""

from __future__ import annotations

from tests.cluster import addresses
from tests.cluster.addons.addon import Addon, Context, Probe, manifest
from tests.cluster.build import TOOLS


def _phases(context: Context) -> list[str]:
    image = context.images.of_program("coredns", lambda: context.tool("coredns") / "coredns", TOOLS["coredns"].key)
    return [manifest("coredns.yaml", image=image, dns=addresses.DNS)]


def _nudge(context: Context) -> None:
    """kube-proxy writes differences; rules that another program flushed come back with its start only."""
    context.restart_proxy()


ADDON = Addon("coredns", _phases, (("kube-system", "coredns"),), (Probe("kube-system", "kube-dns", 53),), nudge=_nudge)
