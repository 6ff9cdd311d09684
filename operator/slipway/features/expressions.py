"""Expressions of features, such as `amount > 5000 and country != home_country`: from text to a checked tree.

The text is read by Python's own parser and translated node by node; what is not in the list below is refused, and
nothing is ever evaluated as Python. The grammar, as docs/decision-layer.md explains it:

    truth   = truth and truth | truth or truth | not truth | value compared with value [compared with value …]
            | value in (literal, …) | value not in (literal, …) | value is missing | value is not missing
    value   = number | "text" | feature | -value | value (+ - * / %) value | (value)
    compared with = == | != | < | <= | > | >=        (texts: == and != only)
"""

from __future__ import annotations

import ast
import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal as OneOf
from typing import NoReturn

Kind = OneOf["number", "text", "truth"]

LONGEST = 500  # characters
DEEPEST = 20  # operators inside one another


class ExpressionError(ValueError):
    """An expression that is none. `position` is that of a character, from 1; `problem` says what is wrong there."""

    def __init__(self, problem: str, position: int) -> None:
        super().__init__(f"character {position}: {problem}")
        self.problem = problem
        self.position = position


@dataclass(frozen=True)
class Literal:
    """A number or a text."""

    value: float | str


@dataclass(frozen=True)
class Feature:
    """The value of a feature."""

    name: str


@dataclass(frozen=True)
class Arithmetic:
    """Two numbers; `op` is one of + - * / %."""

    op: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Comparison:
    """Two numbers or two texts; `op` is one of == != < <= > >=."""

    op: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Membership:
    """Whether a value is one of several literals of its kind (`negated`: none of them)."""

    operand: Node
    among: tuple[float | str, ...]
    negated: bool


@dataclass(frozen=True)
class Missing:
    """Whether a value is missing (`negated`: is there)."""

    operand: Node
    negated: bool


@dataclass(frozen=True)
class Every:
    """All truths hold."""

    operands: tuple[Node, ...]


@dataclass(frozen=True)
class Some:
    """At least one truth holds."""

    operands: tuple[Node, ...]


@dataclass(frozen=True)
class Not:
    """A truth does not hold."""

    operand: Node


Node = Literal | Feature | Arithmetic | Comparison | Membership | Missing | Every | Some | Not

_ARITHMETIC: Mapping[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Mod: "%"}
_COMPARISONS: Mapping[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip
_NAMED = {"number": "a number", "text": "a text", "truth": "true or false"}
_LEGAL = "legal are and, or, not, comparisons, in, is missing, + - * / %, numbers, texts and features"


def parse_condition(text: str, features: Mapping[str, Kind]) -> Node:
    """The tree of an expression that is true or false.

    Args:
        features: the kind of each feature that may be used, number or text.

    Raises:
        ExpressionError: it is too long or too deep, uses what is not in the list, a feature that is not declared, or
            brings together what does not belong together, such as a text and a number.
    """
    reader = _Reader(text, features)
    tree = reader.parsed()
    node, kind = reader.read(tree, 1)
    if kind != "truth":
        reader.refuse(f"{_NAMED[kind]} is no condition; compare it, such as amount > 100", tree)
    return node


def parse_value(text: str, features: Mapping[str, Kind]) -> Node:
    """The tree of an expression that is a number, or true or false, which count as 1 and 0.

    Raises ExpressionError as `parse_condition` does, and for a text.
    """
    reader = _Reader(text, features)
    tree = reader.parsed()
    node, kind = reader.read(tree, 1)
    if kind == "text":
        reader.refuse("a text is no feature to compute; compare it, or name its column", tree)
    return node


def used_features(node: Node) -> frozenset[str]:
    """Names of the features that an expression reads."""
    return frozenset(_names(node))


def _names(node: Node) -> Iterator[str]:
    if isinstance(node, Feature):
        yield node.name
    elif isinstance(node, Arithmetic | Comparison):
        yield from (*_names(node.left), *_names(node.right))
    elif isinstance(node, Every | Some):
        yield from (name for one in node.operands for name in _names(one))
    elif not isinstance(node, Literal):
        yield from _names(node.operand)


class _Reader:
    """Translates one text; each method returns a node and its kind, or raises ExpressionError."""

    def __init__(self, text: str, features: Mapping[str, Kind]) -> None:
        self._text = text.replace("\n", " ").replace("\t", " ")  # a folded text of YAML ends in a line feed
        self._features = features
        self._readers: Mapping[type[ast.expr], Callable[[ast.expr, int], tuple[Node, Kind]]] = {
            ast.Constant: self._literal, ast.Name: self._feature, ast.UnaryOp: self._unary, ast.BinOp: self._binary,
            ast.BoolOp: self._joined, ast.Compare: self._compared,
        }  # fmt: skip

    def parsed(self) -> ast.expr:
        """Python's tree of the text."""
        if len(self._text) > LONGEST:
            raise ExpressionError(f"is longer than {LONGEST} characters", LONGEST + 1)
        if not self._text.isprintable():
            place = next(index for index, one in enumerate(self._text, 1) if not one.isprintable())
            raise ExpressionError("must hold printable characters only", place)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of Python's, about spellings such as 1if
                return ast.parse(self._text.strip(), mode="eval").body
        except SyntaxError as error:
            place = error.offset or len(self._text.strip()) + 1  # none where the text ends too early
            raise ExpressionError(f"cannot be read here; {_LEGAL}", self._shifted(place)) from None
        except (ValueError, MemoryError, RecursionError):
            raise ExpressionError(f"cannot be read; {_LEGAL}", 1) from None

    def refuse(self, problem: str, at: ast.expr) -> NoReturn:
        """Raises, with the position of a node."""
        stripped = self._text.strip().encode()
        raise ExpressionError(problem, self._shifted(len(stripped[: at.col_offset].decode(errors="ignore")) + 1))

    def _shifted(self, position: int) -> int:
        return max(position, 1) + len(self._text) - len(self._text.lstrip())

    def read(self, tree: ast.expr, depth: int) -> tuple[Node, Kind]:
        """A node of any kind."""
        if depth > DEEPEST:
            self.refuse(f"has more than {DEEPEST} operators inside one another", tree)
        reader = self._readers.get(type(tree))
        if reader is None:
            self.refuse(f"{self._shown(tree)} is not allowed; {_LEGAL}", tree)
        return reader(tree, depth)

    def _shown(self, tree: ast.expr) -> str:
        return (ast.get_source_segment(self._text.strip(), tree) or "this")[:60]

    def _literal(self, tree: ast.expr, depth: int) -> tuple[Node, Kind]:
        assert isinstance(tree, ast.Constant)
        value = tree.value
        if isinstance(value, str):
            return Literal(value), "text"
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.refuse(f"{self._shown(tree)} is neither a number nor a text; {_LEGAL}", tree)
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            self.refuse(f"{self._shown(tree)} is too large for a number", tree)
        return Literal(number), "number"

    def _feature(self, tree: ast.expr, depth: int) -> tuple[Node, Kind]:
        assert isinstance(tree, ast.Name)
        kind = self._features.get(tree.id)
        if kind is None:
            known = ", ".join(sorted(self._features)[:20]) or "none"
            self.refuse(f"{tree.id!r} is no feature that can be used here (a text needs quotes); known: {known}", tree)
        return Feature(tree.id), kind

    def _unary(self, tree: ast.expr, depth: int) -> tuple[Node, Kind]:
        assert isinstance(tree, ast.UnaryOp)
        if isinstance(tree.op, ast.Not):
            return Not(self._of("truth", tree.operand, depth)), "truth"
        operand = self._of("number", tree.operand, depth)
        if isinstance(tree.op, ast.UAdd):
            return operand, "number"
        if not isinstance(tree.op, ast.USub):
            self.refuse(f"{self._shown(tree)} is not allowed; {_LEGAL}", tree)
        if isinstance(operand, Literal):
            return Literal(-float(operand.value)), "number"
        return Arithmetic("-", Literal(0.0), operand), "number"

    def _binary(self, tree: ast.expr, depth: int) -> tuple[Node, Kind]:
        assert isinstance(tree, ast.BinOp)
        op = _ARITHMETIC.get(type(tree.op))
        if op is None:
            self.refuse(f"{self._shown(tree)} is not allowed; {_LEGAL}", tree)
        return Arithmetic(op, *(self._of("number", one, depth) for one in (tree.left, tree.right))), "number"

    def _joined(self, tree: ast.expr, depth: int) -> tuple[Node, Kind]:
        assert isinstance(tree, ast.BoolOp)
        operands = tuple(self._of("truth", one, depth) for one in tree.values)
        return (Every if isinstance(tree.op, ast.And) else Some)(operands), "truth"

    def _compared(self, tree: ast.expr, depth: int) -> tuple[Node, Kind]:
        """`a < b <= c` means what it does in mathematics: a < b and b <= c."""
        assert isinstance(tree, ast.Compare)
        values = (tree.left, *tree.comparators)
        pairs = zip(values, tree.ops, values[1:], strict=False)
        found = tuple(self._pair(left, op, right, depth) for left, op, right in pairs)
        return (found[0] if len(found) == 1 else Every(found)), "truth"

    def _pair(self, left: ast.expr, op: ast.cmpop, right: ast.expr, depth: int) -> Node:
        value, kind = self.read(left, depth + 1)
        if kind == "truth":
            self.refuse(f"{self._shown(left)} is true or false and cannot be compared; use and, or, not", left)
        if isinstance(op, ast.Is | ast.IsNot):
            if not (isinstance(right, ast.Name) and right.id == "missing"):
                self.refuse("only `missing` may follow `is` and `is not`", right)
            return Missing(value, isinstance(op, ast.IsNot))
        if isinstance(op, ast.In | ast.NotIn):
            return Membership(value, self._among(right, kind), isinstance(op, ast.NotIn))
        other = self._of(kind, right, depth)
        if kind == "text" and not isinstance(op, ast.Eq | ast.NotEq):
            self.refuse(f"texts have no order: {self._shown(left)} may be compared by ==, !=, in", left)
        return Comparison(_COMPARISONS[type(op)], value, other)

    def _among(self, tree: ast.expr, kind: Kind) -> tuple[float | str, ...]:
        if not isinstance(tree, ast.Tuple | ast.List) or not tree.elts:
            self.refuse('`in` needs a list of literals, such as ["it", "de"] or (1, 2)', tree)
        found = []
        for one in tree.elts:
            literal = self._of(kind, one, 1)
            if not isinstance(literal, Literal):
                self.refuse(f"{self._shown(one)} is no literal; `in` needs a list of literals", one)
            found.append(literal.value)
        return tuple(found)

    def _of(self, kind: Kind, tree: ast.expr, depth: int) -> Node:
        node, found = self.read(tree, depth + 1)
        if found != kind:
            self.refuse(f"{self._shown(tree)} is {_NAMED[found]} where {_NAMED[kind]} is needed", tree)
        return node
