"""The packages of a scikit-learn image, installed as a builder does: what they take unpacked.

An image is these, the base (107 MB in the tests' cluster: Debian's minbase with Python), our code and the model, both
less than 1 MB.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from slipway_serving.build.installer import PackageIndex, install
from slipway_serving.build.lock import serving_lock

MOST, BASE = 450_000_000, 107_000_000


def sizes(root: Path) -> tuple[int, int]:
    """Bytes by content, and in blocks of 4 KiB."""
    files = [path.lstat().st_size for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
    return sum(files), sum(-(-size // 4096) * 4096 for size in files)


def test_an_image_of_scikit_learn_is_small(tmp_path: Path) -> None:
    target = tmp_path / "packages"
    cpu, start = os.times(), time.monotonic()
    install(serving_lock(), target, tmp_path, PackageIndex())
    seconds, used = time.monotonic() - start, sum(os.times()[:4]) - sum(cpu[:4])
    content, blocks = sizes(target)
    bytecode = sum(path.stat().st_size for path in target.rglob("*.pyc"))
    print(
        f"\npackages: {content / 1e6:.0f} MB, {blocks / 1e6:.0f} MB in blocks, {bytecode / 1e6:.0f} MB of it bytecode; "
        f"installed in {seconds:.0f} s ({used:.0f} s of CPU); the image: {(content + BASE) / 1e6:.0f} MB, promised 450"
    )
    assert content + BASE <= MOST
