"""Expressions over whole columns: one numpy operation per node, whatever the number of rows.

A missing value is NaN in numbers and None (or NaN) in texts. It is never equal, unequal, larger or smaller than
anything: each comparison with it is false, `in` and `not in` too. Arithmetic with it is missing, and so is every result
that is no finite number, such as a division by zero. Only `is missing` is true of it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slipway.features.expressions import (
    Arithmetic,
    Comparison,
    Every,
    Feature,
    Literal,
    Membership,
    Missing,
    Node,
    Not,
    Some,
)

Columns = Mapping[str, NDArray[Any]]
Truths = NDArray[np.bool_]

_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "%": np.mod,
}  # fmt: skip
_COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def holds(condition: Node, columns: Columns, rows: int) -> Truths:
    """Where a condition of `expressions.parse_condition` holds; shape (rows,).

    Args:
        columns: each used feature, shape (rows,): float64 with NaN, or objects (str or None).
        rows: their length.
    """
    with np.errstate(all="ignore"):
        return _truths(condition, columns, rows)


def values(node: Node, columns: Columns, rows: int) -> NDArray[np.float64]:
    """The numbers of an expression of `expressions.parse_value`, NaN where missing; shape (rows,). True counts as 1.

    A comparison with a missing value is false, so it gives 0; only arithmetic hands a missing value on.
    """
    with np.errstate(all="ignore"):
        if isinstance(node, Feature | Literal | Arithmetic):
            return np.asarray(_values(node, columns, rows), np.float64)
        return _truths(node, columns, rows).astype(np.float64)


def _truths(node: Node, columns: Columns, rows: int) -> Truths:
    match node:
        case Every(operands):
            return np.asarray(np.logical_and.reduce([_truths(one, columns, rows) for one in operands]))
        case Some(operands):
            return np.asarray(np.logical_or.reduce([_truths(one, columns, rows) for one in operands]))
        case Not(operand):
            return ~_truths(operand, columns, rows)
        case Missing(operand, negated):
            return _missing(_values(operand, columns, rows)) ^ negated
        case Comparison(op, left, right):
            one, other = _values(left, columns, rows), _values(right, columns, rows)
            compared: Truths = np.asarray(_COMPARISONS[op](one, other), bool)
            return compared & ~_missing(one) & ~_missing(other)
        case Membership(operand, among, negated):
            values, known = _values(operand, columns, rows), frozenset(among)
            inside = np.fromiter((value in known for value in values.tolist()), bool, rows)
            return (inside ^ negated) & ~_missing(values)
    raise TypeError(f"{type(node).__name__} is no condition")


def _values(node: Node, columns: Columns, rows: int) -> NDArray[Any]:
    match node:
        case Feature(name):
            return columns[name]
        case Literal(value):
            return np.full(rows, value, np.float64 if isinstance(value, float) else object)
        case Arithmetic(op, left, right):
            found = _ARITHMETIC[op](_values(left, columns, rows), _values(right, columns, rows))
            return np.where(np.isfinite(found), found, np.nan)
    raise TypeError(f"{type(node).__name__} has no value")


def _missing(values: NDArray[Any]) -> Truths:
    if values.dtype == object:
        return np.fromiter((value is None or value != value for value in values), bool, len(values))
    return np.asarray(np.isnan(values))
