"""The project's own images: the base, one layer of locked dependencies, one of code. The same code, the same digest."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from slipway_oci import ImageConfig, Layer

from tests.cluster import buildah
from tests.cluster.environment import Environment
from tests.cluster.images import SEARCH_PATH, Images, Store
from tests.cluster.layers import DEPENDENCIES, LayerCache, compile_bytecode, environment_key
from tests.cluster.places import REPOSITORY, Places
from tests.cluster.progress import Progress
from tests.cluster.rootfs import USER

CODE = "opt/slipway"
_IGNORED = ("__pycache__", ".pyc", ".pyo")


@dataclass(frozen=True)
class ProjectImage:
    """`sources` maps a path of the repository to its place below /opt/slipway."""

    name: str
    module: str
    sources: tuple[tuple[str, str], ...]
    lock_name: str = ""
    """Of its lock, where that is not its own name."""

    buildah: bool = False
    """Whether it holds Buildah, which is Debian's package on this machine; without that there is no such image."""

    @property
    def lock(self) -> Path:
        return REPOSITORY / "requirements" / f"{self.lock_name or self.name}.txt"


# What served images share with training; the builder copies it into them.
_SHARED = (
    ("operator/slipway/__init__.py", "slipway/__init__.py"),
    ("operator/slipway/features", "slipway/features"),
    ("operator/slipway/files", "slipway/files"),
)
_BUILDER = (
    ("model_images/slipway_serving", "slipway_serving"),
    ("model_images/slipway_oci", "slipway_oci"),
    *_SHARED,
    # What the prober computes with, the standard library alone.
    ("operator/slipway/statistics/__init__.py", "slipway/statistics/__init__.py"),
    ("operator/slipway/statistics/quantiles.py", "slipway/statistics/quantiles.py"),
)
IMAGES = (
    ProjectImage("operator", "slipway", (("operator/slipway", "slipway"), ("crds", "crds"))),
    ProjectImage("builder", "slipway_serving.build", _BUILDER),
    ProjectImage("buildah", "slipway_serving.build.system", _BUILDER, "builder", buildah=True),
    ProjectImage(
        "pipelines",
        "slipway_pipelines",
        (
            ("pipelines/slipway_pipelines", "slipway_pipelines"),
            *_SHARED,
            ("operator/slipway/api", "slipway/api"),
            ("operator/slipway/statistics", "slipway/statistics"),
        ),
    ),
)


def project_images(progress: Progress | None = None) -> dict[str, str]:
    """Pinned references by name, from the code as it lies here now; also written into environment.json.

    Needs a cluster that is up. A second call with the same code asks the registry only. Raises ClusterError.
    """
    places, progress = Places.of_environment().of_cluster(), progress or Progress()
    environment = Environment.load(places.environment)
    images = Images(places, progress, Store.of(environment), environment.base_image)
    made = make_all(images)
    dataclasses.replace(environment, images=made).save(places.environment)
    _add_used(places, images.used)
    return made


def _add_used(places: Places, used: list[str]) -> None:
    """`down` keeps these in the cache."""
    note = places.state / "images.json"
    if note.exists():
        note.write_text(json.dumps(sorted({*json.loads(note.read_text()), *used})))


def make_all(images: Images) -> dict[str, str]:
    """Every image of the project, one after the other."""
    return {image.name: make(image, images) for image in IMAGES if not image.buildah or buildah.installed()}


def make(image: ProjectImage, images: Images) -> str:
    """The pinned reference of one image, made where it is missing."""
    code_key = _code_key(image)
    key = f"{environment_key(image.lock)} {code_key}" + (f" {buildah.key()}" if image.buildah else "")
    config = ImageConfig(
        env={
            "PATH": f"/{DEPENDENCIES}/bin:{SEARCH_PATH}",
            "PYTHONPATH": f"/{CODE}:/{DEPENDENCIES}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
        },
        entrypoint=("python3", "-m", image.module),
        user=str(USER),
        workdir="/tmp",
    )

    def layers() -> list[Layer]:
        programs = [buildah.layer(images.layers)] if image.buildah else []
        code = _code_layer(image, code_key, images.layers)
        return [images.layers.python_environment(image.lock), *programs, code]

    return images.on_base(image.name, layers, key, config)


def _code_layer(image: ProjectImage, key: str, cache: LayerCache) -> Layer:
    def fill(tree: Path, log: Path) -> None:
        for source, target in _files(image):
            (tree / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, tree / target)
        compile_bytecode(tree, f"/{CODE}", log)

    return cache.get(f"code-{image.name}-{key}", f"code layer of {image.name}", fill, prefix=CODE)


def _code_key(image: ProjectImage) -> str:
    digest = hashlib.sha256()
    for source, target in _files(image):
        digest.update(f"{target}\0{hashlib.sha256(source.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:12]


def _files(image: ProjectImage) -> Iterator[tuple[Path, str]]:
    """Every file of an image with its place, in an order that does not depend on the file system."""
    for origin, place in image.sources:
        root = REPOSITORY / origin
        if root.is_file():
            yield root, place
        for path in sorted(root.rglob("*")) if root.is_dir() else ():
            if path.is_file() and not any(part.endswith(_IGNORED) for part in path.parts):
                yield path, f"{place}/{path.relative_to(root)}"
