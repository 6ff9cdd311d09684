"""What is cut off packages, and what must stay."""

from __future__ import annotations

import importlib.metadata
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from slipway_serving.build.bytecode import dump
from slipway_serving.build.symbols import cut_symbols
from slipway_serving.build.trim import trim

from tests.unit.serving.trees import write_tree


def site(module: str) -> Path:
    """The installed package of that name."""
    return Path(str(__import__(module).__file__)).parent


def library() -> Path:
    """A real shared library that ends in symbols."""
    return next(iter(site("yaml").glob("_yaml*.so")))


def test_a_library_without_symbols_is_shorter_and_still_runs(tmp_path: Path) -> None:
    shutil.copytree(site("yaml"), tmp_path / "yaml")
    copy = tmp_path / "yaml" / library().name
    before = copy.stat()
    assert cut_symbols(copy) == before.st_size - copy.stat().st_size > 0
    assert copy.stat().st_mode == before.st_mode
    code = "import yaml, yaml._yaml as y; print(yaml.load('a: [1]', yaml.CSafeLoader), y.__file__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{{'a': [1]}} {copy}"
    assert cut_symbols(copy) == 0, "a second time there is nothing left"


def test_a_file_that_is_linked_to_an_installers_cache_leaves_the_cache_alone(tmp_path: Path) -> None:
    cached, installed = tmp_path / "cached.so", tmp_path / "installed.so"
    shutil.copyfile(library(), cached)
    os.link(cached, installed)
    cut_symbols(installed)
    assert cached.read_bytes() == library().read_bytes() != installed.read_bytes()


@pytest.mark.parametrize("change", ["appended", "text", "short", "section"])
def test_what_is_not_understood_stays_as_it_is(tmp_path: Path, change: str) -> None:
    content = library().read_bytes()
    content = {
        "appended": content + b"an archive that the library reads from its own end",
        "text": b"#!/bin/sh\n",
        "short": content[:40],
        "section": content.replace(b".debug_info", b".mine__info").replace(b".symtab", b".minetb"),
    }[change]
    file = write_tree(tmp_path, {"x.so": content}) / "x.so"
    assert cut_symbols(file) == 0
    assert file.read_bytes() == content


def test_sources_of_extensions_and_types_go_and_what_runs_stays(tmp_path: Path) -> None:
    kept = {
        "numpy/__init__.py": b"",
        "numpy/data.npz": b"1",
        "pygments/lexers/python.py": b"",
        "torch/include/torch.h": b"compiled at run time",
        "numpy-2.dist-info/METADATA": b"Metadata-Version: 2.1\nName: numpy\nVersion: 2\n",
        "numpy-2.dist-info/entry_points.txt": b"[x]\na = numpy:b\n",
    }
    gone = {
        "numpy/__init__.pyi": b"",
        "numpy/random/lib/lib.a": b"1",
        "numpy/random/tests/test_it.py": b"1",
        "scipy/linalg/cython_lapack.pyx": b"1",
        "numpy-2.dist-info/RECORD": b"",
        "pygments/lexers/php.py": b"",
        "bin/f2py": b"#!/builder/python",
    }
    write_tree(tmp_path, {**kept, **gone})
    trim(tmp_path)
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()} == set(kept)
    (found,) = importlib.metadata.distributions(name="numpy", path=[str(tmp_path)])
    assert (found.version, [one.value for one in found.entry_points]) == ("2", ["numpy:b"])


def test_one_library_of_two_wheels_is_kept_once(tmp_path: Path) -> None:
    names = {"numpy.libs/libf-1.so.5": b"one", "scipy.libs/libf-1.so.5": b"one", "scipy.libs/libg-2.so": b"other"}
    write_tree(tmp_path, {**names, "zmq.libs/libg-2.so": b"not the same"})
    trim(tmp_path)
    link = tmp_path / "scipy.libs/libf-1.so.5"
    assert (link.is_symlink(), os.readlink(link)) == (True, "../numpy.libs/libf-1.so.5")
    assert [path.name for path in tmp_path.rglob("*") if path.is_symlink()] == ["libf-1.so.5"]
    assert (tmp_path / "zmq.libs/libg-2.so").read_bytes() == b"not the same"


SOURCES = ["json/decoder.py", "argparse.py", "typing.py", "enum.py", "ast.py", "dataclasses.py"]


@pytest.mark.long
def test_bytecode_does_not_depend_on_what_the_process_did_before() -> None:
    """Other names are in memory, other modules were compiled, and texts hash otherwise."""
    folder = Path(os.__file__).parent
    code = (
        "import sys, hashlib; from pathlib import Path; from slipway_serving.build.bytecode import dump\n"
        "order = sys.argv[1].split(',')\n"
        "made = {name: dump(compile(Path(name).read_bytes(), '-', 'exec', dont_inherit=True)) for name in order}\n"
        "print(*(hashlib.sha256(made[name]).hexdigest() for name in sorted(made)))"
    )

    def digests(seed: int) -> str:
        order = [str(folder / name) for name in random.Random(seed).sample(SOURCES, len(SOURCES))]
        environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
        before = "import sys, asyncio, decimal\nfor n in range(256): sys.intern(chr(n))\n" if seed % 2 else ""
        command = [sys.executable, "-c", before + code, ",".join(order)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    assert len({digests(seed) for seed in range(4)}) == 1


def test_bytecode_shares_what_recurs() -> None:
    import marshal

    code = compile("\n".join(f"def f{n}(first, second): return first.member(second)" for n in range(50)), "-", "exec")
    assert len(dump(code)) < 0.75 * len(marshal.dumps(code, 2))
    assert marshal.loads(dump(code)) == code
