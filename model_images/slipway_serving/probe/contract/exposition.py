"""A page of Prometheus' text format, read as samples."""

from __future__ import annotations

import re
from collections.abc import Iterator

_LINE = re.compile(r"([A-Za-z_:][\w:]*)(?:\{(.*)\})?[ \t]+(\S+)(?:[ \t]+-?\d+)?")
_LABEL = re.compile(r'\s*([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"\s*(?:,|$)')
_ESCAPE = re.compile(r"\\(.)")
Labels = dict[str, str]


class Page:
    """Samples by name. Raises ValueError for a line that is none."""

    def __init__(self, text: str) -> None:
        self._samples: dict[str, list[tuple[Labels, float]]] = {}
        for line in text.split("\n"):  # other ends of lines are part of a label
            if line and not line.startswith("#"):
                name, labels, value = _sample(line.strip())
                self._samples.setdefault(name, []).append((labels, value))

    def __len__(self) -> int:
        return sum(len(each) for each in self._samples.values())

    def of(self, name: str, **labels: str) -> Iterator[tuple[Labels, float]]:
        """Samples that carry all `labels`."""
        return ((own, value) for own, value in self._samples.get(name, ()) if labels.items() <= own.items())

    def has(self, name: str, **labels: str) -> bool:
        """Whether such a series exists."""
        return any(True for _ in self.of(name, **labels))

    def total(self, name: str, **labels: str) -> float:
        """The sum of such samples, 0 of none."""
        return sum(value for _, value in self.of(name, **labels))


def _sample(line: str) -> tuple[str, Labels, float]:
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError(f"no sample: {line[:120]}")
    labels, place, text = {}, 0, match[2] or ""
    while place < len(text):
        pair = _LABEL.match(text, place)
        if pair is None:
            raise ValueError(f"labels that cannot be read: {line[:120]}")
        labels[pair[1]] = _ESCAPE.sub(lambda found: "\n" if found[1] == "n" else found[1], pair[2])
        place = pair.end()
    return match[1], labels, float(match[3])
