"""Tiny wheels, made by hand, so that a dependency layer is installed without a network."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

# What a server imports itself, by the names of modules.
SERVER = ("arro3_core", "arro3_io", "bentoml", "httptools", "obstore", "pandas", "prometheus_client", "pyyaml")
SOURCE = 'def where():\n    raise RuntimeError("here")\n\n\nKINDS = {"a", "b", "c"}\nSAME = "x" in {"p", "q", "r"}\n'


def write_wheel(directory: Path, name: str, version: str, depends: str = "") -> str:
    """Writes `name-version` with a module and a script; returns its line of a lock, with the hash."""
    directory.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    requires = f"Requires-Dist: {depends}\n" if depends else ""
    files = {
        f"{name}/__init__.py": SOURCE,
        f"{name}/template.py": "this is {{ no }} Python",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name} = {name}:where\n",
    }
    lines = []
    path = directory / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
            lines.append(f"{file},sha256={digest},{len(text)}")
            archive.writestr(zipfile.ZipInfo(file, (2026, 1, 1, 0, 0, 0)), text)
        archive.writestr(f"{info}/RECORD", "\n".join([*lines, f"{info}/RECORD,,"]) + "\n")
    return f"{name}=={version} \\\n    --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"
