"""Fingerprints of feature definitions: what a feature means, as a digest that spelling does not change.

The meaning of a feature of the data is its column and type; that of a window its aggregate, length, columns of entity
and time; that of an expression its tree, with the meaning of each feature that it reads in the place of its name. So a
change of a column is a change of all that is computed from it. The feature's own name is not part of its meaning.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from slipway.features.decision import digest
from slipway.features.expressions import (
    Arithmetic,
    Comparison,
    Every,
    ExpressionError,
    Feature,
    Kind,
    Literal,
    Membership,
    Missing,
    Node,
    Not,
    Some,
    parse_condition,
    parse_value,
    used_features,
)

FORMAT = 1
"""Version of this code's idea of a meaning. Fingerprints of another one say nothing about a change."""

RULES = "spec.rules"
"""Name of the definition of the rules that answer before the model; no feature can be called so."""

_LONGEST_TEXT = 200
_DIGITS = 16


class WrittenWindow(Protocol):
    """A window as a ModelTask writes it."""

    @property
    def aggregate(self) -> str: ...
    @property
    def column(self) -> str | None: ...
    @property
    def over(self) -> WrittenDuration: ...


class WrittenDuration(Protocol):
    """A length of time and its spelling."""

    @property
    def seconds(self) -> float: ...


class WrittenFeature(Protocol):
    """A feature as a ModelTask writes it."""

    @property
    def name(self) -> str: ...
    @property
    def column(self) -> str | None: ...
    @property
    def type(self) -> str | None: ...
    @property
    def window(self) -> WrittenWindow | None: ...
    @property
    def expression(self) -> str | None: ...


class WrittenRule(Protocol):
    """A rule as a ModelTask writes it."""

    @property
    def condition(self) -> str: ...
    @property
    def predict(self) -> str: ...


class WrittenRules(Protocol):
    """The rules of a ModelTask, in the order in which they are asked."""

    @property
    def when(self) -> Sequence[WrittenRule]: ...
    @property
    def serve(self) -> str: ...


class WrittenTask(Protocol):
    """The part of a ModelTask's spec that says what features mean."""

    @property
    def entity(self) -> str | None: ...
    @property
    def timestamp(self) -> str | None: ...
    @property
    def features(self) -> Sequence[WrittenFeature]: ...
    @property
    def rules(self) -> WrittenRules | None: ...


@dataclass(frozen=True)
class Definition:
    """One feature, or the served rules as a whole.

    Attributes:
        digest: 16 hexadecimal digits of the meaning's SHA-256.
        text: the meaning for a person, at most 200 characters; two spellings of one meaning may have two.
        columns: of the data, that it is computed from, sorted.
    """

    name: str
    digest: str
    text: str
    columns: tuple[str, ...]


def definitions(task: WrittenTask) -> tuple[Definition, ...]:
    """The definitions of a task by name.

    An expression that cannot be read (an older operator may be given a newer one's) counts by its text.
    """
    known: dict[str, Definition] = {}
    kinds: dict[str, Kind] = {}
    for feature in (one for one in task.features if one.expression is None):
        known[feature.name] = _read(feature, task)
        if feature.type != "Text":
            kinds[feature.name] = "text" if feature.type == "Categorical" else "number"
    for feature in task.features:
        if feature.expression is not None:
            known[feature.name] = _computed(feature.name, feature.expression, known, kinds)
            kinds[feature.name] = "number"
    if task.rules is not None and task.rules.serve == "Hybrid":
        known[RULES] = _ruled(task.rules.when, known, kinds)
    return tuple(sorted(known.values(), key=lambda one: one.name))


def _read(feature: WrittenFeature, task: WrittenTask) -> Definition:
    """A feature of the data, or a window over it."""
    kind = feature.type or "Numeric"
    if feature.window is None:
        column = feature.column or feature.name
        return _definition(feature.name, ["column", column, kind], f"{kind} column {column}", [column])
    window, by = feature.window, (task.entity or "", task.timestamp or "")
    meaning = ["window", window.aggregate, window.column or "", float(window.over.seconds), *by, kind]
    of = f" of {window.column}" if window.column else ""
    text = f"{window.aggregate}{of} over {window.over} by {by[0]} before {by[1]}"
    return _definition(feature.name, meaning, text, filter(None, (window.column, *by)))


def _computed(name: str, text: str, known: Mapping[str, Definition], kinds: Mapping[str, Kind]) -> Definition:
    meaning, used = _meaning(parse_value, text, known, kinds)
    return _definition(name, ["expression", meaning], " ".join(text.split()), _columns(used, known))


def _ruled(rules: Sequence[WrittenRule], known: Mapping[str, Definition], kinds: Mapping[str, Kind]) -> Definition:
    read = [_meaning(parse_condition, one.condition, known, kinds) for one in rules]
    meaning = ["rules", [[found, one.predict] for (found, _), one in zip(read, rules, strict=True)]]
    text = "; ".join(f"{' '.join(one.condition.split())}: {one.predict}" for one in rules)
    return _definition(RULES, meaning, text, _columns((name for _, used in read for name in used), known))


def _meaning(
    parse: Callable[[str, Mapping[str, Kind]], Node],
    text: str,
    known: Mapping[str, Definition],
    kinds: Mapping[str, Kind],
) -> tuple[Any, frozenset[str]]:
    """The canonical tree, and the names of the features that it reads."""
    try:
        node = parse(text, kinds)
    except ExpressionError:
        return ["unread", " ".join(text.split())], frozenset()
    return _tree(node, known), used_features(node)


def _columns(names: Iterable[str], known: Mapping[str, Definition]) -> list[str]:
    return [column for name in names for column in known[name].columns]


def _definition(name: str, meaning: Any, text: str, columns: Iterable[str]) -> Definition:
    short = digest([FORMAT, meaning]).removeprefix("sha256:")[:_DIGITS]
    return Definition(name, short, text[:_LONGEST_TEXT], tuple(sorted(set(columns))))


def _tree(node: Node, known: Mapping[str, Definition]) -> Any:
    """A tree of JSON. `and`, `or` and `in` have no order; of numbers only the value counts."""
    match node:
        case Feature(name):
            return ["feature", known[name].digest]
        case Literal(value):
            return _literal(value)
        case Arithmetic(op, left, right) | Comparison(op, left, right):
            return [op, _tree(left, known), _tree(right, known)]
        case Membership(operand, among, negated):
            literals = {json.dumps(_literal(value)) for value in among}
            return ["not in" if negated else "in", _tree(operand, known), sorted(literals)]
        case Missing(operand, negated):
            return ["is not missing" if negated else "is missing", _tree(operand, known)]
        case Not(operand):
            return ["not", _tree(operand, known)]
        case Every(operands):
            return ["and", _unordered(operands, known)]
        case Some(operands):
            return ["or", _unordered(operands, known)]
    raise TypeError(f"{type(node).__name__} has no meaning")


def _unordered(operands: Sequence[Node], known: Mapping[str, Definition]) -> list[Any]:
    return sorted((_tree(one, known) for one in operands), key=json.dumps)


def _literal(value: float | str) -> list[str]:
    return ["text", value] if isinstance(value, str) else ["number", repr(value + 0.0)]  # -0.0 counts as 0.0
