"""The cluster's programs, built from Go's module proxy: pinned in go/<tool>/go.mod, cached by what goes into them."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.errors import ClusterError
from tests.cluster.lock import exclusive
from tests.cluster.places import PACKAGE
from tests.cluster.progress import Progress

GO_MODULES = PACKAGE / "go"
# Where Go lies on machines whose PATH does not say so.
_GO_ELSEWHERE = ("/usr/local/go/bin/go", "/usr/lib/go/bin/go")


@dataclass(frozen=True)
class Tool:
    """One go.mod. `module` gives version and assets; `renamed` maps a built program's name to the one that we use."""

    name: str
    module: str
    programs: tuple[str, ...]
    renamed: dict[str, str] = field(default_factory=dict)
    stamps: tuple[str, ...] = ()
    assets: tuple[str, ...] = ()

    @property
    def directory(self) -> Path:
        return GO_MODULES / self.name

    @property
    def version(self) -> str:
        """The version that go.mod requires."""
        text = (self.directory / "go.mod").read_text()
        found = re.search(rf"^\s*(?:require\s+)?{re.escape(self.module)}\s+(v\S+)", text, re.MULTILINE)
        if not found:
            raise ClusterError(f"{self.directory}/go.mod requires no {self.module}", "restore the file from git")
        return found.group(1)

    @property
    def ldflags(self) -> str:
        """Without the stamp the API server calls itself v0.0.0, which Helm refuses."""
        major, minor = self.version.lstrip("v").split(".")[:2]
        values = {"gitVersion": self.version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
        stamps = [f"-X {package}.{name}={value}" for package in self.stamps for name, value in values.items()]
        return " ".join(["-s -w", *stamps])

    @property
    def key(self) -> str:
        """Names the result: the same inputs are never built twice, other inputs never mistaken for these."""
        digest = hashlib.sha256()
        for name in ("go.mod", "go.sum"):
            digest.update((self.directory / name).read_bytes())
        digest.update(self.ldflags.encode())
        digest.update(repr(self.assets).encode() if self.assets else b"")
        return digest.hexdigest()[:12]


_VERSION_PACKAGES = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
TOOLS = {
    tool.name: tool
    for tool in (
        Tool(
            "kubernetes",
            "k8s.io/kubernetes",
            ("kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubectl", "kubelet"),
            stamps=_VERSION_PACKAGES,
        ),
        Tool("etcd", "go.etcd.io/etcd/server/v3", ("etcd",), renamed={"server": "etcd"}),
        Tool("helm", "helm.sh/helm/v3", ("helm",)),
        Tool("coredns", "github.com/coredns/coredns", ("coredns",)),
        Tool(
            "kserve",
            "github.com/kserve/kserve",
            ("manager",),
            assets=("charts/kserve-crd", "charts/kserve-resources"),
        ),
        Tool("gateway", "github.com/envoyproxy/gateway", ("envoy-gateway",), assets=("charts/gateway-helm",)),
    )
}
# Not of the cluster: only tests want it.
TEST_TOOLS = {"versitygw": Tool("versitygw", "github.com/versity/versitygw", ("versitygw",))}
_KNOWN = TOOLS | TEST_TOOLS


class GoTools:
    """Builds into `<cache>/bin/<tool>-<key>`, one tool at a time on the whole machine."""

    def __init__(self, cache: Path, progress: Progress) -> None:
        self._bin = cache / "bin"
        self._progress = progress
        self._running: subprocess.Popen[bytes] | None = None

    def cancel(self) -> None:
        """Ends the build that another thread is at, which then fails."""
        running = self._running
        if running is not None:
            running.terminate()

    def directory(self, name: str) -> Path:
        """Where a tool's programs lie once it is built."""
        return self._bin / f"{name}-{_KNOWN[name].key}"

    def built(self, name: str) -> bool:
        return self.directory(name).is_dir()

    def ensure(self, name: str) -> Path:
        """The tool's directory, built where it is missing. Raises ClusterError with the log's path."""
        target = self.directory(name)
        if target.is_dir():
            return target
        go = find_go()
        with exclusive(self._bin / ".lock", self._progress.say):
            if not target.is_dir():
                self._build(_KNOWN[name], target, go)
        return target

    def _build(self, tool: Tool, target: Path, go: str) -> None:
        log = self._bin / f"{target.name}.log"
        for killed in self._bin.glob(f".{tool.name}-*"):  # the lock is ours: nobody is at work there
            shutil.rmtree(killed, ignore_errors=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{tool.name}-", dir=self._bin))
        try:
            with self._progress.step(f"building {tool.name} {tool.version}"), log.open("wb") as output:
                self._go_build(tool, scratch, go, log, output.fileno())
                self._copy_assets(tool, scratch, go)
            for built, wanted in tool.renamed.items():
                (scratch / built).rename(scratch / wanted)
            _require_programs(tool, scratch, log)
            scratch.chmod(0o755)
            scratch.rename(target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _go_build(self, tool: Tool, scratch: Path, go: str, log: Path, output: int) -> None:
        command = [go, "build", "-trimpath", "-ldflags", tool.ldflags, "-o", f"{scratch}/", "tool"]
        self._running = subprocess.Popen(
            command, cwd=tool.directory, env=_go_environment(), stdout=output, stderr=output
        )
        code = self._running.wait()
        self._running = None
        if code:
            last = log.read_text(errors="replace").strip().splitlines()[-1:] or ["(no output)"]
            raise ClusterError(
                f"building {tool.name} failed with exit code {code}: {last[0][:300]}",
                f"read {log}; is Go's module proxy reachable (go env GOPROXY) and the disk not full? Then run again",
            )

    def _copy_assets(self, tool: Tool, scratch: Path, go: str) -> None:
        """Charts travel with the programs, so that a warm start needs neither Go nor its module cache."""
        if not tool.assets:
            return
        module = Path(_go(go, tool, "list", "-m", "-f", "{{.Dir}}", tool.module).strip())
        for asset in tool.assets:
            copied = scratch / asset
            shutil.copytree(module / asset, copied)
            for path in (copied, *copied.rglob("*")):  # Go keeps its module cache read-only
                path.chmod(0o755 if path.is_dir() else 0o644)


def _require_programs(tool: Tool, scratch: Path, log: Path) -> None:
    missing = [program for program in tool.programs if not (scratch / program).is_file()]
    if missing:
        raise ClusterError(f"building {tool.name} made no {', '.join(missing)}", f"read {log}")


def find_go() -> str:
    """The go command. Raises ClusterError where there is none."""
    for candidate in (shutil.which("go"), *_GO_ELSEWHERE):
        if candidate and os.access(candidate, os.X_OK):
            return candidate
    raise ClusterError(
        "the cluster's programs are built with Go, and there is no `go` here",
        "install Go 1.21 or newer (https://go.dev/dl), or give a cluster of your own through KUBECONFIG",
    )


def _go_environment() -> dict[str, str]:
    """CGO off: static programs, which are images without anything else. A newer Go is fetched where go.mod asks."""
    settings = {"CGO_ENABLED": "0", "GOWORK": "off", "GOTOOLCHAIN": os.environ.get("GOTOOLCHAIN", "auto")}
    return {**os.environ, **settings, "GOFLAGS": "-mod=readonly -buildvcs=false"}


def _go(go: str, tool: Tool, *arguments: str) -> str:
    finished = subprocess.run(
        [go, *arguments], cwd=tool.directory, env=_go_environment(), capture_output=True, text=True, check=False
    )
    if finished.returncode:
        raise ClusterError(
            f"go {' '.join(arguments)} failed for {tool.name}: {finished.stderr.strip()[-500:]}",
            "is Go's module proxy reachable (go env GOPROXY), and Go at least 1.21?",
        )
    return finished.stdout
