"""Images made of layers: appended to a base, or from nothing. Nothing is run and nothing is unpacked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

from slipway_oci.errors import UnsupportedImage
from slipway_oci.layers import LAYER_TYPE, Layer
from slipway_oci.reference import ImageReference
from slipway_oci.registry import MANIFEST_TYPE, Manifest, Registry, canonical_json, sha256_digest

CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
# Not "now": the digest of an image depends on its inputs only.
CREATED = "1970-01-01T00:00:00Z"
# Labels with which a base describes itself, not what is built upon it.
_OF_ITSELF = "org.opencontainers.image."
_DOCKER_GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip"


@dataclass(frozen=True)
class ImageConfig:
    """What changes in the base's configuration; an empty member leaves the base's value. Maps are merged."""

    env: Mapping[str, str] = field(default_factory=dict)
    entrypoint: Sequence[str] = ()
    command: Sequence[str] = ()
    user: str = ""
    workdir: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    ports: Sequence[int] = ()


def append_layers(
    registry: Registry,
    base: ImageReference,
    target: ImageReference,
    layers: Sequence[Layer],
    config: ImageConfig,
    base_registry: Registry | None = None,
    platform: tuple[str, str] = ("linux", "amd64"),
) -> str:
    """Pushes `base` with `layers` on top to `target`; returns the new manifest's digest.

    The base's layers are mounted where they lie in the same registry, else streamed from `base_registry`. The same
    base digest, layers and configuration give the same digest. Raises OciError.
    """
    source = base_registry or registry
    manifest = resolve_platform(source, base, platform).document
    document = json.loads(source.blob(base.repository, manifest["config"]["digest"]))
    same = source.host == registry.host
    for descriptor in manifest["layers"]:
        _carry(source, registry, base.repository, target.repository, descriptor, same)
    descriptors = [as_oci(descriptor) for descriptor in manifest["layers"]]
    return _push(registry, target, descriptors, _configured(document, layers, config), layers)


def image_from_layers(
    registry: Registry,
    target: ImageReference,
    layers: Sequence[Layer],
    config: ImageConfig,
    platform: tuple[str, str] = ("linux", "amd64"),
) -> str:
    """Pushes an image that consists of `layers` alone (a root file system, a static program); returns its digest."""
    document = {"os": platform[0], "architecture": platform[1], "rootfs": {"type": "layers", "diff_ids": []}}
    return _push(registry, target, [], _configured(document, layers, config), layers)


def resolve_platform(registry: Registry, image: ImageReference, platform: tuple[str, str]) -> Manifest:
    """The manifest of one platform, through an index where there is one. Raises UnsupportedImage, ImageNotFound."""
    manifest = registry.manifest(image.repository, image.identifier)
    for entry in manifest.document.get("manifests", []):
        offered = entry.get("platform", {})
        if (offered.get("os"), offered.get("architecture")) == platform:
            return registry.manifest(image.repository, entry["digest"])
    if "layers" not in manifest.document:
        remedy = "Name an image that is built for it"
        raise UnsupportedImage(f"{image} has no manifest for {'/'.join(platform)}", remedy)
    return manifest


def _carry(
    source: Registry, registry: Registry, origin: str, repository: str, descriptor: Mapping[str, Any], same: bool
) -> None:
    digest, size = descriptor["digest"], descriptor["size"]
    if registry.has_blob(repository, digest) or (same and registry.mount_blob(repository, digest, origin)):
        return
    registry.push_blob(repository, digest, size, lambda: source.stream_blob(origin, digest))


def as_oci(descriptor: Mapping[str, Any]) -> dict[str, Any]:
    """A base in Docker's format becomes an OCI one: same bytes, other name of the type."""
    media_type = descriptor["mediaType"]
    return {**descriptor, "mediaType": LAYER_TYPE if media_type == _DOCKER_GZIP else media_type}


def _configured(document: dict[str, Any], layers: Sequence[Layer], changes: ImageConfig) -> dict[str, Any]:
    inner = dict(document.get("config") or {})
    env = dict(item.split("=", 1) for item in inner.get("Env") or [])
    inner["Env"] = [f"{name}={value}" for name, value in {**env, **changes.env}.items()]
    if changes.entrypoint:  # a base's arguments belong to the base's program
        inner["Entrypoint"] = list(changes.entrypoint)
        inner.pop("Cmd", None)
    if changes.command:
        inner["Cmd"] = list(changes.command)
    inner["User"] = changes.user or inner.get("User", "")
    inner["WorkingDir"] = changes.workdir or inner.get("WorkingDir", "")
    inherited = {name: text for name, text in (inner.get("Labels") or {}).items() if not name.startswith(_OF_ITSELF)}
    inner["Labels"] = {**inherited, **changes.labels}
    if changes.ports:
        inner["ExposedPorts"] = {**(inner.get("ExposedPorts") or {}), **{f"{port}/tcp": {} for port in changes.ports}}
    history = [{"created": CREATED, "created_by": layer.created_by} for layer in layers]
    return {
        "architecture": document["architecture"],
        "os": document["os"],
        "created": CREATED,
        "config": inner,
        "rootfs": {"type": "layers", "diff_ids": [*document["rootfs"]["diff_ids"], *(one.diff_id for one in layers)]},
        "history": [*(document.get("history") or []), *history],
    }


def _push(
    registry: Registry,
    target: ImageReference,
    inherited: list[dict[str, Any]],
    document: dict[str, Any],
    layers: Sequence[Layer],
) -> str:
    """Blobs first, then the manifest: a registry refuses one that names what it lacks."""
    for layer in layers:
        registry.push_blob(target.repository, layer.digest, layer.size, _opener(layer))
    config = canonical_json(document)
    config_digest = sha256_digest(config)
    registry.push_blob(target.repository, config_digest, len(config), lambda: iter([config]))
    added = [{"mediaType": LAYER_TYPE, "digest": layer.digest, "size": layer.size} for layer in layers]
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {"mediaType": CONFIG_TYPE, "digest": config_digest, "size": len(config)},
        "layers": [*inherited, *added],
        "annotations": dict(document["config"]["Labels"]),
    }
    return registry.push_manifest(target.repository, target.tag, canonical_json(manifest), MANIFEST_TYPE)


def _opener(layer: Layer) -> Callable[[], IO[bytes] | Iterator[bytes]]:
    return lambda: layer.path.open("rb")
