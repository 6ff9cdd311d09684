"""The image that is built upon, and how a finished one gets its inventory and its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slipway_oci import ImageReference, Registry, attach

from slipway_serving.build import inventory

PLATFORM = ("linux", "amd64")


@dataclass(frozen=True)
class Base:
    """The image that all is built upon, pinned to its platform: where it lies, and its layers' descriptors."""

    registry: Registry
    image: ImageReference
    layers: Sequence[Mapping[str, Any]]


def publish(
    registry: Registry, target: ImageReference, digest: str, name: str, components: Sequence[inventory.Component]
) -> None:
    """Attaches an image's inventory and then names the image: one that is found by its tag has its inventory."""
    manifest = registry.manifest(target.repository, digest)
    content = inventory.document(digest, name, components)
    attach(registry, target.repository, manifest, content, inventory.MEDIA_TYPE)
    registry.push_manifest(target.repository, target.tag, manifest.content, manifest.media_type)
