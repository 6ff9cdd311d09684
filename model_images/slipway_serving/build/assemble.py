"""The steps of a build, in order. Each either makes its result or finds it made."""

from __future__ import annotations

import logging
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slipway_oci import (
    ImageReference,
    OciError,
    Registry,
    append_layers,
    attached,
    layer_from_tree,
    resolve_platform,
)

from slipway_serving.build import inventory, layout, lock, modeldirectory
from slipway_serving.build.faults import BuildFault
from slipway_serving.build.installer import install
from slipway_serving.build.published import PLATFORM, Base, publish
from slipway_serving.build.request import BuildRequest
from slipway_serving.build.system.image import with_system
from slipway_serving.build.tracking import Tracking

logger = logging.getLogger("slipway.build")


@dataclass
class Build:
    """One run: `seconds` by step are reported, also of a run that fails."""

    request: BuildRequest
    tracking: Tracking
    seconds: dict[str, float] = field(default_factory=dict)

    def run(self) -> dict[str, Any]:
        """Returns the report of the contract. Raises BuildFault."""
        request = self.request
        registry, base_registry = request.registry(request.repository), request.registry(request.base)
        with self._step("resolve"):
            origin = self.tracking.origin(request.model_uri)
            resolved = resolve_platform(base_registry, request.base, PLATFORM)
            base = Base(base_registry, request.base.at(resolved.digest), resolved.document["layers"])
            code = layout.code_layer(request.work)
        if request.system is not None:
            with self._step("system"):
                base = with_system(request, base)
        # A known digest names the image before anything is downloaded; else the files must tell it first.
        digest = request.digest or self._download("")
        key = layout.model_key(digest, base.image.digest, lock.serving_lock(request.scoring), code, origin.labels)
        target = request.repository.tagged(key)
        with self._step("lookup"):
            existing = registry.head_manifest(target.repository, target.tag)
            if existing:
                return self._report(existing, digest, self._recorded_lock(registry, existing), reused=True)
        if request.digest:
            self._download(request.digest)
        flavour, joined = self._lock()
        with self._step("dependencies"):
            shared = request.registry(request.dependencies)
            dependencies, components = self._dependencies(shared, base, joined)
        with self._step("append"):
            layer = layer_from_tree(
                self._model, layout.MODEL, request.work / "model.tar.gz", created_by="slipway: model"
            )
            labels = {**origin.labels, layout.MODEL_LABEL: digest, layout.FLAVOUR_LABEL: flavour}
            config = layout.image_config({**layout.image_labels(base.image.digest), **labels})
            untagged = request.repository.tagged("")
            image = append_layers(registry, dependencies, untagged, [code, layer], config, shared, PLATFORM)
            model = inventory.model_component(origin, digest, flavour)
            publish(registry, target, image, origin.model or "model", [*components, model])
        return self._report(image, digest, layout.lock_digest(joined), reused=False)

    @property
    def _model(self) -> Path:
        return self.request.work / "model"

    def _download(self, expected: str) -> str:
        """Fetches the model's files and returns their digest, which is the `expected` one where that is given."""
        with self._step("download"):
            directory = self.tracking.directory(self.request.model_uri)
            for file in self.tracking.files(directory):
                self.tracking.download(file, self._model)
            return modeldirectory.checked_digest(self._model, expected)

    def _lock(self) -> tuple[str, str]:
        """The model's flavour, and the lock of what its image holds."""
        with self._step("lock"):
            flavour, own_code = modeldirectory.check_flavour(self._model)
            wanted = modeldirectory.model_requirements(self._model)
            shipped = lock.serving_lock(self.request.scoring)
            return flavour, lock.joined_lock(shipped, wanted, own_code, self.request.work, self.request.index)

    def _dependencies(
        self, registry: Registry, base: Base, joined: str
    ) -> tuple[ImageReference, list[inventory.Component]]:
        """The image that models of this lock share, and what it consists of; built only where there is none."""
        target = self.request.dependencies.tagged(layout.dependency_key(base.image.digest, joined))
        existing = registry.head_manifest(target.repository, target.tag)
        if existing:
            known = attached(registry, target.repository, existing, inventory.MEDIA_TYPE)
            return target.at(existing), inventory.components_of(known[1]) if known else _components(base, joined)
        image = self._install(registry, base, joined)
        components = _components(base, joined)
        publish(registry, target, image, "dependencies", components)
        return target.at(image), components

    def _install(self, registry: Registry, base: Base, joined: str) -> str:
        """Pushes the base with the lock's packages, without a tag; returns its digest."""
        packages = self.request.work / "packages"
        try:
            install(joined, packages, self.request.work, self.request.index)
        except subprocess.CalledProcessError as error:
            raise lock.uv_fault("dependencies", "InstallFailed", error) from error
        packed = self.request.work / "packages.tar.gz"
        layer = layer_from_tree(packages, layout.PACKAGES, packed, created_by="slipway: dependencies")
        shutil.rmtree(packages)
        labels = {**layout.image_labels(base.image.digest), layout.LOCK_LABEL: layout.lock_digest(joined)}
        untagged = self.request.dependencies.tagged("")
        config = layout.image_config(labels)
        return append_layers(registry, base.image, untagged, [layer], config, base.registry, PLATFORM)

    def _recorded_lock(self, registry: Registry, digest: str) -> str:
        manifest = registry.manifest(self.request.repository.repository, digest).document
        return str(manifest.get("annotations", {}).get(layout.LOCK_LABEL, ""))

    def _report(self, image: str, digest: str, dependencies: str, reused: bool) -> dict[str, Any]:
        return {
            "image": str(self.request.repository.at(image)),
            "modelDigest": digest,
            "dependencies": dependencies,
            "reused": reused,
            "seconds": self.seconds,
        }

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        """Times a step, and turns what a registry or the disk refuses into a fault of this step."""
        start = time.monotonic()
        logger.info("step %s", name)
        try:
            yield
        except OciError as error:
            raise BuildFault(name, error.reason, str(error), error.transient) from error
        except OSError as error:
            raise BuildFault(name, "DiskFault", f"{error}; the build needs 1 GiB below /tmp", transient=True) from error
        finally:
            self.seconds[name] = round(time.monotonic() - start, 2)


def _components(base: Base, joined: str) -> list[inventory.Component]:
    return [
        *inventory.base_components(base.registry, base.image, base.layers),
        *inventory.python_components(joined),
    ]
