"""An interpreter of rules for one row, written apart from the product's: the oracle of its vectorised evaluation.

It walks Python's tree itself, with None for what is missing and Python's own numbers.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Mapping
from typing import Any

Value = float | str | None
_COMPARE = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}  # fmt: skip
_COMPUTE = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Mod: operator.mod,
}  # fmt: skip


def is_true(text: str, row: Mapping[str, Value]) -> bool:
    """Whether a condition holds for a row."""
    return _truth(ast.parse(text, mode="eval").body, row)


def _truth(tree: Any, row: Mapping[str, Value]) -> bool:
    if isinstance(tree, ast.BoolOp):
        found = [_truth(one, row) for one in tree.values]
        return all(found) if isinstance(tree.op, ast.And) else any(found)
    if isinstance(tree, ast.UnaryOp):
        return not _truth(tree.operand, row)
    values = [tree.left, *tree.comparators]
    return all(_pair(left, op, right, row) for left, op, right in zip(values, tree.ops, values[1:], strict=False))


def _pair(left: Any, op: Any, right: Any, row: Mapping[str, Value]) -> bool:
    value = _value(left, row)
    if isinstance(op, ast.Is):
        return value is None
    if isinstance(op, ast.IsNot):
        return value is not None
    if value is None:
        return False
    if isinstance(op, ast.In | ast.NotIn):
        return (value in [_value(one, row) for one in right.elts]) == isinstance(op, ast.In)
    other = _value(right, row)
    return other is not None and bool(_COMPARE[type(op)](value, other))


def _value(tree: Any, row: Mapping[str, Value]) -> Value:
    if isinstance(tree, ast.Constant):
        return tree.value if isinstance(tree.value, str) else float(tree.value)
    if isinstance(tree, ast.Name):
        return row[tree.id]
    if isinstance(tree, ast.UnaryOp):
        operand: Any = _value(tree.operand, row)
        return None if operand is None else -operand
    left, right = _value(tree.left, row), _value(tree.right, row)
    if left is None or right is None:
        return None
    try:
        found = _COMPUTE[type(tree.op)](left, right)
    except (ZeroDivisionError, OverflowError):
        return None
    return found if math.isfinite(found) else None
