"""What import-linter cannot say: row tests are black boxes."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
OURS = {
    "slipway": "operator",
    "slipway_pipelines": "pipelines",
    "slipway_serving": "model_images",
    "slipway_oci": "model_images",
}


def imported(file: Path) -> Iterator[tuple[int, str]]:
    """Line and module of every import of a file, those by name in a call included."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, node.module or ""
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute) and node.args:
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            if name in ("import_module", "importorskip", "__import__") and isinstance(node.args[0], ast.Constant):
                yield node.lineno, str(node.args[0].value)


def reached(directory: Path) -> Iterator[Path]:
    """The files of a directory, and those of tests that they import, and so on."""
    waiting, seen = sorted(directory.rglob("*.py")), set()
    while waiting:
        file = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        yield file
        for _, module in imported(file):
            place = ROOT.joinpath(*module.split("."))
            waiting += [each for each in (place.with_suffix(".py"), place / "__init__.py") if each.is_file()]


def test_row_tests_import_nothing_of_ours() -> None:
    if not (ROOT / "tests" / "rows").is_dir():
        pytest.skip("there are no row tests")
    wrong = [
        f"{file.relative_to(ROOT)}:{line} imports {module}"
        for file in reached(ROOT / "tests" / "rows")
        for line, module in imported(file)
        if module.split(".")[0] in OURS
    ]
    assert wrong == []


def test_no_package_hides_the_standard_library() -> None:
    assert not (ROOT / "operator" / "__init__.py").exists()


def test_every_package_of_ours_has_an_init_file() -> None:
    """One without is left out of a wheel, without a word."""
    for name, place in OURS.items():
        for directory in (ROOT / place / name, *(ROOT / place / name).rglob("*")):
            if directory.is_dir() and any(directory.glob("*.py")):
                assert (directory / "__init__.py").exists(), directory


def test_the_index_of_decisions_is_right() -> None:
    """What it lists exists under that title; a decision that is being written need not be listed yet."""
    directory = ROOT / "docs" / "decisions"
    rows = re.findall(r"^\| \[(\d+)\]\((\S+)\) \| (.*) \|$", (directory / "README.md").read_text(), re.MULTILINE)
    assert rows
    for number, name, title in rows:
        assert (directory / name).read_text(encoding="utf-8").startswith(f"# {number}: {title}\n"), name


def test_git_ignores_no_source() -> None:
    """`build/` in .gitignore once kept a whole package out of every clone."""
    command = ["git", "ls-files", "--others", "--ignored", "--exclude-standard", "*.py", "*.yaml", "*.lock", "*.go"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is no git checkout")
    kept = [line for line in listed.stdout.splitlines() if not line.startswith((".venv", "build/"))]
    assert kept == []
