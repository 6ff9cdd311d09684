"""A downloaded model directory: its digest, and what its `MLmodel` says, read as text."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from packaging.utils import canonicalize_name
from slipway.features.decision import DECISION, DecisionError, read_decision

from slipway_serving.build.faults import BuildFault
from slipway_serving.service.flavours.supported import UnsupportedModel, brings_code, choose_flavour
from slipway_serving.service.profile import PROFILE
from slipway_serving.service.signature import UnsupportedSignature, read_signature


def directory_digest(root: Path) -> str:
    """SHA-256 over the sorted lines "path NUL sha256 LF" of all files: what a TrainingRun tags its version with."""
    lines = []
    for path in root.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            lines.append(f"{path.relative_to(root).as_posix()}\0{content}\n")
    return "sha256:" + hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


def checked_digest(root: Path, expected: str) -> str:
    """The files' digest. Raises BuildFault when they are others than those that were evaluated (`expected`)."""
    found = directory_digest(root)
    if expected and found != expected:
        said = f"the files have the digest {found}, expected was {expected}; the version changed after its evaluation"
        raise BuildFault("download", "DigestMismatch", said)
    return found


def check_flavour(root: Path) -> tuple[str, bool]:
    """The flavour's name, and whether the model brings code of its own. Raises BuildFault for one that the served
    image could not load, whose decision layer it could not read, or that no request could ask anything."""
    document = _description(root)
    flavours = document["flavors"]
    try:
        flavour = choose_flavour(flavours)
    except UnsupportedModel as error:
        raise BuildFault("lock", "UnsupportedFlavour", str(error)) from error
    try:
        signature = read_signature(document.get("signature"))
    except UnsupportedSignature as error:
        raise BuildFault("lock", "UnsupportedSignature", str(error)) from error
    if flavour.signed and not signature and not (root / PROFILE).is_file():
        said = f"a model of the flavour {flavour.name} does not say by itself what it wants to be asked"
        raise BuildFault("lock", "SignatureMissing", f"{said}: save it with a signature, or with an input example")
    _check_decision(root / DECISION)
    return flavour.name, brings_code(flavours)


def _check_decision(path: Path) -> None:
    if not path.is_file():
        return
    try:
        read_decision(path.read_text())
    except (DecisionError, UnicodeDecodeError) as error:
        raise BuildFault("lock", "UnsupportedDecision", str(error)) from error


def model_requirements(root: Path) -> list[str]:
    """What the model asks for: the lines of its `requirements.txt`, without the packages that no answer needs, and
    with its flavour's library where they do not name it."""
    document = _description(root)
    flavour, own_code = choose_flavour(document["flavors"]), brings_code(document["flavors"])
    path = root / "requirements.txt"
    lines = _lines(path) if path.is_file() else []
    wanted = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    names = [_name(line) for line in wanted]
    kept = [line for line, name in zip(wanted, names, strict=True) if own_code or name not in flavour.unneeded]
    if {flavour.package, flavour.package.removesuffix("-skinny")} & set(names):
        return kept
    holder = document["flavors"][flavour.name] if flavour.native else document
    version = str(holder.get(flavour.version) or "").split("+")[0]
    return [*kept, f"{flavour.package}=={version}" if version else flavour.package]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        said = f"the model's {path.name} is no text in UTF-8 ({error}): write it anew, and log the model again"
        raise BuildFault("lock", "UnsupportedRequirement", said) from error


def _description(root: Path) -> Mapping[str, Any]:
    """`MLmodel`, in which `flavors` is known to be a mapping of mappings. Raises BuildFault."""
    path = root / "MLmodel"
    if not path.is_file():
        raise BuildFault("lock", "NotAnMLflowModel", "the version's directory has no file MLmodel")
    try:
        document: Any = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BuildFault("lock", "NotAnMLflowModel", f"MLmodel is no YAML: {error}") from error
    flavours = document.get("flavors") if isinstance(document, Mapping) else None
    if not isinstance(flavours, Mapping) or not all(isinstance(one, Mapping) for one in flavours.values()):
        raise BuildFault("lock", "NotAnMLflowModel", "MLmodel has no mapping `flavors`")
    return dict(document)


def _name(line: str) -> str:
    """The package that a line of requirements asks for; empty for what is none, which the lock refuses."""
    found = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", line)
    return str(canonicalize_name(found[0])) if found else ""
