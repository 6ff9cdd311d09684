"""Manifests as they stand in files: values, and the line on which each of them is written."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Location = tuple[str | int, ...]


class Unreadable(Exception):
    """A file that cannot be read or is no YAML; the message names it."""


@dataclass(frozen=True)
class Document:
    """One document of a file. `lines` maps a location, such as ("spec", "stages", 0), to its line, from 1."""

    file: str
    value: Any
    lines: Mapping[Location, int]

    def line(self, location: Sequence[str | int]) -> int:
        """The line of the location or, where it is not written, of the nearest thing above it."""
        for length in range(len(location), -1, -1):
            found = self.lines.get(tuple(location[:length]))
            if found is not None:
                return found
        return 1


class _Loader(yaml.SafeLoader):
    """YAML as Kubernetes reads it: a date is a string, a key written twice is a mistake."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, pattern) for tag, pattern in pairs if tag != "tag:yaml.org,2002:timestamp"]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def read(name: str) -> Iterator[Document]:
    """The documents of one file, `-` for standard input; empty ones are left out."""
    label = "<stdin>" if name == "-" else name
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(f"{label}: {getattr(error, 'strerror', None) or error}") from error
    try:
        for node in yaml.compose_all(text, _Loader):
            value = _Loader("").construct_document(node)
            if value is not None:
                yield Document(label, value, dict(_lines(node, ())))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Unreadable(f"{label}:{line}: not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise Unreadable(f"{label}: not YAML: {error}") from error


def _lines(node: yaml.Node, location: Location) -> Iterator[tuple[Location, int]]:
    yield location, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"the key {key.value!r} is written twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
            yield from _lines(value, (*location, key.value))
            yield (*location, key.value), key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _lines(value, (*location, index))
