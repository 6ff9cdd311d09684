"""Good manifests, and how one becomes a wrong one."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

MANIFESTS = Path(__file__).parents[1] / "manifests"


class _Absent:
    """Stands for a field that is taken away; its name is the same in every process that collects tests."""

    def __repr__(self) -> str:
        return "absent"


ABSENT = _Absent()


@dataclass(frozen=True)
class Wrong:
    """`path` of `base` becomes `value` (ABSENT removes it); every text of `says` must be in the refusal."""

    name: str
    base: str
    path: str
    value: Any
    says: tuple[str, ...]

    def manifest(self) -> dict[str, Any]:
        """The wrong manifest."""
        return changed(good(self.base)[0], self.path, self.value)


def good(name: str) -> list[dict[str, Any]]:
    """The documents of one good manifest."""
    return [*yaml.safe_load_all((MANIFESTS / f"{name}.yaml").read_text(encoding="utf-8"))]


def all_good() -> dict[str, dict[str, Any]]:
    """Every good document by file and index."""
    names = sorted(path.stem for path in MANIFESTS.glob("*.yaml"))
    return {f"{name}[{index}]": document for name in names for index, document in enumerate(good(name))}


def changed(manifest: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with one place changed; a number in the path is a place in a list."""
    copied = copy.deepcopy(dict(manifest))
    *parents, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    place: Any = copied
    for part in parents:
        place = place[part]
    if value is ABSENT:
        del place[last]
    elif isinstance(place, list) and last == len(place):
        place.append(value)
    else:
        place[last] = value
    return copied
