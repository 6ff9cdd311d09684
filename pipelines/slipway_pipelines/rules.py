"""The task's rules over a table: which answers which row, and with which class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from slipway.api.v1alpha1.modeltask import ModelTaskSpec
from slipway.features.rules import Rule, RuleError, deciding, features_of, read_rule

from slipway_pipelines.columns import Columns
from slipway_pipelines.faults import DataFault

if TYPE_CHECKING:
    import pandas as pd


def read_rules(task: ModelTaskSpec, columns: Columns) -> tuple[Rule, ...]:
    """The task's rules, whether they are served or a baseline only.

    Raises:
        DataFault: a rule cannot be read, or a regression's rule predicts no number.
    """
    if task.rules is None:
        return ()
    kinds = dict.fromkeys(columns.numeric, "number") | dict.fromkeys(columns.categorical, "text")
    try:
        return tuple(
            read_rule(one.name, one.condition, _answer(one.predict, task.type), kinds)  # type: ignore[arg-type]
            for one in task.rules.when
        )
    except RuleError as error:
        raise DataFault("RuleInvalid", f"spec.rules of the task: {error}") from error
    except ValueError as error:
        raise DataFault("RuleInvalid", f"spec.rules of the task: predict must be a number: {error}") from error


def serving_rules(task: ModelTaskSpec, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """Those that answer before the model; none with `serve: ModelOnly`."""
    return rules if task.rules is not None and task.rules.serve == "Hybrid" else ()


def _answer(text: str, task_type: str) -> str | float:
    return float(text) if task_type == "Regression" else text


def check_answers(rules: Sequence[Rule], classes: Sequence[str]) -> None:
    """Raises DataFault for a rule whose answer no row of the training data has as its label."""
    for rule in rules:
        if classes and rule.predict not in classes:
            known = ", ".join(repr(name) for name in classes[:20])
            message = f"rule {rule.name!r} predicts {rule.predict!r}; the label has {known}"
            raise DataFault("RuleAnswerUnknown", message)


def deciding_rules(rules: Sequence[Rule], table: pd.DataFrame, columns: Columns) -> NDArray[np.intp]:
    """The index of the rule that answers each row, -1 where the model does."""
    numeric = set(columns.numeric)
    used = {name: table[name].to_numpy(float if name in numeric else object) for name in features_of(rules)}
    return deciding(rules, used, len(table))


def rule_codes(rules: Sequence[Rule], classes: Sequence[str]) -> NDArray[Any]:
    """Each rule's answer as metrics know it: the code of its class, or a regression's number."""
    return np.array([classes.index(str(rule.predict)) if classes else rule.predict for rule in rules])
