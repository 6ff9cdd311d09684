"""Which files a pattern means: `**` any number of directories, `*` a part of a name; Python's glob is the judge."""

from __future__ import annotations

import glob
import tempfile
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway_serving.scoring.stores import locate

_NAMES = st.sampled_from(["a", "b", "ab", "aday.parquet", "day.parquet"])
_FILES = st.sets(st.lists(_NAMES, min_size=1, max_size=4).map("/".join), min_size=1, max_size=8)
_PARTS = st.sampled_from(["**", "**", "*", "a", "a*", "?", "[ab]", "*day.parquet", "day.parquet", "b**"])


def matched(data: Path, pattern: str) -> list[str]:
    files = locate(f"file:///data/{quote(pattern)}", data, {}).files()
    return sorted(str(Path(one.path).relative_to(data)) for one in files)


def laid(data: Path, files: set[str]) -> None:
    """Makes the files, but for those whose place a directory or another file has already."""
    for name in sorted(files):
        path = data / name
        if path.exists() or any(parent.is_file() for parent in path.parents):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@given(files=_FILES, pattern=st.lists(_PARTS, min_size=1, max_size=5).map("/".join))
def test_patterns_mean_what_they_mean_to_glob(files: set[str], pattern: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        data = Path(directory)
        laid(data, files)
        wildcards = pattern if glob.has_magic(pattern) else f"*/{pattern}"
        found = set(glob.glob(wildcards, root_dir=data, recursive=True))
        files = {name for name in found if not name.endswith("/") and (data / name).is_file()}
        assert matched(data, wildcards) == sorted(files)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("in/**/day.parquet", ["in/a/b/day.parquet", "in/a/day.parquet", "in/day.parquet"]),
        ("in/**/*day.parquet", ["in/a/b/day.parquet", "in/a/day.parquet", "in/day.parquet", "in/holiday.parquet"]),
        ("in/**/b/*", ["in/a/b/day.parquet"]),
        ("in/*/day.parquet", ["in/a/day.parquet"]),
        ("in/a/**", ["in/a/b/day.parquet", "in/a/day.parquet"]),
        ("in/**/_*/day.parquet", []),
    ],
)
def test_two_stars_are_directories_and_no_part_of_a_name(pattern: str, found: list[str], tmp_path: Path) -> None:
    laid(
        tmp_path,
        {"in/day.parquet", "in/holiday.parquet", "in/a/day.parquet", "in/a/b/day.parquet", "in/_x/day.parquet"},
    )
    assert matched(tmp_path, pattern) == found
