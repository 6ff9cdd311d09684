"""Packages into a directory, made the same every time: uv installs, what varies is removed, bytecode is compiled."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from slipway_serving.build.bytecode import compile_tree
from slipway_serving.build.trim import trim

logger = logging.getLogger("slipway.build.installer")

# Shared libraries that a wheel expects of the system, by the name it asks for, and where other wheels bring them under
# names of their own. A base image of Debian's essential packages has none of these, and no package manager runs here.
SYSTEM_LIBRARIES = "system-libraries"
_BROUGHT = {"libgomp.so.1": ("scikit_learn.libs/libgomp-*.so*", "xgboost_cpu.libs/libgomp-*.so*", "torch/lib/libgomp*")}


@dataclass(frozen=True)
class PackageIndex:
    """Where packages come from; an empty `url` means uv's own choice. `ca` is a PEM file of all trusted authorities."""

    url: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    ca: Path | None = None

    @property
    def arguments(self) -> list[str]:
        """uv's words. The credentials are none of them: every process of the machine can read a command line."""
        return ["--default-index", f"slipway={self.url}"] if self.url else []

    @property
    def environment(self) -> dict[str, str]:
        """What uv finds in its environment."""
        found = {"UV_INDEX_SLIPWAY_USERNAME": self.username, "UV_INDEX_SLIPWAY_PASSWORD": self.password}
        found["SSL_CERT_FILE"] = str(self.ca) if self.ca else ""
        return {name: text for name, text in found.items() if text}


def run_uv(arguments: Sequence[str], work: Path, index: PackageIndex) -> str:
    """Runs a command of `uv pip` with all that it writes below `work`. Raises CalledProcessError with what it said.

    Never does it build a package, not even to read its metadata: a build backend is foreign code, and the credentials
    of the push stand in this process's environment. uv 0.13 heeds no variable for that where it compiles.
    """
    program = shutil.which("uv")
    command = [program] if program else [sys.executable, "-m", "uv"]
    environment = {
        "UV_CACHE_DIR": str(work / "uv-cache"),
        "UV_HTTP_TIMEOUT": "120",
        "UV_NO_CONFIG": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_SYSTEM_CERTS": "1",
        **os.environ,
        **index.environment,
        "HOME": str(work),
    }
    arguments = [*command, *arguments, "--no-build", *index.arguments, "--python", sys.executable]
    try:
        return subprocess.run(arguments, env=environment, capture_output=True, text=True, check=True).stdout
    except subprocess.CalledProcessError as error:
        logger.warning("uv %s failed:\n%s", arguments[len(command) + 1], error.stderr.strip())
        raise


def install(lock: str, target: Path, work: Path, index: PackageIndex) -> None:
    """Installs a lock with hashes into `target`: wheels only, so that no foreign build code runs here.

    Raises CalledProcessError with uv's words.
    """
    requirements = work / "requirements.lock"
    requirements.write_text(lock)
    arguments = ["pip", "install", "-q", "--target", str(target), "--no-deps", "--require-hashes"]
    run_uv([*arguments, "--requirements", str(requirements)], work, index)
    trim(target)
    expose_libraries(target)
    compile_tree(target)


def expose_libraries(target: Path) -> None:
    """Links libraries that wheels brought to the names that other wheels ask for, in a folder of the loader's path.

    A link, not a copy: the loader knows a library by its inode, so that both wheels share one OpenMP and its threads.
    """
    folder = target / SYSTEM_LIBRARIES
    folder.mkdir(exist_ok=True)
    for name, patterns in _BROUGHT.items():
        found = [path for pattern in patterns for path in sorted(target.glob(pattern))]
        if found:
            (folder / name).symlink_to(Path("..") / found[0].relative_to(target))
