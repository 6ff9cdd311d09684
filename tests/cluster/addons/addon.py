"""An add-on is manifests in phases, and what has to be so afterwards. `deploy` brings one there, or leaves it alone."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from tests.cluster.api import Api, answers, wait_for
from tests.cluster.certificates import Authority
from tests.cluster.errors import ClusterError
from tests.cluster.images import Images
from tests.cluster.kubectl import Kubectl
from tests.cluster.places import PACKAGE, Places
from tests.cluster.progress import Progress
from tests.cluster.rootfs import USER

_NUDGE_SECONDS = 12.0


@dataclass(frozen=True)
class Context:
    """What an add-on may use. `tool` gives the directory of a Go tool, waiting for its build.

    `restart_proxy` has kube-proxy write all of its rules anew.
    """

    places: Places
    progress: Progress
    tool: Callable[[str], Path]
    kubectl: Kubectl
    api: Api
    images: Images
    authority: Authority
    restart_proxy: Callable[[], None]

    def data_directory(self, name: str) -> Path:
        """Storage of one add-on that outlives its pods (not the cluster), owned by the user of our images."""
        path = self.places.state / "data" / name
        path.mkdir(parents=True, exist_ok=True, mode=0o755)
        _own(path)
        return path


@dataclass(frozen=True)
class Probe:
    """A Service that has to answer from this machine: HTTP at `path`, or any connection where `path` is empty."""

    namespace: str
    service: str
    port: int
    path: str = ""

    def answers(self, api: Api) -> bool:
        """What the API says of pods is a memory: after a crash it says "available" of those that are dead."""
        found = api.get(f"/api/v1/namespaces/{self.namespace}/services/{self.service}")
        return found is not None and answers(found["spec"]["clusterIP"], self.port, self.path)


@dataclass(frozen=True)
class Addon:
    """`phases` gives manifests that are applied one after the other (definitions before what they define).

    `workloads` are its Deployments as (namespace, name); `probes` its Services; `present` further API paths that
    must exist; `ready` what else must be so; `nudge` helps out of a known rut, asked while it does not work;
    `awaited` the API path that has to exist before the phase of that number.
    """

    name: str
    phases: Callable[[Context], Sequence[str]]
    workloads: tuple[tuple[str, str], ...]
    probes: tuple[Probe, ...] = ()
    present: tuple[str, ...] = ()
    ready: Callable[[Context], bool] = lambda _: True
    nudge: Callable[[Context], None] = lambda _: None
    awaited: Mapping[int, str] = field(default_factory=dict)


def deploy(addon: Addon, context: Context, timeout: float = 240.0) -> None:
    """Applies what changed and waits until all of it works. Raises ClusterError."""
    phases = addon.phases(context)
    record = context.places.records / f"addon-{addon.name}.sha256"
    fingerprint = hashlib.sha256("\0".join(phases).encode()).hexdigest()
    if record.exists() and record.read_text() == fingerprint and settled(addon, context):
        return
    with context.progress.step(f"add-on {addon.name}"):  # it says at once which one fails; the others go on
        record.unlink(missing_ok=True)
        for number, phase in enumerate(phases):
            _await(addon.awaited.get(number), context)
            context.kubectl.apply(phase)
            _wait_for_definitions(phase, context)
        remedy = f"look at its pods: kubectl --kubeconfig {context.places.kubeconfig} get pods,events -A"
        wait_for(f"add-on {addon.name} works:", _patient(addon, context), timeout, remedy)
        record.write_text(fingerprint)


def _patient(addon: Addon, context: Context) -> Callable[[], bool]:
    """Whether it works; while it does not, a nudge now and then."""
    last = time.monotonic()

    def works() -> bool:
        nonlocal last
        if settled(addon, context):
            return True
        if time.monotonic() - last > _NUDGE_SECONDS:
            last = time.monotonic()
            addon.nudge(context)
        return False

    return works


def settled(addon: Addon, context: Context) -> bool:
    """Whether all of it is there and works now."""
    try:
        return (
            all(context.api.get(path) is not None for path in addon.present)
            and all(context.api.deployed(namespace, name) for namespace, name in addon.workloads)
            and all(probe.answers(context.api) for probe in addon.probes)
            and addon.ready(context)
        )
    except OSError:
        return False


def _await(path: str | None, context: Context) -> None:
    if path:
        wait_for(f"{path} is there:", lambda: context.api.get(path) is not None, 120, "see kubectl get pods,events -A")


def _wait_for_definitions(phase: str, context: Context) -> None:
    """An object of a kind that was defined a moment ago is refused until the API server serves the kind."""
    if "kind: CustomResourceDefinition" in phase:
        wait_for(
            "all definitions are established:", lambda: _established(context.api), 60, "see kubectl get crd -o yaml"
        )


def _established(api: Api) -> bool:
    definitions = (api.get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions") or {}).get("items", [])
    established = {"type": "Established", "status": "True"}
    return all(
        any(established.items() <= one.items() for one in definition.get("status", {}).get("conditions") or [])
        for definition in definitions
    )


def manifest(name: str, **values: str) -> str:
    """manifests/`name` with its `$$placeholders` filled."""
    return Template((PACKAGE / "manifests" / name).read_text()).substitute(values)


def rendered(helm: Path, chart: Path, release: str, namespace: str, *values: str) -> str:
    """What the chart makes of `values` (YAML texts, later ones win). Raises ClusterError."""
    command = [str(helm), "template", release, str(chart), "--namespace", namespace, "--skip-crds"]
    paths: list[Path] = []
    with tempfile.TemporaryDirectory() as directory:
        for number, text in enumerate(values):
            path = Path(directory) / f"{number}.yaml"
            path.write_text(text)
            paths.append(path)
        command += [f"--values={path}" for path in paths]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"helm could not render {chart.name}: {done.stderr.strip()[-800:]}", "is the chart changed?")
    return done.stdout


def _own(path: Path) -> None:
    if path.stat().st_uid != USER:
        os.chown(path, USER, USER)
