"""`slipway image inspect`: what an image says of itself, read from its registry; nothing is pulled or run."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import slipway_oci as oci

from slipway.cli.arguments import add_output

SHOWN, REFUSED, WRONG_CALL = 0, 1, 2
_SBOM = "application/vnd.cyclonedx+json"
_DESCRIPTION = """
Shows the labels, digests and layers of an image, the model, run and data that it was made from, and a summary of its
software bill of materials (SBOM). Only documents are read from the registry, no layer.
"""
_EPILOG = """
Credentials come from ~/.docker/config.json, as `docker login` writes it ($DOCKER_CONFIG names another folder).

exit codes: 0 shown; 1 the registry refuses, is unknown, is not trusted or has no such image; 2 the call is wrong
"""
# What people ask first, in the order of the answers.
_PROVENANCE = {
    "model": "dev.slipway.model",
    "version": "dev.slipway.version",
    "run": "dev.slipway.run",
    "trainingRun": "dev.slipway.training-run",
    "dataDigest": "dev.slipway.data-digest",
    "modelDigest": "dev.slipway.model-digest",
    "flavour": "dev.slipway.flavour",
    "python": "dev.slipway.python",
    "lock": "dev.slipway.dependencies",
    "source": "org.opencontainers.image.source",
    "revision": "org.opencontainers.image.revision",
    "base": "org.opencontainers.image.base.digest",
    "systemBase": "dev.slipway.system-base",
    "systemPackages": "dev.slipway.system-packages",
}


def add_to(commands: Any) -> None:
    """Adds the command to the parser."""
    image = commands.add_parser("image", help="ask about images", description="Asks about images.")
    below = image.add_subparsers(title="commands", metavar="COMMAND", required=True)
    parser = below.add_parser(
        "inspect", help="show where an image comes from", description=_DESCRIPTION, epilog=_EPILOG
    )
    parser.add_argument("reference", metavar="REF", help="HOST[:PORT]/REPOSITORY:TAG or …@sha256:…")
    add_output(parser)
    parser.add_argument("--platform", default="linux/amd64", metavar="OS/ARCH", help="of an image for several")
    parser.add_argument("--plain-http", action="store_true", help="the registry speaks no TLS")
    parser.add_argument("--ca", type=Path, metavar="FILE", help="PEM file of the registry's certificate authority")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Prints what was found, and returns the exit code."""
    try:
        reference = oci.ImageReference.parse(arguments.reference)
        system, _, architecture = arguments.platform.partition("/")
        with tempfile.TemporaryDirectory() as folder:
            registry = oci.Registry(
                reference.host,
                plain_http=arguments.plain_http,
                auth=oci.docker_login(reference.host),
                ca=_authorities(arguments.ca, Path(folder)),
            )
            found = inspect(registry, reference, (system, architecture))
    except (oci.InvalidReference, OSError) as wrong:
        print(f"slipway image inspect: {wrong}", file=sys.stderr)
        return WRONG_CALL
    except oci.OciError as refused:
        print(f"slipway image inspect: {refused.reason}: {refused}", file=sys.stderr)
        return REFUSED
    print(json.dumps(found, indent=2) if arguments.output == "json" else "\n".join(_text(found)))
    return SHOWN


def _authorities(ca: Path | None, folder: Path) -> Path | None:
    """The authorities that are known anyway, and the one of `--ca`. Raises OSError."""
    return oci.trust_bundle(folder / "authorities.pem", [ca.read_text()]) if ca else None


def inspect(registry: oci.Registry, reference: oci.ImageReference, platform: tuple[str, str]) -> dict[str, Any]:
    """All that is shown, as JSON values. Sizes are bytes as the registry stores them. Raises OciError."""
    manifest = oci.resolve_platform(registry, reference, platform)
    document = manifest.document
    config = json.loads(registry.blob(reference.repository, document["config"]["digest"]))
    labels = dict((config.get("config") or {}).get("Labels") or {})
    history = [one.get("created_by", "") for one in config.get("history") or () if not one.get("empty_layer")]
    made = history if len(history) == len(document["layers"]) else [""] * len(document["layers"])
    layers = [
        {"digest": layer["digest"], "size": layer["size"], "createdBy": how}
        for layer, how in zip(document["layers"], made, strict=True)
    ]
    return {
        "image": str(reference.at(manifest.digest)),
        "digest": manifest.digest,
        "config": document["config"]["digest"],
        "platform": f"{config.get('os', '')}/{config.get('architecture', '')}",
        "size": sum(layer["size"] for layer in layers),
        "provenance": {name: labels[label] for name, label in _PROVENANCE.items() if labels.get(label)},
        "labels": labels,
        "annotations": dict(document.get("annotations") or {}),
        "layers": layers,
        "sbom": _sbom(registry, reference.repository, manifest.digest),
    }


def _sbom(registry: oci.Registry, repository: str, digest: str) -> dict[str, Any] | None:
    """A summary of the CycloneDX document that refers to the image; None where none does."""
    found = oci.attached(registry, repository, digest, _SBOM)
    if found is None:
        return None
    referrer, content = found
    document = json.loads(content)
    components = list(document.get("components") or ())
    kinds = Counter(_kind(component) for component in components)
    return {
        "referrer": referrer,
        "mediaType": _SBOM,
        "specVersion": document.get("specVersion", ""),
        "serialNumber": document.get("serialNumber", ""),
        "components": dict(sorted(kinds.items())),
        "python": {c["name"]: c.get("version", "") for c in components if _kind(c) == "pypi"},
        "debian": {c["name"]: c.get("version", "") for c in components if _kind(c) == "deb"},
    }


def _kind(component: Mapping[str, Any]) -> str:
    """The type of a component's package URL (pypi, deb, oci), else its own type."""
    purl = str(component.get("purl", ""))
    return purl.removeprefix("pkg:").partition("/")[0] if purl.startswith("pkg:") else str(component.get("type", ""))


def _text(found: Mapping[str, Any]) -> Iterator[str]:
    yield f"image     {found['image']}"
    yield f"config    {found['config']}"
    yield f"platform  {found['platform']}"
    yield from _table("provenance", found["provenance"], "the image has no labels of Slipway")
    yield from _table("labels", found["labels"], "none")
    yield f"layers    {len(found['layers'])}, {_size(found['size'])}"
    for layer in found["layers"]:
        yield f"  {layer['digest']}  {_size(layer['size']):>9}  {layer['createdBy'][:60]}".rstrip()
    sbom = found["sbom"]
    if sbom is None:
        yield "sbom      none refers to this image"
        return
    counts = ", ".join(f"{number} {kind}" for kind, number in sbom["components"].items())
    yield f"sbom      CycloneDX {sbom['specVersion']}: {counts}"
    yield f"  {sbom['referrer']}"
    yield from _table("python packages", sbom["python"], "none")


def _table(title: str, rows: Mapping[str, str], empty: str) -> Iterator[str]:
    yield title if rows else f"{title}: {empty}"
    width = max(map(len, rows), default=0)
    for name, text in sorted(rows.items()) if title != "provenance" else rows.items():
        yield f"  {name:<{width}}  {text}"


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size} B"
