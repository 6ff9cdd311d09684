"""Image layers that are expensive to make, kept in the cache as files: Python environments and programs."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from slipway_oci import Layer, layer_from_tree

from tests.cluster.errors import ClusterError
from tests.cluster.lock import exclusive
from tests.cluster.progress import Progress

# Debian 12's, in the base image as on the embedded cluster's machine: bytecode is made by the version that reads it.
PYTHON_VERSION = "3.11"
_PYTHONS = ("/usr/bin/python3", sys.executable, f"python{PYTHON_VERSION}")
DEPENDENCIES = "opt/python"
# Raise it when what is left out or how it is compiled changes.
_RECIPE = 2
_PLATFORM = "x86_64-manylinux_2_36"
_UNREAD_SUFFIXES = (".a", ".pxd", ".pyx", ".c", ".cpp", ".h", ".hpp")
_TESTED = ("numpy", "pandas", "pyarrow", "scipy", "sklearn")


class LayerCache:
    """Layers by key below `<cache>/layers`; each is made once per machine."""

    def __init__(self, cache: Path, progress: Progress) -> None:
        self._directory = cache / "layers"
        self._progress = progress

    def python_environment(self, lock: Path) -> Layer:
        """What `lock` (requirements with hashes) installs, compiled, at /opt/python."""
        return self.get(
            environment_key(lock), f"Python environment {lock.stem}", lambda tree, log: _install(lock, tree, log)
        )

    def programs(self, name: str, programs: Mapping[str, Path], key: str) -> Layer:
        """Files at absolute paths of the image; `key` names their content."""

        def fill(tree: Path, log: Path) -> None:
            for target, source in programs.items():
                _place(source, tree / target.lstrip("/"))

        return self.get(f"{name}-{_hash(_RECIPE, key, sorted(programs))}", f"layer of {name}", fill, prefix="")

    def get(self, key: str, title: str, fill: Callable[[Path, Path], None], prefix: str = DEPENDENCIES) -> Layer:
        """The layer `key`; `fill(tree, log)` makes its tree where it is not in the cache."""
        found = self._load(key)
        if found:
            return found
        with exclusive(self._directory / f"{key}.lock", self._progress.say):
            found = self._load(key)
            if found:
                return found
            with self._progress.step(f"making {title}"), self._scratch(key) as scratch:
                tree = scratch / "tree"
                tree.mkdir()
                fill(tree, self._directory / f"{key}.log")
                made = layer_from_tree(tree, prefix, scratch / "layer", created_by=f"slipway {key}")
                return self._keep(key, made)

    def _load(self, key: str) -> Layer | None:
        description, content = self._directory / f"{key}.json", self._directory / f"{key}.tar.gz"
        if not (description.exists() and content.exists()):
            return None
        return Layer(**{**json.loads(description.read_text()), "path": content})

    def _keep(self, key: str, made: Layer) -> Layer:
        content = self._directory / f"{key}.tar.gz"
        made.path.rename(content)
        temporary = self._directory / f".{key}.json"
        temporary.write_text(json.dumps({**asdict(made), "path": ""}))
        temporary.rename(self._directory / f"{key}.json")
        return Layer(made.digest, made.diff_id, made.size, content, made.created_by)

    @contextmanager
    def _scratch(self, key: str) -> Iterator[Path]:
        for killed in self._directory.glob(f".{key}-*"):  # the lock is ours: nobody is at work there
            shutil.rmtree(killed, ignore_errors=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{key}-", dir=self._directory))
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def environment_key(lock: Path) -> str:
    """Names the layer that `python_environment` makes of `lock`."""
    return f"python-{_hash(_RECIPE, PYTHON_VERSION, lock.read_bytes().hex())}"


def install_wheels(lock: Path, tree: Path, log: Path) -> None:
    """Installs `lock` into `tree` for the image's Python, whatever this machine's is. Raises ClusterError."""
    python = ["--python", python_of_images() or sys.executable, "--python-version", PYTHON_VERSION]
    target = ["--target", str(tree), *python, "--python-platform", _PLATFORM]
    options = ["--no-config", "--require-hashes", "--link-mode", "copy", "--only-binary", ":all:"]
    command = [sys.executable, "-m", "uv", "pip", "install", *target, *options, "-r", str(lock)]
    _run(command, log, f"the packages of {lock.name} could not be installed", "is a Python package index reachable?")


def _install(lock: Path, tree: Path, log: Path) -> None:
    install_wheels(lock, tree, log)
    for unread in _unread(tree):
        if unread.is_dir():
            shutil.rmtree(unread)
        else:
            unread.unlink()
    compile_bytecode(tree, f"/{DEPENDENCIES}", log)


@functools.cache
def python_of_images() -> str | None:
    """A Python of this machine that is of the images' version."""
    asked = "import sys; print('%d.%d' % sys.version_info[:2])"
    for candidate in _PYTHONS:
        program = shutil.which(candidate)
        if program:
            done = subprocess.run([program, "-c", asked], capture_output=True, text=True, check=False)
            if done.stdout.strip() == PYTHON_VERSION:
                return program
    return None


def compile_bytecode(tree: Path, place: str, log: Path) -> None:
    """Pods have a read-only root and cannot do it later: without, importing mlflow costs 10 s of CPU instead of 2.

    Bytecode that is never compared with its source, since a layer keeps no times; a fixed hash seed and the path
    inside the image, so that the bytes depend on nothing of this machine. A machine without that Python compiles
    none, and pods start slowly.
    """
    python = python_of_images()
    if python is None:
        return
    mode = ["--invalidation-mode", "unchecked-hash", "-s", str(tree), "-p", place]
    command = [python, "-m", "compileall", "-q", "-j", "2", *mode, str(tree)]
    # Some packages carry templates and tests of other Pythons' syntax: exit code 1 says so, and nothing imports them.
    with log.open("ab") as output:
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        subprocess.run(command, stdout=output, stderr=output, env=environment, check=False)


def _unread(tree: Path) -> list[Path]:
    """Tests and headers of the large packages: a third of their files."""
    tests = [path for name in _TESTED for path in (tree / name).rglob("tests") if path.is_dir()]
    headers = [
        path
        for name in _TESTED
        for path in (tree / name).rglob("*")
        if path.suffix in _UNREAD_SUFFIXES and path.is_file() and "tests" not in path.relative_to(tree).parts
    ]
    outermost = [path for path in tests if not any(other in path.parents for other in tests)]
    return [*outermost, *headers, *tree.glob(".lock")]


def _place(source: Path, target: Path) -> None:
    """A second name for the file where that is possible: programs are large."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)


def _run(command: list[str], log: Path, what: str, remedy: str) -> None:
    with log.open("ab") as output:
        done = subprocess.run(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        last = log.read_text(errors="replace").strip().splitlines()[-1:]
        raise ClusterError(f"{what}: {' '.join(last)[:300]}", f"read {log}; {remedy}")


def _hash(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]
