"""Images of the cluster, in its own registry: named by what they are made from, so that none is made twice."""

from __future__ import annotations

import hashlib
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from slipway_serving.oci import (
    ImageConfig,
    ImageReference,
    Layer,
    OciError,
    Registry,
    append_layers,
    image_from_layers,
    layer_from_tree,
)

from tests.cluster import addresses, rootfs
from tests.cluster.errors import ClusterError
from tests.cluster.layers import LayerCache
from tests.cluster.places import Places
from tests.cluster.progress import Progress

PREFIX = "slipway"
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Images:
    """Makes images of layers and pushes them; asks the registry first whether they are there."""

    def __init__(
        self,
        places: Places,
        progress: Progress,
        registry: str = addresses.REGISTRY,
        plain_http: bool = True,
        base: str = "",
    ) -> None:
        self._places = places
        self._progress = progress
        self._registry = Registry(registry, plain_http=plain_http)
        self._base = base
        self._base_lock = threading.Lock()
        self._used: set[str] = set()
        self.layers = LayerCache(places.cache, progress)

    @property
    def used(self) -> list[str]:
        """The pinned references that were asked for so far."""
        return sorted(self._used)

    def base(self) -> str:
        """The pinned reference of the image that all others stand on: Debian with Python, made where it is missing."""
        with self._base_lock:
            self._base = self._base or self._ensure("base", rootfs.key(), self._push_base)
            return self._base

    def on_base(self, name: str, layers: Callable[[], Sequence[Layer]], key: str, config: ImageConfig) -> str:
        """The pinned reference of the image `name`: base, `layers` and `config`. `key` names the layers' content."""
        base = self.base()
        tag = hashlib.sha256(repr((base, key, config)).encode()).hexdigest()[:12]

        def push(target: ImageReference) -> str:
            made = layers()
            with self._progress.step(f"pushing image {name}"):
                return append_layers(self._registry, ImageReference.parse(base), target, made, config)

        return self._ensure(name, tag, push)

    def of_program(self, name: str, program: Callable[[], Path], key: str) -> str:
        """An image whose entry point is one program at /usr/local/bin/`name`; `program` is asked when it is made."""
        path = f"/usr/local/bin/{name}"

        def layers() -> list[Layer]:
            return [self.layers.programs(name, {path: program()}, key)]

        return self.on_base(name, layers, key, ImageConfig(entrypoint=(path,), user=str(rootfs.USER)))

    def _ensure(self, name: str, tag: str, push: Callable[[ImageReference], str]) -> str:
        target = ImageReference(self._registry.host, f"{PREFIX}/{name}", tag)
        try:
            digest = self._registry.head_manifest(target.repository, tag) or push(target)
        except OciError as error:
            raise ClusterError(
                f"image {name}: {error}", f"read {self._places.logs / 'registry.log'}, then run this again"
            ) from error
        self._used.add(str(target.at(digest)))
        return str(target.at(digest))

    def _push_base(self, target: ImageReference) -> str:
        """Keeps owners and modes: it is a root file system."""
        with (
            self._progress.step("making the base image (debootstrap)"),
            tempfile.TemporaryDirectory(prefix="slipway-base-", dir=self._places.cache) as scratch,
        ):
            tree = Path(scratch) / "tree"
            tree.mkdir(mode=0o755)
            rootfs.make(tree, self._places.logs / "debootstrap.log")
            layer = layer_from_tree(tree, "", Path(scratch) / "layer", preserve=True, created_by="debootstrap")
            config = ImageConfig(env={"PATH": SEARCH_PATH, "LANG": "C.UTF-8"}, command=("sleep", "infinity"))
            return image_from_layers(self._registry, target, [layer], config)
