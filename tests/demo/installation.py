"""Brings up the cluster, builds the project's images, installs the chart: the very commands that README names."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence

from tests.cluster.places import Places, given_kubeconfig
from tests.demo import kube, shell
from tests.demo.kube import Cluster
from tests.demo.settings import OPERATOR_NAMESPACE, Environment, load

Say = Callable[[str], None]

OURS = "slipway.dev/demo"
"""Label of the namespaces that the demo and the tests make, and description of the release that they install: nothing
else is replaced or deleted in a cluster that is not the embedded one."""


def cluster_up(say: Say) -> Environment:
    """`python -m tests.cluster up`, which uses the cluster of KUBECONFIG where there is one, and builds our images."""
    shell.python("tests.cluster", "up", say=lambda line: say(f"    {line}"))
    return load()


def install(environment: Environment, say: Say) -> None:
    """`helm upgrade --install`, with the settings of this cluster, and waits until the operator is ready."""
    refuse_strange_release(environment)
    command = [
        environment.helm, "upgrade", "--install", "slipway", "charts/slipway",
        "--namespace", OPERATOR_NAMESPACE, "--create-namespace", "--wait", "--timeout", "4m",
        "--kubeconfig", environment.kubeconfig, "--description", OURS,
    ]  # fmt: skip
    for name, value in values(environment).items():
        command += ["--set-string" if isinstance(value, str) else "--set", f"{name}={_text(value)}"]
    say("helm upgrade --install slipway charts/slipway")
    shell.run(command)


def refuse_strange_release(environment: Environment) -> None:
    """An installation of the user's own keeps its settings. Raises CommandFailed where there is one."""
    if not given_kubeconfig(Places.of_environment()):
        return
    helm = [environment.helm, "--kubeconfig", environment.kubeconfig, "--namespace", OPERATOR_NAMESPACE]
    if not json.loads(shell.run([*helm, "list", "--filter", "^slipway$", "--all", "--output", "json"])):
        return
    found = json.loads(shell.run([*helm, "status", "slipway", "--output", "json"]))
    if found["info"].get("description") != OURS:
        raise shell.CommandFailed(
            f"release slipway in namespace {OPERATOR_NAMESPACE} was installed by somebody else, and its settings would "
            "be lost: uninstall it first (helm uninstall leaves what serves serving), or take another cluster"
        )


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
    """An empty namespace: what an earlier demo left there goes first. Raises CommandFailed for one of somebody else."""
    found = cluster.get("Namespace", name)
    if found is not None:
        if OURS not in (found["metadata"].get("labels") or {}) and given_kubeconfig(Places.of_environment()):
            raise shell.CommandFailed(
                f"namespace {name} exists, and neither demo nor tests have made it: everything in it would be deleted; "
                "take another one (make demo: NAMESPACE=…), or delete it yourself"
            )
        say(f"namespace {name}: removing what an earlier demo left")
        for rollout in cluster.list("ModelRollout", name):
            cluster.delete("ModelRollout", rollout["metadata"]["name"], name)
        cluster.delete("Namespace", name)
        kube.wait(
            lambda: {"status": (cluster.get("Namespace", name) or {}).get("status", {}).get("phase", "gone")},
            lambda found: found["status"] == "gone",
            180, f"removal of namespace {name}",
        )  # fmt: skip
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {OURS: "true"}}})


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
    try:
        if options.fresh_namespace:
            fresh_namespace(Cluster(load().kubeconfig), options.fresh_namespace, print)
            return 0
        install(cluster_up(print), print)
    except shell.CommandFailed as fault:
        print(fault, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
