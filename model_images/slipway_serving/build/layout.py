"""How a served image is laid out: one dependency layer, the server's code, the model; and the keys that name images."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import slipway.features
import slipway.files
from slipway_oci import ImageConfig, Layer, layer_from_tree

import slipway_serving
from slipway_serving.build.bytecode import compile_tree
from slipway_serving.build.installer import SYSTEM_LIBRARIES

PACKAGES = "opt/python"
CODE = "opt/slipway"
MODEL = "opt/slipway/model"
# Part of every key: raise it when the same inputs shall give another image.
LAYOUT = "3"
LOCK_LABEL = "dev.slipway.dependencies"
MODEL_LABEL = "dev.slipway.model-digest"
FLAVOUR_LABEL = "dev.slipway.flavour"
PYTHON_LABEL = "dev.slipway.python"
BASE_LABEL = "org.opencontainers.image.base.digest"

# One thread per request: a second row's worth of OpenMP threads costs more than a row's prediction.
_ENVIRONMENT = {
    "PYTHONPATH": f"/{CODE}:/{PACKAGES}",
    "PYTHONUNBUFFERED": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "HOME": "/tmp",
    "LD_LIBRARY_PATH": f"/{PACKAGES}/{SYSTEM_LIBRARIES}",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


def image_config(labels: dict[str, str]) -> ImageConfig:
    """How a served image starts: as a user that is nobody, on port 8080."""
    return ImageConfig(
        env=_ENVIRONMENT,
        entrypoint=("python3", "-m", "slipway_serving.service"),
        user="65532",
        workdir="/",
        labels=labels,
        ports=(8080,),
    )


def code_layer(work: Path) -> Layer:
    """The server's own code (not the builder's) and what it shares with training, with their bytecode."""
    root = work / "code"
    own = Path(slipway_serving.__file__).parent
    shared = [Path(each.__file__ or "").parent for each in (slipway.features, slipway.files)]
    for package in (own / "service", own / "scoring", *shared):
        target = root / package.parent.name
        shutil.copytree(package, target / package.name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copyfile(package.parent / "__init__.py", target / "__init__.py")
    compile_tree(root)
    return layer_from_tree(root, CODE, work / "code.tar.gz", created_by="slipway: server")


def lock_digest(lock: str) -> str:
    """Digest of what a lock installs: its comments, which say why, do not count."""
    lines = (line.split(" #")[0].strip() for line in lock.splitlines())
    content = "\n".join(line for line in lines if line and not line.startswith("#"))
    return "sha256:" + hashlib.sha256(content.encode()).hexdigest()


def image_labels(base_digest: str) -> dict[str, str]:
    """Labels of everything that is built upon a base."""
    return {BASE_LABEL: base_digest, PYTHON_LABEL: _python()}


def dependency_key(base_digest: str, lock: str) -> str:
    """The tag of the dependency image: base, lock, Python version, layout."""
    return "dependencies-" + _key(base_digest, lock_digest(lock), _python(), LAYOUT)


def model_key(model_digest: str, base_digest: str, lock: str, code: Layer, origin: Mapping[str, str]) -> str:
    """The tag of a model's image. `lock` is the serving lock: what the model adds to it follows from the model.

    `origin` are the labels that say where it comes from: the same files from another run are another image.
    """
    history = json.dumps(origin, sort_keys=True)
    return "model-" + _key(model_digest, base_digest, lock_digest(lock), code.digest, history, _python(), LAYOUT)


def _python() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _key(*parts: str) -> str:
    return hashlib.sha256(json.dumps([*parts, sorted(_ENVIRONMENT.items())]).encode()).hexdigest()[:20]
