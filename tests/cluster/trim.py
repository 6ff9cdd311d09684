"""Keeps the cache from growing: of images and layers only those stay that the cluster of today uses."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

from tests.cluster.images import PREFIX
from tests.cluster.packages import program
from tests.cluster.places import Places

_KEPT_SECONDS = 7 * 24 * 3600


def containers(places: Places) -> None:
    """Has containerd, which still runs, forget all containers, and the images that no add-on and no code needs."""
    wanted = wanted_images(places)
    for containers in _chunks(_ctr(places, "containers", "list", "-q").split()):
        _ctr(places, "containers", "rm", *containers)
    digests = {image.rpartition("@")[2] for image in wanted}
    for line in _ctr(places, "images", "list").splitlines()[1:]:
        fields = line.split()
        if wanted and len(fields) > 2 and fields[2] not in digests:
            _ctr(places, "images", "rm", fields[0])


def wanted_images(places: Places) -> list[str]:
    """The pinned references that the last `up` used; nothing where it is not known."""
    try:
        images: list[str] = json.loads((places.state / "images.json").read_text())
        return images
    except (FileNotFoundError, ValueError):
        return []


def registry(places: Places) -> None:
    """Removes what tests pushed and what older code was made into, with the registry stopped."""
    wanted = wanted_images(places)
    repositories = places.registry_storage / "docker" / "registry" / "v2" / "repositories"
    if not wanted or not repositories.is_dir():
        return
    outdated = [one for one in repositories.iterdir() if one.name != PREFIX]
    for repository in (repositories / PREFIX).iterdir() if (repositories / PREFIX).is_dir() else ():
        kept = {image.rpartition("sha256:")[2] for image in wanted if f"/{PREFIX}/{repository.name}@" in image}
        _forget_tags(repository, kept)
        outdated += [revision for revision in _revisions(repository) if revision.name not in kept]
    for directory in outdated:
        shutil.rmtree(directory)
    config = places.configs / "registry.yml"
    if outdated and config.exists():
        command = [program("/usr/bin/docker-registry"), "garbage-collect", str(config)]
        subprocess.run(command, capture_output=True, check=False, timeout=120)


def _revisions(repository: Path) -> list[Path]:
    directory = repository / "_manifests" / "revisions" / "sha256"
    return list(directory.iterdir()) if directory.is_dir() else []


def _forget_tags(repository: Path, kept: set[str]) -> None:
    for tag in (repository / "_manifests" / "tags").glob("*"):
        link = tag / "current" / "link"
        if not link.exists() or link.read_text().strip().removeprefix("sha256:") not in kept:
            shutil.rmtree(tag)


def layers(places: Places) -> None:
    """Removes layers of code that no `up` has used for a week (the large ones are few, and are used by name)."""
    for path in (places.cache / "layers").glob("code-*"):
        if time.time() - path.stat().st_mtime > _KEPT_SECONDS:
            path.unlink(missing_ok=True)


def _chunks(names: list[str], size: int = 50) -> list[list[str]]:
    return [names[start : start + size] for start in range(0, len(names), size)]


def _ctr(places: Places, *arguments: str) -> str:
    command = [program("/usr/bin/ctr"), "--address", str(places.containerd_socket), "--namespace", "k8s.io"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, env=dict(os.environ))
    return done.stdout
