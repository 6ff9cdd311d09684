"""How a number relates to a bound, by the operators of manifests."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping

RELATIONS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
