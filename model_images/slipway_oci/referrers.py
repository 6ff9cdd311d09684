"""Documents attached to an image: manifests whose `subject` is the image's.

Source: OCI Distribution Specification 1.1, "Listing Referrers" and "Referrers Tag Schema": a registry without the
referrers API gets an index under the tag `sha256-<hex>`, kept by whoever attaches.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slipway_oci.errors import ImageNotFound
from slipway_oci.registry import INDEX_TYPE, MANIFEST_TYPE, Manifest, Registry, canonical_json, sha256_digest

_EMPTY = b"{}"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"


def attach(registry: Registry, repository: str, subject: Manifest, content: bytes, media_type: str) -> str:
    """Attaches one document to an image; returns the digest of its manifest. The same document, the same digest.

    Raises OciError. A second call with the same document changes nothing.
    """
    for blob in (_EMPTY, content):
        registry.push_blob(repository, sha256_digest(blob), len(blob), lambda blob=blob: iter([blob]))  # type: ignore[misc]
    manifest = canonical_json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "artifactType": media_type,
            "config": _descriptor(EMPTY_TYPE, _EMPTY),
            "layers": [_descriptor(media_type, content)],
            "subject": _descriptor(subject.media_type, subject.content),
        }
    )
    if not registry.push_referrer(repository, manifest, MANIFEST_TYPE):
        _list_by_tag(
            registry, repository, subject.digest, {**_descriptor(MANIFEST_TYPE, manifest), "artifactType": media_type}
        )
    return sha256_digest(manifest)


def attached(registry: Registry, repository: str, digest: str, media_type: str) -> tuple[str, bytes] | None:
    """The digest of the manifest and the document of one type that an image carries; None where it carries none.

    Where there are several, the one with the smallest digest: an order that everybody sees alike. Raises OciError.
    """
    listed = registry.referrers(repository, digest)
    if not listed:  # also a registry that has the API and was filled before it had
        listed = _index(registry, repository, digest)
    found = sorted(str(one["digest"]) for one in listed if one.get("artifactType") == media_type)
    for manifest_digest in found:
        document = registry.manifest(repository, manifest_digest).document
        if (document.get("subject") or {}).get("digest") == digest and document.get("layers"):
            return manifest_digest, registry.blob(repository, document["layers"][0]["digest"])
    return None


def _descriptor(media_type: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": sha256_digest(content), "size": len(content)}


def _tag(digest: str) -> str:
    return digest.replace(":", "-")


def _index(registry: Registry, repository: str, digest: str) -> list[dict[str, Any]]:
    try:
        return list(registry.manifest(repository, _tag(digest)).document.get("manifests") or ())
    except ImageNotFound:
        return []


def _list_by_tag(registry: Registry, repository: str, digest: str, entry: Mapping[str, Any]) -> None:
    listed = _index(registry, repository, digest)
    if any(one.get("digest") == entry["digest"] for one in listed):
        return
    index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [*listed, entry]}
    registry.push_manifest(repository, _tag(digest), canonical_json(index), INDEX_TYPE)
