"""Brings up the cluster, builds the project's images, installs the chart: the very commands that README names."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from tests.demo import kube, shell
from tests.demo.kube import Cluster
from tests.demo.settings import OPERATOR_NAMESPACE, Environment, load

Say = Callable[[str], None]


def cluster_up(say: Say) -> Environment:
    """`python -m tests.cluster up`, which uses the cluster of KUBECONFIG where there is one, and builds our images."""
    shell.python("tests.cluster", "up", say=lambda line: say(f"    {line}"))
    return load()


def install(environment: Environment, say: Say) -> None:
    """`helm upgrade --install`, with the settings of this cluster, and waits until the operator is ready."""
    command = [
        environment.helm, "upgrade", "--install", "slipway", "charts/slipway",
        "--namespace", OPERATOR_NAMESPACE, "--create-namespace", "--wait", "--timeout", "4m",
        "--kubeconfig", environment.kubeconfig,
    ]  # fmt: skip
    for name, value in values(environment).items():
        command += ["--set-string" if isinstance(value, str) else "--set", f"{name}={_text(value)}"]
    say("helm upgrade --install slipway charts/slipway")
    shell.run(command)


def values(environment: Environment) -> dict[str, str | bool]:
    """The chart's values for this cluster."""
    repository, _, digest = environment.images["operator"].partition("@")
    repository, tag = _tagged(repository)
    return {
        "image.repository": repository,
        "image.tag": tag,
        "image.digest": digest,
        "prometheus.url": environment.prometheus_inside,
        "mlflow.url": environment.mlflow_inside,
        "images.builder": environment.images["builder"],
        "images.buildah": environment.images.get("buildah", ""),
        "images.buildahSeccompProfile": environment.seccomp_profile,
        "images.pipelines": environment.images["pipelines"],
        "images.base": environment.images["base"],
        "registry.default": environment.registry,
        "registry.plainHTTP": environment.registry_plain_http,
    }


def fresh_namespace(cluster: Cluster, name: str, say: Say) -> None:
    """An empty namespace: what an earlier demo left there goes first."""
    if cluster.get("Namespace", name) is not None:
        say(f"namespace {name}: removing what an earlier demo left")
        for rollout in cluster.list("ModelRollout", name):
            cluster.delete("ModelRollout", rollout["metadata"]["name"], name)
        cluster.delete("Namespace", name)
        kube.wait(
            lambda: {"status": (cluster.get("Namespace", name) or {}).get("status", {}).get("phase", "gone")},
            lambda found: found["status"] == "gone",
            180, f"removal of namespace {name}",
        )  # fmt: skip
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


def _tagged(reference: str) -> tuple[str, str]:
    """Splits `host:port/name:tag`; a colon before the last slash is a port."""
    name, colon, tag = reference.rpartition(":")
    return (name, tag) if colon and "/" not in tag else (reference, "")


def _text(value: str | bool) -> str:
    return value.replace(",", "\\,") if isinstance(value, str) else str(value).lower()


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m tests.demo.installation`: what tests and people run to get the cluster with Slipway installed."""
    parser = argparse.ArgumentParser(prog="python -m tests.demo.installation", description=__doc__)
    parser.add_argument("--fresh-namespace", metavar="NAME", help="only make this namespace, empty")
    options = parser.parse_args(arguments)
    if options.fresh_namespace:
        fresh_namespace(Cluster(load().kubeconfig), options.fresh_namespace, print)
        return 0
    try:
        install(cluster_up(print), print)
    except shell.CommandFailed as fault:
        print(fault, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
