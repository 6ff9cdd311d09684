"""What an installed package holds that no image needs: taken out of its tree, the same way every time."""

from __future__ import annotations

import shutil
from pathlib import Path

from slipway_serving.build.symbols import cut_symbols

# Records of how and by whom a wheel was installed; they hold paths, times and the installer's version.
_RECORDS = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"}
# Test suites of the large packages: a fifth of their size, never imported when serving.
_TESTED = (
    "numpy",
    "scipy",
    "pandas",
    "sklearn",
    "joblib",
    "skops",
    "narwhals",
    "psutil",
    "tornado",
    "threadpoolctl",
    "pyarrow",
)
# Sources and headers of extension modules: for who compiles others against them. Not those of packages that compile
# while they run (PyTorch, Numba).
_COMPILED = ("numpy", "scipy", "pandas", "sklearn", "aiohttp", "pyarrow", "uvloop", "yaml")
_SOURCES = {".a", ".c", ".cpp", ".h", ".hpp", ".pxd", ".pxi", ".pyx", ".tp"}
# Parts that neither a server nor a scoring Job calls: Arrow's headers and Flight, the assets of BentoML's own pages,
# whose place our routes take.
_UNUSED = (
    *(f"pyarrow/{name}" for name in ("include", "includes", "src", "*flight*")),
    *(f"bentoml/_internal/server/static_content/{name}" for name in ("*.js", "*.css")),
    "tornado/test",
)
# rich, which BentoML's command line needs, highlights Python in tracebacks; 8 MB are the other languages.
_LEXERS, _KEPT_LEXERS = "pygments/lexers", {"__init__.py", "_mapping.py", "python.py", "special.py", "text.py"}


def trim(target: Path) -> None:
    """Removes what differs between two installations, or serves nobody in a served image.

    What `importlib.metadata` reads of a distribution stays.
    """
    shutil.rmtree(target / "bin", ignore_errors=True)  # scripts whose first line is the builder's interpreter
    (target / ".lock").unlink(missing_ok=True)
    for package in _TESTED:
        for tests in sorted((target / package).rglob("tests")):
            if tests.is_dir():
                shutil.rmtree(tests)
    for unused in [path for pattern in _UNUSED for path in sorted(target.glob(pattern))]:
        shutil.rmtree(unused) if unused.is_dir() else unused.unlink()
    for lexer in sorted((target / _LEXERS).glob("*.py")):
        if lexer.name not in _KEPT_LEXERS:
            lexer.unlink()
    for record in target.glob("*.dist-info/*"):
        if record.name in _RECORDS:
            record.unlink()
    for cache in sorted(target.rglob("__pycache__")):
        shutil.rmtree(cache)
    _trim_compiled(target)


def _trim_compiled(target: Path) -> None:
    for package in _COMPILED:
        for file in sorted((target / package).rglob("*")):
            if file.suffix in _SOURCES and file.is_file():
                file.unlink()
    for stub in sorted(target.rglob("*.pyi")):  # types, for who checks them
        stub.unlink()
    for library in sorted(path for path in target.rglob("*.so*") if path.is_file() and not path.is_symlink()):
        cut_symbols(library)
    _share_libraries(target)


def _share_libraries(target: Path) -> None:
    """Libraries that several wheels bring under one name with one content become one, by links; so do their pages in
    memory. The name holds a hash of the content, as auditwheel writes it."""
    first: dict[str, Path] = {}
    for library in sorted(target.glob("*.libs/*.so*")):
        kept = first.setdefault(library.name, library)
        if kept != library and not library.is_symlink() and library.read_bytes() == kept.read_bytes():
            library.unlink()
            library.symlink_to(Path("..") / kept.relative_to(target))
