"""Root without being root, asked of the kernel: each in a process of its own, which it changes for good."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.serving.servers import SOURCES
from tests.unit.serving.small_system import UNPRIVILEGED

pytestmark = [
    pytest.mark.programs,
    pytest.mark.skipif(
        platform.system() != "Linux" or platform.machine() != "x86_64" or not shutil.which("unshare"),
        reason="user namespaces and their filter are Linux's on x86-64",
    ),
]
INSIDE = """
import os, sys
from slipway_serving.build.faults import BuildFault
from slipway_serving.build.system import namespace
try:
    namespace.enter()
    namespace.ignore_identities()
except BuildFault as fault:
    print(fault)
    sys.exit(3)
path = sys.argv[1]
os.chown(path, 33, 33)
os.chown(path, 33, 33, follow_symlinks=False)
os.setgroups([33])
os.setresuid(33, 33, 33)
print(os.getuid(), os.stat(path).st_uid, open("/proc/self/status").read())
"""


def run(path: Path, *before: str) -> subprocess.CompletedProcess[str]:
    command = [*before, sys.executable, "-c", INSIDE, str(path)]
    environment = {**os.environ, "PYTHONPATH": SOURCES}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_process_without_capabilities_is_root_and_owners_stay(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    done = run(tmp_path / "file", *UNPRIVILEGED)
    assert done.returncode == 0, done.stdout + done.stderr
    user, owner, status = done.stdout.split(" ", 2)
    assert (user, owner) == ("0", "0")
    assert "NoNewPrivs:\t1" in status
    assert (tmp_path / "file").stat().st_uid == os.getuid()


def test_where_the_kernel_allows_none_the_remedy_is_said(tmp_path: Path) -> None:
    none = 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$0" "$@"'
    done = run(tmp_path, "unshare", "--user", "--map-root-user", "sh", "-c", none)
    assert done.returncode == 3, done.stderr
    assert "UserNamespacesDenied: unshare: ENOSPC" in done.stdout
    assert "user.max_user_namespaces" in done.stdout
