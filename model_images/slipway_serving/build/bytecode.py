"""Bytecode that depends on its source alone, so that images start fast and still have reproducible digests.

A read-only root without bytecode compiles every imported module at each start: 4 s of CPU more for scikit-learn.
Python's own `compileall` is not reproducible, for two reasons: files carry the source's time, and `marshal` marks every
object for reference that something else refers to as well, which depends on what the compiling process did before.
Hence PEP 552's unchecked hashes (an image's source does not change under it); and everything is referred to while it is
written, so that all is marked alike. So are texts of one character, of which a process has one object each that
anybody may have interned: `marshal` writes that too. The loader replaces every code object's file name by the source's
real path, so the one written here does not matter.
"""

from __future__ import annotations

import importlib.util
import marshal
import os
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import CodeType
from typing import Any

_FLAGS = (0b01).to_bytes(4, "little")  # hash-based, unchecked (PEP 552)


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
    target.write_bytes(header + dump(code))
    return True


def dump(code: CodeType) -> bytes:
    """The code in marshal's own format, the same bytes in every process."""
    held = list(_parts(code))
    content = marshal.dumps(code)
    del held  # not before: see the module's text
    return content


def _parts(value: Any) -> Iterator[Any]:
    """The value and all that is in it; texts that are the process's own are interned."""
    yield value
    if isinstance(value, str) and len(value) < 2 and value <= "\xff":
        sys.intern(value)
    elif isinstance(value, tuple | frozenset):
        for one in value:
            yield from _parts(one)
    elif isinstance(value, CodeType):
        tables = (value.co_consts, value.co_names, value.co_varnames, value.co_cellvars, value.co_freevars)
        texts = (value.co_filename, value.co_name, value.co_qualname, value.co_linetable, value.co_exceptiontable)
        for part in (*tables, *texts):
            yield from _parts(part)
