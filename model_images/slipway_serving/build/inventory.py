"""What an image consists of: a CycloneDX 1.6 document, the same bytes for the same content.

Source: CycloneDX 1.6 JSON reference; package URLs by the purl specification (types pypi, deb, oci). Written here: the
library would be the builder image's largest package, for a document of this size.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from slipway_oci import ImageReference, Registry, UnsupportedImage, canonical_json, read_files

from slipway_serving.build.lock import locked_versions
from slipway_serving.build.origin import Origin

MEDIA_TYPE = "application/vnd.cyclonedx+json"
_DPKG = "var/lib/dpkg/status"  # a file; images without dpkg itself have a folder of that name with `.d`
_RELEASE = ("etc/os-release", "usr/lib/os-release")
Component = dict[str, Any]


def python_components(lock: str) -> list[Component]:
    """The packages that a lock installs on this interpreter."""
    return [
        {"type": "library", "name": name, "version": version, "purl": f"pkg:pypi/{name}@{quote(version)}"}
        for name, version in locked_versions(lock).items()
    ]


def base_components(registry: Registry, base: ImageReference, layers: Sequence[Mapping[str, Any]]) -> list[Component]:
    """The base image, and its Debian packages where it holds dpkg's records; a base whose layers this Python cannot
    read is named without them. Raises OciError."""
    name = base.repository.rpartition("/")[2]
    purl = f"pkg:oci/{name}@{quote(base.digest, safe='')}"
    component: Component = {"type": "container", "name": name, "version": base.digest, "purl": purl}
    try:
        files = read_files(registry, base.repository, layers, _is_record)
    except UnsupportedImage as error:
        return [{**component, "properties": [{"name": "slipway:packages-not-read", "value": str(error)}]}]
    release = fields(next((files[name] for name in _RELEASE if name in files), b""), "=")
    distribution = release.get("ID", "debian").strip('"')
    records = [part for name in sorted(files) if name.startswith(_DPKG) for part in files[name].split(b"\n\n")]
    packages = [one for one in (_package(fields(record, ":"), distribution) for record in records) if one]
    return [component, *packages]


def model_component(origin: Origin, digest: str, flavour: str) -> Component:
    """The model itself: whose files have which digest, and where they come from."""
    known = {"run": origin.run, "training-run": origin.training_run, "data-digest": origin.data_digest}
    properties = {**known, "flavour": flavour, "model-digest": digest}
    return {
        "type": "machine-learning-model",
        "name": origin.model or "model",
        "version": origin.version or digest,
        "properties": [{"name": f"slipway:{key}", "value": text} for key, text in sorted(properties.items()) if text],
    }


def document(image: str, name: str, components: Sequence[Component]) -> bytes:
    """The document about one image (its digest). Its serial number is made from its content; no time stands in it."""
    named = {_reference(one): {**one, "bom-ref": _reference(one)} for one in components}
    subject = {"type": "container", "name": name, "version": image, "bom-ref": image}
    content: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": subject, "tools": {"components": [{"type": "application", "name": "slipway"}]}},
        "components": [named[key] for key in sorted(named)],
        "dependencies": [{"ref": image, "dependsOn": sorted(named)}],
    }
    serial = uuid.uuid5(uuid.NAMESPACE_URL, canonical_json(content).decode())
    return canonical_json({**content, "serialNumber": f"urn:uuid:{serial}"})


def components_of(document: bytes) -> list[Component]:
    """The components of such a document, as they were given."""
    listed = json.loads(document).get("components") or []
    return [{key: value for key, value in one.items() if key != "bom-ref"} for one in listed]


def _is_record(path: str) -> bool:
    return path in (*_RELEASE, _DPKG) or path.startswith(f"{_DPKG}.d/")


def _reference(component: Component) -> str:
    return str(component.get("purl") or f"{component['type']}:{component['name']}@{component['version']}")


def fields(text: bytes, separator: str) -> dict[str, str]:
    """The first line of each field of a record of dpkg or os-release."""
    lines = (line.partition(separator) for line in text.decode(errors="replace").splitlines() if line[:1].isalpha())
    return {name: value.strip() for name, _, value in lines}


def _package(record: Mapping[str, str], distribution: str) -> Component | None:
    """None for a package that was removed and has left its configuration."""
    name, version = record.get("Package"), record.get("Version")
    if not name or not version or not record.get("Status", "install ok installed").endswith(" installed"):
        return None
    architecture = f"?arch={quote(record['Architecture'])}" if record.get("Architecture") else ""
    purl = f"pkg:deb/{distribution}/{quote(name)}@{quote(version, safe='')}{architecture}"
    return {"type": "library", "name": name, "version": version, "purl": purl}
