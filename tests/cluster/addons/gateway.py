"""Envoy Gateway, Envoy, and one Gateway `public` that takes routes of all namespaces."""

from __future__ import annotations

import hashlib
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from string import Template

from slipway_oci import ImageConfig, Layer

from tests.cluster.addons.addon import Addon, Context, manifest, rendered
from tests.cluster.api import answers
from tests.cluster.build import TOOLS
from tests.cluster.layers import install_wheels
from tests.cluster.places import PACKAGE

NAMESPACE = "envoy-gateway-system"
GATEWAY_NAMESPACE, GATEWAY = "slipway-gateway", "public"
_LOCK = PACKAGE / "envoy.txt"
_GATEWAY_PATH = f"/apis/gateway.networking.k8s.io/v1/namespaces/{GATEWAY_NAMESPACE}/gateways/{GATEWAY}"


def _phases(context: Context) -> list[str]:
    key = TOOLS["gateway"].key
    image = context.images.of_program("envoy-gateway", lambda: context.tool("gateway") / "envoy-gateway", key)
    chart = context.tool("gateway") / "charts" / "gateway-helm"
    template = (chart / "values.tmpl.yaml").read_text()
    defaults = Template(template).safe_substitute(GatewayImage=image, GatewayImagePullPolicy="IfNotPresent")
    own = manifest("gateway-values.yaml", image=image)
    controller = rendered(context.tool("helm") / "helm", chart, "eg", NAMESPACE, defaults, own)
    definitions = [path.read_text() for path in sorted((chart / "charts" / "crds" / "crds").rglob("*.yaml"))]
    namespace = f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {NAMESPACE}}}\n"
    gateway = manifest("gateway.yaml", envoy=_envoy(context))
    certificates, rest = _parted(controller)
    return ["\n---\n".join([namespace, *definitions]), certificates, rest, gateway]


def _parted(chart: str) -> tuple[str, str]:
    """The job that makes certificates, and the rest: a pod whose Secret is late waits up to 30 s for its next try."""
    documents = [one for one in re.split(r"^---\s*$", chart, flags=re.MULTILINE) if one.strip()]
    job = [one for one in documents if re.search(r"^  name: \S*-certgen$", one, re.MULTILINE)]
    return "---".join(job), "---".join(one for one in documents if one not in job)


def _envoy(context: Context) -> str:
    key = hashlib.sha256(_LOCK.read_bytes()).hexdigest()[:12]
    config = ImageConfig(entrypoint=("/usr/local/bin/envoy",), user="65532")

    def layers() -> list[Layer]:
        with tempfile.TemporaryDirectory(prefix="slipway-envoy-", dir=context.places.cache) as scratch:
            return [context.images.layers.get(f"envoy-{key}", "layer of envoy", _fill(Path(scratch)), prefix="")]

    return context.images.on_base("envoy", layers, key, config)


def _fill(scratch: Path) -> Callable[[Path, Path], None]:
    def fill(tree: Path, log: Path) -> None:
        install_wheels(_LOCK, scratch, log)
        target = tree / "usr" / "local" / "bin" / "envoy"
        target.parent.mkdir(parents=True)
        (scratch / "envoy" / "_bin" / "envoy").rename(target)
        target.chmod(0o755)

    return fill


def gateway_address(context: Context) -> str | None:
    """`address:port` of the Gateway once it is programmed, reachable from pods and from this machine."""
    found = context.api.get(_GATEWAY_PATH) or {}
    status = found.get("status", {})
    conditions = {one["type"]: one for one in status.get("conditions", [])}
    programmed = conditions.get("Programmed", {})
    current = programmed.get("observedGeneration", 0) >= found.get("metadata", {}).get("generation", 1)
    if programmed.get("status") != "True" or not current or not status.get("addresses"):
        return None
    return f"{status['addresses'][0]['value']}:{found['spec']['listeners'][0]['port']}"


def _answers(context: Context) -> bool:
    address = gateway_address(context)
    host, _, port = (address or "").rpartition(":")
    return bool(host) and answers(host, int(port))


def _nudge(context: Context) -> None:
    """Envoy Gateway loses the status it meant to write when the API server was away: a change makes it look again."""
    stamp = f"slipway.dev/looked-at={int(time.time())}"
    context.kubectl.run("--namespace", GATEWAY_NAMESPACE, "annotate", "--overwrite", "gateway", GATEWAY, stamp)


ADDON = Addon(
    "gateway",
    _phases,
    ((NAMESPACE, "envoy-gateway"),),
    present=("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/httproutes.gateway.networking.k8s.io",),
    ready=_answers,
    nudge=_nudge,
    awaited={2: f"/api/v1/namespaces/{NAMESPACE}/secrets/envoy-gateway"},
)
