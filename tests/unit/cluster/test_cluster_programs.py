"""Programs that are there or are not: kubectl, helm, Go, and builds that fail; each with its way out."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster import bare, build, packages, preflight
from tests.cluster.build import GoTools
from tests.cluster.errors import ClusterError, exit_code
from tests.cluster.external import programs
from tests.cluster.external.reader import Reader, one_file
from tests.cluster.places import Places
from tests.cluster.progress import Progress


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only directory of the PATH, empty; Go is nowhere else either."""
    directory = tmp_path / "path"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))
    monkeypatch.setattr(build, "_GO_ELSEWHERE", ())
    return directory


def script(path: Path, name: str, *lines: str) -> Path:
    program = path / name
    program.write_text("\n".join(("#!/bin/sh", "PATH=/usr/bin:/bin", *lines, "")))
    program.chmod(0o755)
    return program


def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "state", tmp_path / "cache")


def tools(tmp_path: Path, stream: io.StringIO | None = None) -> GoTools:
    return GoTools(places(tmp_path).cache, Progress(stream or io.StringIO()))


def test_without_go_the_machine_is_refused_with_both_ways_out(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(ClusterError, match=r"(?s)no `go` here.*install Go.*KUBECONFIG"):
        preflight.require_machine(places(tmp_path), tools(tmp_path))


def test_go_is_not_asked_for_where_all_is_built(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(preflight, "_WARM_BYTES", 0)
    for name in build.TOOLS:
        tools(tmp_path).directory(name).mkdir(parents=True)
    preflight.require_machine(places(tmp_path), tools(tmp_path))


@pytest.mark.parametrize(
    ("system", "machine", "user", "said"),
    [
        ("Linux", "x86_64", 1000, r"(?s)needs root, and this is user 1000.*sudo.*KUBECONFIG"),
        ("Darwin", "x86_64", 0, r"(?s)runs on Linux, and this is Darwin.*KUBECONFIG"),
        ("Linux", "aarch64", 0, r"(?s)x86_64, and this is aarch64.*KUBECONFIG"),
    ],
)
def test_another_machine_or_user_is_refused_before_anything_is_touched(
    system: str, machine: str, user: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight.platform, "system", lambda: system)
    monkeypatch.setattr(preflight.platform, "machine", lambda: machine)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    with pytest.raises(ClusterError, match=said):
        preflight.require_machine(places(tmp_path), tools(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_failed_build_shows_its_last_words_its_log_and_what_to_do(path: Path, tmp_path: Path) -> None:
    script(path, "go", "echo first >&2", 'echo "go: module lookup disabled by GOPROXY=off" >&2', "exit 1")
    with pytest.raises(ClusterError) as caught:
        tools(tmp_path).ensure("etcd")
    log = tmp_path / "cache" / "bin" / f"{tools(tmp_path).directory('etcd').name}.log"
    assert "building etcd failed with exit code 1: go: module lookup disabled by GOPROXY=off" in caught.value.message
    assert str(log) in caught.value.remedy
    assert "GOPROXY" in caught.value.remedy
    assert log.read_text().splitlines()[0] == "first"
    assert not tools(tmp_path).built("etcd")
    assert [one.name for one in log.parent.iterdir() if one.is_dir()] == [], "nothing half built stays"


def test_after_a_failed_build_the_next_one_starts_afresh(path: Path, tmp_path: Path) -> None:
    script(path, "go", "exit 1")
    with pytest.raises(ClusterError):
        tools(tmp_path).ensure("etcd")
    script(path, "go", 'while [ "$1" != -o ]; do shift; done', 'touch "$2/server"')
    assert (tools(tmp_path).ensure("etcd") / "etcd").is_file()


def test_a_build_that_makes_nothing_is_a_failure_with_a_log(path: Path, tmp_path: Path) -> None:
    script(path, "go", "exit 0")
    with pytest.raises(ClusterError, match=r"(?s)building helm made no helm.*\.log"):
        tools(tmp_path).ensure("helm")


@pytest.mark.parametrize(
    ("file", "package"),
    [
        ("/usr/sbin/debootstrap", "debootstrap"),
        ("/usr/lib/cni/bridge", "containernetworking-plugins"),
        ("/usr/bin/ctr", "the package that holds it"),
    ],
)
def test_a_missing_program_is_told_its_package(file: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages.os, "access", lambda *_: False)
    with pytest.raises(ClusterError, match=f"(?s){file} is missing.*install {package};"):
        packages.program(file)


@pytest.mark.parametrize("find", [programs.kubectl, programs.helm])
def test_the_users_own_program_comes_first(
    find: Callable[[GoTools, Progress], str], path: Path, tmp_path: Path
) -> None:
    own = script(path, find.__name__, "exit 0")
    assert find(tools(tmp_path), Progress(io.StringIO())) == str(own)


@pytest.mark.parametrize(("find", "tool"), [(programs.kubectl, "kubernetes"), (programs.helm, "helm")])
def test_one_that_the_embedded_cluster_built_will_do_without_go(
    find: Callable[[GoTools, Progress], str], tool: str, path: Path, tmp_path: Path
) -> None:
    tools(tmp_path).directory(tool).mkdir(parents=True)
    said = io.StringIO()
    assert find(tools(tmp_path), Progress(said)) == str(tools(tmp_path).directory(tool) / find.__name__)
    assert said.getvalue() == ""


@pytest.mark.parametrize("find", [programs.kubectl, programs.helm])
def test_without_program_and_go_both_ways_are_named(
    find: Callable[[GoTools, Progress], str], path: Path, tmp_path: Path
) -> None:
    name = find.__name__
    with pytest.raises(
        ClusterError, match=rf"(?s)no {name} on the PATH, and no Go.*install {name} \(https.*or Go 1\.21"
    ):
        find(tools(tmp_path), Progress(io.StringIO()))


def test_building_one_is_said_before_it_takes_minutes(path: Path, tmp_path: Path) -> None:
    script(path, "go", 'while [ "$1" != -o ]; do shift; done', 'touch "$2/helm"')
    said = io.StringIO()
    assert programs.helm(tools(tmp_path), Progress(said)).endswith("/helm")
    assert "there is no helm on the PATH: building it with Go" in said.getvalue().splitlines()[0]


def test_a_kind_that_the_cluster_does_not_know_is_an_empty_answer(path: Path) -> None:
    kubectl = script(
        path, "kubectl", 'echo "error: the server doesn\'t have a resource type \\"gateways\\"" >&2; exit 1'
    )
    assert Reader(str(kubectl), "/k").items("gateways") == []


def test_a_cluster_that_does_not_answer_is_told_to_the_user(path: Path) -> None:
    kubectl = script(path, "kubectl", 'echo "Unable to connect to the server: i/o timeout" >&2; exit 1')
    with pytest.raises(ClusterError, match=r"(?s)refuses `kubectl get nodes.*i/o timeout.*check KUBECONFIG"):
        Reader(str(kubectl), "/k").items("nodes")


def test_a_kubeconfig_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=str(tmp_path / "none")):
        one_file("/kubectl", str(tmp_path / "none"), tmp_path)


def test_several_kubeconfigs_become_one_file_that_others_cannot_read(path: Path, tmp_path: Path) -> None:
    kubectl = script(path, "kubectl", 'test "$*" = "config view --raw --flatten --minify" && echo "of $KUBECONFIG"')
    files = [tmp_path / "a", tmp_path / "b"]
    for file in files:
        file.write_text("")
    assert one_file(str(kubectl), str(files[0]), tmp_path) == str(files[0])
    joined = Path(one_file(str(kubectl), f"{files[0]}:{files[1]}", tmp_path))
    assert joined.read_text() == f"of {files[0]}:{files[1]}\n"
    assert joined.stat().st_mode & 0o077 == 0


def test_the_control_planes_programs_are_those_of_kubebuilder_assets(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPWAY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(path))
    script(path, "go", 'while [ "$1" != -o ]; do shift; done', 'touch "$2/helm"')
    for name in ("etcd", "kube-apiserver"):
        script(path, name)
    with pytest.raises(ClusterError, match=r"(?s)KUBEBUILDER_ASSETS is .*has no kubectl.*setup-envtest"):
        bare.control_plane_binaries(Progress(io.StringIO()))
    script(path, "kubectl")
    assert bare.control_plane_binaries(Progress(io.StringIO())).kube_apiserver == path / "kube-apiserver"


def test_programs_without_go_are_told_the_way_out_and_no_traceback(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SLIPWAY_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    assert exit_code(bare.control_plane_binaries) == 1
    assert "remedy: install Go" in capsys.readouterr().err
