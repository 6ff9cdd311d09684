"""Images of the cluster, in its own registry: named by what they are made from, so that none is made twice."""

from __future__ import annotations

import hashlib
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from slipway_oci import (
    ImageConfig,
    ImageReference,
    Layer,
    OciError,
    Registry,
    append_layers,
    image_from_layers,
    layer_from_tree,
    resolve_platform,
)

from tests.cluster import addresses, rootfs
from tests.cluster.environment import Environment
from tests.cluster.errors import ClusterError
from tests.cluster.layers import LayerCache
from tests.cluster.places import Places
from tests.cluster.progress import Progress

PREFIX = "slipway"
PLATFORM = ("linux", "amd64")
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Store:
    """The cluster's registry: `name` in references, which nodes and pods use, `host` as this machine reaches it."""

    name: str = addresses.REGISTRY
    host: str = addresses.REGISTRY
    plain_http: bool = True

    @classmethod
    def of(cls, environment: Environment) -> Store:
        return cls(environment.registry, environment.registry_host, environment.registry_plain_http)


class Images:
    """Makes images of layers and pushes them; asks the registry first whether they are there.

    `base` is what they stand on: empty for one of Debian's packages, else any image with Python 3.11, of which a copy
    is taken into the registry, so that pods and nodes need no other one.
    """

    def __init__(self, places: Places, progress: Progress, store: Store | None = None, base: str = "") -> None:
        self._places = places
        self._progress = progress
        self._store = store or Store()
        self._registry = Registry(self._store.host, plain_http=self._store.plain_http)
        self._wanted_base = base
        self._base = ""
        self._base_lock = threading.Lock()
        self._used: set[str] = set()
        self.layers = LayerCache(places.cache, progress)

    @property
    def used(self) -> list[str]:
        """The pinned references that were asked for so far."""
        return sorted(self._used)

    def base(self) -> str:
        """The pinned reference of the image that all others stand on, made or copied where it is missing."""
        with self._base_lock:
            if not self._base and self._wanted_base:
                self._base = self._copied(self._wanted_base)
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
        target = ImageReference(self._store.name, f"{PREFIX}/{name}", tag)
        try:
            digest = self._registry.head_manifest(target.repository, tag) or push(target)
        except OciError as error:
            raise ClusterError(f"image {name}: {error}", self._remedy) from error
        self._used.add(str(target.at(digest)))
        return str(target.at(digest))

    @property
    def _remedy(self) -> str:
        if self._store == Store():
            return f"read {self._places.logs / 'registry.log'}, then run this again"
        return "see docs/own-cluster.md: the registry, and SLIPWAY_BASE_IMAGE"

    def _copied(self, text: str) -> str:
        """Once for each reference: a tag that moves later moves nothing here. One that is there is taken as it is."""
        try:
            wanted = ImageReference.parse(text)
        except OciError as error:
            raise ClusterError(
                f"the base image: {error}", "name one with Python 3.11 in SLIPWAY_BASE_IMAGE: host/repository:tag"
            ) from error
        if wanted.host == self._store.name and wanted.digest:
            self._used.add(str(wanted.at(wanted.digest)))
            return str(wanted.at(wanted.digest))

        def push(target: ImageReference) -> str:
            own = wanted.host == self._store.name
            origin = self._registry if own else Registry(wanted.host, plain_http=plain_by_custom(wanted.host))
            with self._progress.step(f"copying the base image {wanted}"):
                pinned = wanted.at(resolve_platform(origin, wanted, PLATFORM).digest)
                return append_layers(self._registry, pinned, target, [], ImageConfig(), origin)

        return self._ensure("base", hashlib.sha256(text.encode()).hexdigest()[:12], push)

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


def plain_by_custom(registry: str) -> bool:
    """A registry on this machine speaks HTTP without TLS."""
    host = registry.partition(":")[0]
    return host in ("localhost", "127.0.0.1") or host.endswith(".localhost")
