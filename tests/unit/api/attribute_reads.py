"""Which fields of the kinds the product's code reads: asked of mypy, which knows the type before every dot.

Names alone would not do: `type`, `name`, `window` and `at_most` are fields of many models, and attributes of much else.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from mypy.plugin import AttributeContext, Plugin
from mypy.types import Type

ROOT = Path(__file__).resolve().parents[3]
MODELS = "slipway.api.v1alpha1."
#: What acts: decisions, their observers, Jobs, and what a search tries. Validation is left out, for checking a field is
#: not acting on it.
ACTING = (
    "operator/slipway/core", "operator/slipway/controllers", "operator/slipway/api/v1alpha1/search.py",
    "pipelines/slipway_pipelines",
)  # fmt: skip
_PACKAGES = [each for each in ACTING if not each.endswith(".py")]
_REPORT = "SLIPWAY_ATTRIBUTE_READS"
_SETTINGS = """
[mypy]
python_version = 3.11
plugins = {plugin}
mypy_path = {directory}:operator:pipelines
explicit_package_bases = true
namespace_packages = true
check_untyped_defs = true
follow_imports = skip
ignore_missing_imports = true
incremental = false
cache_dir = {directory}/cache
"""
# Enough of pydantic: the real one costs half a minute.
_PYDANTIC = """
from typing import Any, Self
class BaseModel:
    def __init__(self, **values: Any) -> None: ...
    @classmethod
    def model_validate(cls, value: Any) -> Self: ...
    def model_copy(self, *, update: Any = ...) -> Self: ...
    def model_dump(self, **how: Any) -> dict[str, Any]: ...
def __getattr__(name: str) -> Any: ...
"""


class _Attributes(Plugin):
    """Writes down where a field of a kind is read; types stay as they are."""

    def get_attribute_hook(self, fullname: str) -> Callable[[AttributeContext], Type] | None:
        if not fullname.startswith(MODELS):
            return None

        def seen(context: AttributeContext) -> Type:
            place = Path(getattr(context.api, "path", ""))
            with open(os.environ[_REPORT], "a", encoding="utf-8") as report:
                report.write(f"{place.as_posix()} {fullname}\n")
            return context.default_attr_type

        return seen


def plugin(version: str) -> type[Plugin]:
    """mypy asks for it by this name."""
    return _Attributes


def attribute_reads(directory: Path) -> frozenset[str]:
    """Full names of the fields that acting code reads, such as slipway.api.v1alpha1.gates.Gate.bound."""
    report, settings = directory / "reads", directory / "mypy.ini"
    (directory / "pydantic.pyi").write_text(_PYDANTIC, encoding="utf-8")
    settings.write_text(_SETTINGS.format(plugin=Path(__file__), directory=directory), encoding="utf-8")
    report.touch()
    command = [sys.executable, "-m", "mypy", "--config-file", str(settings), "operator/slipway/api", *_PACKAGES]
    environment = {**os.environ, _REPORT: str(report)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr  # 1: without the types of libraries it has complaints
    lines = (line.split() for line in report.read_text(encoding="utf-8").splitlines())
    return frozenset(name for place, name in lines if place.startswith(ACTING))
