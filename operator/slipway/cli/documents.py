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
    """YAML as Kubernetes reads it: a date is a string, a key written twice is a mistake, and all of it is JSON."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, pattern) for tag, pattern in pairs if tag != "tag:yaml.org,2002:timestamp"]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


MOST_VALUES = 200_000
"""Most values of one document, aliases written out: an object of 1 MiB, which is what etcd takes, has fewer."""

MOST_DEPTH = 100
"""Deepest nesting; that of a ModelRollout is 15."""

_MAP, _SEQUENCE = "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"
_MERGE = "tag:yaml.org,2002:merge"
_SCALARS = {_MERGE, *(f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "binary"))}
_NO_NUMBERS = {".nan", ".inf", "+.inf", "-.inf"}


def read(name: str) -> Iterator[Document]:
    """The documents of one file, `-` for standard input; empty ones are left out. Raises Unreadable."""
    label = "<stdin>" if name == "-" else name
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(f"{label}: {getattr(error, 'strerror', None) or error}") from error
    try:
        for node in yaml.compose_all(text, _Loader):
            lines = dict(_Walk().lines(node))
            value = _value(node)
            if value is not None:
                yield Document(label, value, lines)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Unreadable(f"{label}:{line}: not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise Unreadable(f"{label}: not YAML: {error}") from error
    except RecursionError:
        raise Unreadable(f"{label}: not YAML that Kubernetes takes: it is nested more than {MOST_DEPTH} deep") from None


def listed(document: Document) -> Iterator[Document]:
    """The manifests of a List, as `kubectl get -o yaml` writes them; any other document is one."""
    value = document.value
    if not isinstance(value, Mapping) or value.get("kind") != "List" or not isinstance(value.get("items"), list):
        yield document
        return
    for index, item in enumerate(value["items"]):
        place: Location = ("items", index)
        lines = {where[2:]: line for where, line in document.lines.items() if where[:2] == place}
        yield Document(document.file, item, lines)


def _value(node: yaml.Node) -> Any:
    """What a walked node says. Raises ConstructorError for a value that is none of its type."""
    try:
        return _Loader("").construct_document(node)
    except (ValueError, LookupError, AttributeError, TypeError) as error:  # `!!int x`, or a number of 5,000 digits
        raise _problem(f"a value does not fit its type: {str(error)[:200]}", node) from error


class _Walk:
    """Goes through one document as Kubernetes would write it out, and refuses what it could not write."""

    def __init__(self) -> None:
        self._values = 0
        self._open: list[yaml.Node] = []

    def lines(self, node: yaml.Node, location: Location = ()) -> Iterator[tuple[Location, int]]:
        """Each location with its line, from 1. Raises ConstructorError."""
        self._enter(node)
        yield location, node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            yield from self._members(node, location)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                yield from self.lines(value, (*location, index))
        self._open.pop()

    def _members(self, node: yaml.MappingNode, location: Location) -> Iterator[tuple[Location, int]]:
        seen = set()
        # What is taken over by `<<` comes first: what stands beside it wins.
        for key, value in sorted(node.value, key=lambda pair: pair[0].tag != _MERGE):
            if not isinstance(key, yaml.ScalarNode):
                raise _problem("a key is no text", key)
            if key.value in seen:
                raise _problem(f"the key {key.value!r} is written twice", key)
            seen.add(key.value)
            if key.tag == _MERGE:
                yield from self._merged(value, location)
                continue
            yield from self.lines(value, (*location, key.value))
            yield (*location, key.value), key.start_mark.line + 1

    def _merged(self, value: yaml.Node, location: Location) -> Iterator[tuple[Location, int]]:
        """What `<<` takes over stands where it is taken over to."""
        for each in value.value if isinstance(value, yaml.SequenceNode) else [value]:
            yield from (found for found in self.lines(each, location) if found[0] != location)

    def _enter(self, node: yaml.Node) -> None:
        if any(node is each for each in self._open):
            raise _problem("an anchor contains itself, which no JSON can", node)
        if len(self._open) >= MOST_DEPTH:
            raise _problem(f"it is nested more than {MOST_DEPTH} deep", node)
        self._values += 1
        if self._values > MOST_VALUES:
            raise _problem(f"with its aliases written out it has more than {MOST_VALUES} values", node)
        allowed = {_MAP} if isinstance(node, yaml.MappingNode) else {_SEQUENCE}
        if node.tag not in (_SCALARS if isinstance(node, yaml.ScalarNode) else allowed):
            raise _problem(f"the type {node.tag.rpartition(':')[2]!r} is none of JSON", node)
        if node.tag == "tag:yaml.org,2002:float" and str(node.value).lower() in _NO_NUMBERS:
            raise _problem(f"{node.value} is no number of JSON", node)
        self._open.append(node)


def _problem(problem: str, node: yaml.Node) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(problem=problem, problem_mark=node.start_mark)
