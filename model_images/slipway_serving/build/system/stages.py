"""The two processes before the build of a model: `fetch` with credentials, `install` without any."""

from __future__ import annotations

import json
import logging
import re
import shutil
from pathlib import Path
from typing import Any

from slipway_oci import OciError, resolve_platform, write_layout

from slipway_serving.build.faults import BuildFault
from slipway_serving.build.published import PLATFORM
from slipway_serving.build.request import BuildRequest
from slipway_serving.build.system import namespace
from slipway_serving.build.system.buildah import Buildah
from slipway_serving.build.system.dockerfile import SETTINGS, dockerfile
from slipway_serving.build.system.request import SystemRequest

logger = logging.getLogger("slipway.build.system")

BASE_NAME = "base"
_PLAN = "plan.json"
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]*[a-z0-9+](:[a-z0-9]+)?(=[A-Za-z0-9.+:~-]+)?")


def fetch(request: BuildRequest) -> dict[str, Any]:
    """Copies the base into its folder, unless the image is there already; returns what it did. Raises BuildFault."""
    system = _system(request)
    try:
        registry, shared = request.registry(request.base), request.registry(request.dependencies)
        manifest = resolve_platform(registry, request.base, PLATFORM)
        key = system.key(manifest.digest)
        known = shared.head_manifest(request.dependencies.repository, key)
        _empty(system.base)
        if not known:
            logger.info("copying the base image %s", request.base.at(manifest.digest))
            write_layout(registry, request.base.repository, manifest, system.base, BASE_NAME)
    except OciError as error:
        raise BuildFault("base", error.reason, str(error), error.transient) from error
    plan = {"key": key, "known": known or ""}
    (system.base / _PLAN).write_text(json.dumps(plan))
    return plan


def install(request: BuildRequest) -> dict[str, Any]:
    """Builds the image into its folder; to be called by a process of one thread, which it changes for good.

    Raises BuildFault.
    """
    system = _system(request)
    plan: dict[str, Any] = json.loads((system.base / _PLAN).read_text())
    if plan["known"]:
        return plan
    text = dockerfile(checked(system.packages), system.template)
    work, settings = request.work / "buildah", request.work / "settings"
    _empty(system.result)
    work.mkdir()
    _write_settings(settings, system, request.ca)
    namespace.enter()
    namespace.ignore_identities()
    Buildah(work, settings).build(system.base, BASE_NAME, text, system.result / "layout")
    (system.result / "key").write_text(plan["key"])
    return plan


def checked(packages: object) -> list[str]:
    """Names of packages that are names and no options or commands. Raises BuildFault InvalidPackageName."""
    names = list(packages) if isinstance(packages, tuple | list) else []
    for name in names:
        if not _PACKAGE.fullmatch(name):
            raise BuildFault("system", "InvalidPackageName", f"{name!r} is no package: write name or name=version")
    return names


def _system(request: BuildRequest) -> SystemRequest:
    if request.system is None:
        raise BuildFault("system", "NothingToAdd", "give --system-base and --system-result")
    return request.system


def _write_settings(folder: Path, system: SystemRequest, ca: Path | None) -> None:
    """apt's settings while instructions run: files of one user, no recommendations of other languages, our sources."""
    folder.mkdir()
    lines = ['APT::Sandbox::User "root";', 'Acquire::Retries "3";', 'Acquire::Languages "none";']
    lines += ['Dir::Cache::pkgcache "";', 'Dir::Cache::srcpkgcache "";']  # 72 MB that no layer keeps
    if system.sources:
        (folder / "sources.list").write_text(system.sources)
        lines += [f'Dir::Etc::SourceList "{SETTINGS}/sources.list";', 'Dir::Etc::SourceParts "/dev/null";']
    if ca is not None:
        shutil.copyfile(ca, folder / "authorities.pem")
        lines.append(f'Acquire::https::CaInfo "{SETTINGS}/authorities.pem";')
    (folder / "apt.conf").write_text("\n".join(lines) + "\n")


def _empty(folder: Path) -> None:
    """What an attempt before this one left in a volume goes; the folder itself may be a mount."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
