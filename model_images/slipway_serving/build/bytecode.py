"""Bytecode that depends on its source alone, so that images start fast and still have reproducible digests.

A read-only root without bytecode compiles every imported module at each start: 4 s of CPU more for scikit-learn.
Python's own `compileall` is not reproducible, for two reasons: files carry the source's time, and `marshal` writes
references by how often an object happens to be shared in the compiling process. Hence PEP 552's unchecked hashes
(an image's source does not change under it), and version 2 of the marshal format, which has no references. The loader
replaces every code object's file name by the source's real path, so the one written here does not matter.
"""

from __future__ import annotations

import importlib.util
import marshal
import os
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

_FLAGS = (0b01).to_bytes(4, "little")  # hash-based, unchecked (PEP 552)
_MARSHAL_VERSION = 2


def compile_tree(root: Path) -> int:
    """Writes `__pycache__` beside every module below `root`; returns how many were compiled."""
    sources = sorted(root.rglob("*.py"))
    with ProcessPoolExecutor(min(2, os.cpu_count() or 1)) as workers:
        return sum(workers.map(compile_file, sources, chunksize=64))


def compile_file(source: Path) -> bool:
    """Compiles one module; False where it is no module (a template, another Python)."""
    content = source.read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            code = compile(content, "-", "exec", dont_inherit=True, optimize=0)
        except (SyntaxError, ValueError, RecursionError):
            return False
    header = importlib.util.MAGIC_NUMBER + _FLAGS + importlib.util.source_hash(content)
    target = Path(importlib.util.cache_from_source(str(source), optimization=""))
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(header + marshal.dumps(code, _MARSHAL_VERSION))
    return True
