"""The system image in the registry: pushed from the folder that `install` left, whose layers are a stranger's data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from slipway_oci import ImageConfig, Layer, UnsupportedImage, append_layers, read_layout, repack

from slipway_serving.build import inventory, layout
from slipway_serving.build.faults import BuildFault
from slipway_serving.build.published import PLATFORM, Base, publish
from slipway_serving.build.request import BuildRequest
from slipway_serving.build.system.request import SystemRequest

PACKAGES_LABEL = "dev.slipway.system-packages"
BASE_LABEL = "dev.slipway.system-base"
"""The digest of the base below the system image: for what is built upon that, `base.digest` is the system image."""

_STATUS = "var/lib/dpkg/status"
_LONGEST = 128


def with_system(request: BuildRequest, base: Base) -> Base:
    """The image that the model's layers stand on: the base itself, or with what `request.system` adds.

    Raises BuildFault, OciError, OSError.
    """
    system = request.system
    if system is None:
        return base
    registry = request.registry(request.dependencies)
    target = request.dependencies.tagged(system.key(base.image.digest))
    known = registry.head_manifest(target.repository, target.tag)
    digest = known or _push(request, system, base)
    layers = registry.manifest(target.repository, digest).document["layers"]
    if not known:
        components = inventory.base_components(registry, target.at(digest), layers)
        publish(registry, target, digest, "system", components)
    return Base(registry, target.at(digest), layers)


def _push(request: BuildRequest, system: SystemRequest, base: Base) -> str:
    """Pushes the base with the new layers, without a tag; returns its digest."""
    _require_key(system, base)
    made = read_layout(system.result / "layout")
    if len(made.layers) <= len(base.layers):
        raise UnsupportedImage("The image that Buildah made has no layer beyond the base's")
    layers: list[Layer] = []
    status = b""
    for number, descriptor in enumerate(made.layers[len(base.layers) :]):
        with made.open(descriptor) as content:
            packed = request.work / f"system-{number}.tar.gz"
            layer, noted = repack(content, packed, lambda name: name == _STATUS, "slipway: system packages")
        layers.append(layer)
        status = noted.get(_STATUS, status)
    labels = {
        **layout.image_labels(base.image.digest),
        BASE_LABEL: base.image.digest,
        PACKAGES_LABEL: packages_label(system.packages, status),
    }
    config = ImageConfig(env=_environment(made.config), labels={name: text for name, text in labels.items() if text})
    registry, untagged = request.registry(request.dependencies), request.dependencies.tagged("")
    return append_layers(registry, base.image, untagged, layers, config, base.registry, PLATFORM)


def _require_key(system: SystemRequest, base: Base) -> None:
    """Whether it was made from the same inputs: a base by tag may have moved, a ConfigMap may have been changed."""
    found, said = system.result / "key", ""
    if found.is_file() and not found.is_symlink():
        with found.open(errors="replace") as file:
            said = file.read(_LONGEST)
    if said != system.key(base.image.digest):
        message = "the base image or a ConfigMap was changed while its packages were installed"
        raise BuildFault("system", "InputsChanged", message, transient=True)


def _environment(config: Mapping[str, Any]) -> dict[str, str]:
    """What the template's ENV says, beside the base's."""
    listed = (config.get("config") or {}).get("Env") or ()
    return dict(text.split("=", 1) for text in listed if isinstance(text, str) and "=" in text)


def packages_label(packages: Sequence[str], status: bytes) -> str:
    """`name=version` of each package that was asked for, by dpkg's records; the name alone where they lack it."""
    records = (inventory.fields(record, ":") for record in status.split(b"\n\n"))
    versions = {record.get("Package", ""): record.get("Version", "") for record in records}
    names = sorted({package.partition("=")[0].partition(":")[0] for package in packages})
    return " ".join(f"{name}={versions[name]}" if versions.get(name) else name for name in names)
