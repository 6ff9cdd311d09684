"""What a model asks for as source is never built: a backend is foreign code, beside the credentials of the push."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from slipway_serving.build import lock
from slipway_serving.build.faults import BuildFault
from slipway_serving.build.installer import PackageIndex, install

from tests.unit.serving.wheels import SERVER, write_wheel

pytestmark = pytest.mark.long

PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
BACKEND = """
open({marker!r}, "a").write("ran")

def get_requires_for_build_wheel(settings=None):
    return []
"""


@pytest.fixture
def marker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that the backend of the package `source`, of which there is no wheel, writes where it runs."""
    wheels, marker = tmp_path / "wheels", tmp_path / "marker"
    for name in SERVER:
        write_wheel(wheels, name, "1.0")
    write_wheel(wheels, "asking", "1.0", depends="source")
    write_sdist(wheels, "source", "1.0", marker)
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(wheels))
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_NO_BUILD", "0")  # nobody's environment allows it
    return marker


def write_sdist(directory: Path, name: str, version: str, marker: Path) -> None:
    files = {
        "pyproject.toml": PYPROJECT,
        "backend.py": BACKEND.format(marker=str(marker)),
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
    }
    with tarfile.open(directory / f"{name}-{version}.tar.gz", "w:gz") as archive:
        for file, text in files.items():
            member = tarfile.TarInfo(f"{name}-{version}/{file}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))


@pytest.mark.parametrize("wanted", ["source==1.0", "source", "asking"])
def test_a_package_without_a_wheel_is_named_and_its_backend_never_runs(
    wanted: str, marker: Path, tmp_path: Path
) -> None:
    with pytest.raises(BuildFault) as caught:
        lock.joined_lock("", [wanted], False, tmp_path, PackageIndex())
    assert not marker.exists()
    assert (caught.value.step, caught.value.reason, caught.value.transient) == ("lock", "WheelMissing", False)
    assert "source has no wheel" in caught.value.message
    assert "spec.image.packageIndex" in caught.value.message


def test_a_lock_that_names_source_installs_nothing(marker: Path, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="returned non-zero"):
        install("source==1.0 --hash=sha256:" + "0" * 64 + "\n", tmp_path / "target", tmp_path, PackageIndex())
    assert not marker.exists()


@pytest.mark.parametrize(
    "line",
    [
        "-e .",
        "-e git+https://example.com/source.git#egg=source",
        "--find-links /somewhere",
        "git+https://example.com/source.git",
        "source @ git+https://example.com/source.git",
        "source @ https://example.com/source-1.0.tar.gz",
        "source @ file:///model/source",
        "./source",
        "/model/source",
        "file:///model/source",
        "source-1.0.tar.gz",
        "source-1.0-py3-none-any.whl",
        "Source.ZIP",
    ],
)
def test_what_is_no_name_with_a_version_is_refused_with_what_to_do(line: str) -> None:
    with pytest.raises(BuildFault, match="UnsupportedRequirement") as caught:
        lock.read_requirement(line)
    assert line in caught.value.message
    assert "publish a wheel" in caught.value.message
