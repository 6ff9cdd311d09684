"""The steps of a build, in order. Each either makes its result or finds it made."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slipway_oci import ImageReference, OciError, Registry, append_layers, layer_from_tree, resolve_platform

from slipway_serving.build import layout, lock, modeldirectory
from slipway_serving.build.faults import BuildFault
from slipway_serving.build.installer import install
from slipway_serving.build.request import BuildRequest
from slipway_serving.build.tracking import Tracking

PLATFORM = ("linux", "amd64")


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
            base = request.base.at(resolve_platform(base_registry, request.base, PLATFORM).digest)
            code = layout.code_layer(request.work)
        # A known digest names the image before anything is downloaded; else the files must tell it first.
        digest = request.digest or self._download("")
        target = request.repository.tagged(layout.model_key(digest, base.digest, lock.serving_lock(), code))
        with self._step("lookup"):
            existing = registry.head_manifest(target.repository, target.tag)
            if existing:
                return self._report(existing, digest, self._recorded_lock(registry, existing), reused=True)
        if request.digest:
            self._download(request.digest)
        joined = self._lock()
        with self._step("dependencies"):
            shared = request.registry(request.dependencies)
            dependencies = self._dependencies(shared, base_registry, base, joined)
        with self._step("append"):
            layer = layer_from_tree(
                self._model, layout.MODEL, request.work / "model.tar.gz", created_by="slipway: model"
            )
            config = layout.image_config({layout.MODEL_LABEL: digest})
            image = append_layers(registry, dependencies, target, [code, layer], config, shared, PLATFORM)
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

    def _lock(self) -> str:
        with self._step("lock"):
            own_code = modeldirectory.check_flavour(self._model)
            wanted = modeldirectory.model_requirements(self._model)
            return lock.joined_lock(lock.serving_lock(), wanted, own_code, self.request.work, self.request.index)

    def _dependencies(
        self, registry: Registry, base_registry: Registry, base: ImageReference, joined: str
    ) -> ImageReference:
        """The image that models of this lock share; built only where their repository has none."""
        target = self.request.dependencies.tagged(layout.dependency_key(base.digest, joined))
        existing = registry.head_manifest(target.repository, target.tag)
        if existing:
            return target.at(existing)
        packages = self.request.work / "packages"
        try:
            install(joined, packages, self.request.work, self.request.index)
        except subprocess.CalledProcessError as error:
            raise lock.uv_fault("dependencies", "InstallFailed", error) from error
        packed = self.request.work / "packages.tar.gz"
        layer = layer_from_tree(packages, layout.PACKAGES, packed, created_by="slipway: dependencies")
        shutil.rmtree(packages)
        config = layout.image_config({layout.LOCK_LABEL: layout.lock_digest(joined)})
        return target.at(append_layers(registry, base, target, [layer], config, base_registry, PLATFORM))

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
        try:
            yield
        except OciError as error:
            raise BuildFault(name, error.reason, str(error), error.transient) from error
        except OSError as error:
            raise BuildFault(name, "DiskFault", f"{error}; the build needs 1 GiB below /tmp", transient=True) from error
        finally:
            self.seconds[name] = round(time.monotonic() - start, 2)
