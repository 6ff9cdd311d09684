"""The text format of Prometheus, written directly: a scrape of thousands of series takes milliseconds.

Source: "Exposition formats", version 0.0.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def label(value: str) -> str:
    """Escapes a label's value."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def labels(pairs: Mapping[str, str]) -> str:
    """`name="value",…` without braces, so that callers prepare the constant part once."""
    return ",".join(f'{name}="{label(value)}"' for name, value in pairs.items())


class Page:
    """Collects one scrape. The constant labels come first in every series."""

    def __init__(self, constant: Mapping[str, str]) -> None:
        self._constant = labels(constant)
        self._lines: list[str] = []

    def family(self, name: str, kind: str, text: str, samples: Iterable[tuple[str, float]]) -> None:
        """Adds one metric family; each sample is its own labels (as `labels` writes them) and its value."""
        prefix = f"{name}{{{self._constant}"
        lines = [f"{prefix},{own}}} {value:.12g}" if own else f"{prefix}}} {value:.12g}" for own, value in samples]
        if lines:
            self._lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}", *lines]

    def histogram(self, name: str, text: str, samples: Iterable[tuple[str, str, float]]) -> None:
        """Adds a histogram; each sample is its suffix (`_bucket`, `_sum`, `_count`), own labels and value."""
        lines = [f"{name}{suffix}{{{self._constant},{own}}} {value:.12g}" for suffix, own, value in samples]
        if lines:
            self._lines += [f"# HELP {name} {text}", f"# TYPE {name} histogram", *lines]

    def text(self) -> str:
        """The page, ending in a line feed."""
        return "\n".join(self._lines) + "\n"
