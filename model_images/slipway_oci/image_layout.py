"""One image in a directory: the OCI Image Layout, as tools that build images read and write it.

Source: OCI Image Specification 1.1, "Image Layout". What another process wrote is read as data of a stranger: blobs are
regular files that their digest names, never links.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from slipway_oci.errors import DigestMismatch, UnsupportedImage
from slipway_oci.images import CONFIG_TYPE, as_oci
from slipway_oci.registry import MANIFEST_TYPE, Manifest, Registry, canonical_json, sha256_digest

_NAME = "org.opencontainers.image.ref.name"
_LARGEST_DOCUMENT = 16 << 20
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class LayoutImage:
    """The one image of a layout: its configuration, and the descriptors of its layers from the lowest on."""

    directory: Path
    config: Mapping[str, Any]
    layers: Sequence[Mapping[str, Any]]

    def open(self, descriptor: Mapping[str, Any]) -> IO[bytes]:
        """The bytes of a layer. Raises UnsupportedImage where there is no such file."""
        return _open(self.directory, str(descriptor.get("digest", "")))


def write_layout(registry: Registry, repository: str, manifest: Manifest, directory: Path, name: str) -> None:
    """Copies an image into an empty directory, in OCI's media types. Raises OciError, OSError."""
    document = manifest.document
    (directory / "blobs/sha256").mkdir(parents=True)
    for descriptor in (document["config"], *document["layers"]):
        target = _path(directory, descriptor["digest"])
        if not target.exists():
            with target.open("wb") as file:
                for chunk in registry.stream_blob(repository, descriptor["digest"]):
                    file.write(chunk)
    config = {**document["config"], "mediaType": CONFIG_TYPE}
    layers = [as_oci(descriptor) for descriptor in document["layers"]]
    content = canonical_json({"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": config, "layers": layers})
    digest = sha256_digest(content)
    _path(directory, digest).write_bytes(content)
    named = {"mediaType": MANIFEST_TYPE, "digest": digest, "size": len(content), "annotations": {_NAME: name}}
    (directory / "index.json").write_bytes(canonical_json({"schemaVersion": 2, "manifests": [named]}))
    (directory / "oci-layout").write_bytes(canonical_json({"imageLayoutVersion": "1.0.0"}))


def read_layout(directory: Path) -> LayoutImage:
    """The image of a layout that holds one. Raises UnsupportedImage, DigestMismatch."""
    try:
        with _regular(directory / "index.json") as file:
            (listed,) = json.loads(file.read(_LARGEST_DOCUMENT))["manifests"]
        manifest = _document(directory, listed["digest"])
        return LayoutImage(directory, _document(directory, manifest["config"]["digest"]), list(manifest["layers"]))
    except (KeyError, TypeError, ValueError) as error:
        raise UnsupportedImage(f"{directory.name} is no layout of one image: {error!r}") from error


def _document(directory: Path, digest: str) -> Any:
    with _open(directory, digest) as file:
        content = file.read(_LARGEST_DOCUMENT)
    if sha256_digest(content) != digest:
        raise DigestMismatch(f"Blob {digest} of the layout has other bytes than its digest says")
    return json.loads(content)


def _open(directory: Path, digest: str) -> IO[bytes]:
    if not _DIGEST.fullmatch(digest):
        raise UnsupportedImage(f"{digest!r} is no sha256 digest")
    return _regular(_path(directory, digest))


def _path(directory: Path, digest: str) -> Path:
    return directory / "blobs/sha256" / digest.removeprefix("sha256:")


def _regular(path: Path) -> IO[bytes]:
    """Opens a file that is no link and no pipe: a stranger who wrote the directory chose neither what is read nor
    how long that takes."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise UnsupportedImage(f"The layout has no file {path.name}: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        raise UnsupportedImage(f"{path.name} of the layout is no file")
    return os.fdopen(opened, "rb")
