"""Runs the real helm on the chart: no cluster, no network."""

from __future__ import annotations

import functools
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.build import GoTools
from tests.cluster.places import Places
from tests.cluster.progress import Progress

ROOT = Path(__file__).parents[3]
CHART = ROOT / "charts" / "slipway"
KUBERNETES = "1.34.4"
Manifest = dict[str, Any]


@functools.cache
def helm_program() -> str | None:
    """The helm that the cluster's tests build, or one on the PATH; None where there is neither yet."""
    tools = GoTools(Places.of_environment().cache, Progress())
    if tools.built("helm"):
        return str(tools.directory("helm") / "helm")
    return shutil.which("helm")


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs helm; skips the test where it is not built yet (`make test` builds it, and runs these tests again)."""
    program = helm_program()
    if program is None:
        pytest.skip("helm is not built yet: `make cluster` or `make controlplane` builds it")
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, check=False)


@functools.cache
def render(*settings: str, only: tuple[str, ...] = (), release: str = "slipway") -> list[Manifest]:
    """The manifests with the settings of `--set`, to read only. `only` names templates, which is faster."""
    flags = [flag for each in settings for flag in ("--set", each)]
    flags += [flag for each in only for flag in ("--show-only", f"templates/{each}.yaml")]
    done = helm("template", release, str(CHART), "--namespace", "slipway-system", "--kube-version", KUBERNETES, *flags)
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def of_kind(manifests: Sequence[Manifest], kind: str) -> list[Manifest]:
    """Those of one kind."""
    return [each for each in manifests if each["kind"] == kind]


def named(manifests: Sequence[Manifest], kind: str, name: str) -> Manifest:
    """The one of this kind and name."""
    (found,) = [each for each in of_kind(manifests, kind) if each["metadata"]["name"] == name]
    return found


def is_hook(manifest: Manifest) -> bool:
    """Whether Helm keeps it out of the release and runs it at an event."""
    return "helm.sh/hook" in manifest["metadata"].get("annotations", {})
