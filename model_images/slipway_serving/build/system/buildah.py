"""Buildah, as far as it is used here: an image out of a layout, a Dockerfile upon it, the result into a layout."""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from slipway_serving.build.faults import BuildFault
from slipway_serving.build.system.dockerfile import BASE, SETTINGS

logger = logging.getLogger("slipway.build.buildah")

NAME = "localhost/slipway-system"
"""How the image is called in Buildah's storage."""

_LAST = 12

_UNREACHABLE = re.compile(
    r"Temporary failure resolving|Could not (resolve|connect)|Connection (timed out|refused|failed)"
    r"|Network is unreachable|Unable to connect|\b50[0-9] |Failed to fetch|Hash Sum mismatch|File has unexpected size",
    re.I,
)
_UNTRUSTED = re.compile(
    r"NO_PUBKEY|is not signed|certificate verif|No system certificates|Release file .* expired", re.I
)
_UNKNOWN = re.compile(
    r"Unable to locate package|has no installation candidate|Version '.*' for '.*' was not found", re.I
)
_NO_APT = re.compile(r"apt-get: (command )?not found|apt-get: No such file", re.I)
_PROGRESS = re.compile(r"^\(Reading database \.\.\. (\d+%)?$")
_FULL = re.compile(r"no space left on device", re.I)


@dataclass(frozen=True)
class Buildah:
    """`work` is a folder for its storage; `settings` one that instructions see at SETTINGS, read-only."""

    work: Path
    settings: Path

    def build(self, base: Path, base_name: str, dockerfile: str, result: Path) -> None:
        """Builds `dockerfile` upon the image of the layout `base` into the empty folder `result`. Raises BuildFault."""
        policy, file, context = self.work / "policy.json", self.work / "Dockerfile", self.work / "context"
        # The base's digest was checked when it was fetched; nothing else is pulled.
        policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
        file.write_text(dockerfile)
        context.mkdir()
        (self.work / "containers.conf").write_text("")
        (self.work / "storage.conf").write_text(
            f'[storage]\ndriver = "vfs"\ngraphroot = "{self.work}/storage"\nrunroot = "{self.work}/run"\n'
        )
        trusting = ["--signature-policy", str(policy)]
        pulled = self._run(["pull", "--quiet", *trusting, f"oci:{base}:{base_name}"]).strip().splitlines()
        self._run(["tag", pulled[-1], BASE])
        options = ["--isolation", "chroot", "--pull-never", "--no-cache", "--format", "oci", *trusting]
        volume = ["--volume", f"{self.settings}:{SETTINGS}:ro"]
        self._run(["build", *options, *volume, "--tag", NAME, "--file", str(file), str(context)])
        self._run(["push", "--quiet", "--format", "oci", *trusting, NAME, f"oci:{result}:system"])

    def _run(self, arguments: Sequence[str]) -> str:
        """Its standard output. What it says goes to the log line by line."""
        program = shutil.which("buildah")
        if program is None:
            message = "this image has no buildah: images.buildah of the chart must name one that has"
            raise BuildFault("system", "BuildahMissing", message)
        last: deque[str] = deque(maxlen=_LAST)
        output: list[str] = []
        with subprocess.Popen(
            [program, *arguments], env=self._environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace",
        ) as process:  # fmt: skip
            assert process.stdout is not None
            for line in process.stdout:
                output.append(line)
                if line.strip() and not _PROGRESS.search(line):
                    last.append(line.rstrip()[:300])
                    logger.info("%s", line.rstrip()[:1000])
        if process.returncode:
            raise fault(arguments[0], "\n".join(output[-200:]), "\n".join(last))
        return "".join(output)

    def _environment(self) -> dict[str, str]:
        """Nothing of this process's own but where programs are."""
        return {
            "PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
            "HOME": str(self.work),
            "TMPDIR": str(self.work),
            "XDG_RUNTIME_DIR": str(self.work / "run"),
            "CONTAINERS_CONF": str(self.work / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(self.work / "storage.conf"),
            # It is in a user namespace already, and makes no second one.
            "_CONTAINERS_USERNS_CONFIGURED": "1",
            "BUILDAH_ISOLATION": "chroot",
        }


def fault(command: str, said: str, last: str) -> BuildFault:
    """A reason by what was said; transient where a package source or the disk may do better next time."""
    if _UNTRUSTED.search(said):
        remedy = (
            "The base image, or spec.image.buildah.sourcesRef, must name keys and authorities of its package source"
        )
        return BuildFault("system", "PackageSourceUntrusted", f"{last}\n{remedy}")
    if _UNKNOWN.search(said):
        return BuildFault("system", "SystemPackageNotFound", f"{last}\nCheck spec.image.buildah.systemPackages")
    if _NO_APT.search(said):
        remedy = "systemPackages need a base image with apt; elsewhere install them in spec.image.buildah.dockerfileRef"
        return BuildFault("system", "NoPackageManager", f"{last}\n{remedy}")
    if _FULL.search(said):
        return BuildFault("system", "DiskFault", last, transient=True)
    if _UNREACHABLE.search(said):
        return BuildFault("system", "PackageSourceUnavailable", last, transient=True)
    reason = "InstructionFailed" if command == "build" else "BuildahFailed"
    return BuildFault("system", reason, last)
