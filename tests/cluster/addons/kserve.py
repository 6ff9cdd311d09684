"""KServe's controller in Standard mode, without cert-manager: the cluster's own authority signs its webhooks."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.addons.addon import Addon, Context, Probe, manifest, rendered
from tests.cluster.build import TOOLS
from tests.cluster.certificates import Identity

NAMESPACE = "kserve"
_SERVICE = f"kserve-webhook-server-service.{NAMESPACE}.svc"
_SECRET = "kserve-webhook-server-cert"
_CRDS = (
    "clusterservingruntimes",
    "clusterstoragecontainers",
    "inferencegraphs",
    "inferenceservices",
    "servingruntimes",
    "trainedmodels",
)


def _phases(context: Context) -> list[str]:
    image = context.images.of_program("kserve", lambda: context.tool("kserve") / "manager", TOOLS["kserve"].key)
    repository, _, digest = image.rpartition(":")  # the chart joins the two again: …@sha256 and the digits
    charts = context.tool("kserve") / "charts"
    helm = context.tool("helm") / "helm"
    values = manifest("kserve-values.yaml", repository=repository, tag=digest)
    definitions = rendered(helm, charts / "kserve-crd", "kserve-crd", NAMESPACE)
    objects = yaml.load_all(rendered(helm, charts / "kserve-resources", "kserve", NAMESPACE, values), _LOADER)
    adapted = [_adapted(one, context.authority.certificate) for one in objects if one and not _left_out(one)]
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    custom = [one for one in adapted if one["apiVersion"].startswith("serving.kserve.io")]
    rest = [one for one in adapted if one not in custom]
    first = yaml.safe_dump_all([namespace, _certificate(context)])
    return [first + "---\n" + definitions, yaml.safe_dump_all(rest), *([yaml.safe_dump_all(custom)] if custom else [])]


def _left_out(manifest: dict[str, Any]) -> bool:
    """cert-manager's kinds, and a Secret that the chart leaves empty for it."""
    name = manifest["metadata"]["name"]
    return manifest["kind"] in ("Certificate", "Issuer") or (manifest["kind"], name) == ("Secret", _SECRET)


def _adapted(manifest: dict[str, Any], authority: Path) -> dict[str, Any]:
    if manifest["kind"].endswith("WebhookConfiguration"):
        manifest["metadata"].pop("annotations", None)
        for webhook in manifest["webhooks"]:
            webhook["clientConfig"]["caBundle"] = _encoded(authority)
    if manifest["kind"] == "Deployment":
        pod = manifest["spec"]["template"]["spec"]
        pod["containers"] = [one for one in pod["containers"] if one["name"] != "kube-rbac-proxy"]
        pod["securityContext"]["runAsUser"] = 65532
        for container in pod["containers"]:
            _quicken(container)
    return manifest


def _quicken(container: dict[str, Any]) -> None:
    """One replica needs no election (whose old lease a restart waits for), and no 30 s before the first question."""
    container["args"] = [one for one in container.get("args", []) if one != "--leader-elect"]
    container["command"] = ["/usr/local/bin/kserve"]
    for probe in ("readinessProbe", "livenessProbe"):
        if probe in container:
            container[probe]["initialDelaySeconds"] = 1 if probe == "readinessProbe" else 30
    if "readinessProbe" in container:
        container["readinessProbe"]["periodSeconds"] = 2


def _certificate(context: Context) -> dict[str, Any]:
    names = (_SERVICE, f"{_SERVICE}.cluster.local")
    certificate, key = context.authority.issue(Identity("kserve-webhook", "kserve-webhook", names=names))
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": _SECRET, "namespace": NAMESPACE},
        "type": "kubernetes.io/tls",
        "data": {"tls.crt": _encoded(certificate), "tls.key": _encoded(key)},
    }


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
ADDON = Addon(
    "kserve",
    _phases,
    ((NAMESPACE, "kserve-controller-manager"),),
    (Probe(NAMESPACE, "kserve-webhook-server-service", 443),),
    present=tuple(
        f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}.serving.kserve.io" for name in _CRDS
    ),
)
