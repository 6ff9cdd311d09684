"""What a model must be better than: the rules alone, and a linear model. Both are always beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from slipway.features.rules import NO_RULE, Rule

from slipway_pipelines.columns import Columns
from slipway_pipelines.criteria import Criterion, Verdict, judge
from slipway_pipelines.estimate import estimate
from slipway_pipelines.evaluate import Frozen, freeze, judged
from slipway_pipelines.faults import DataFault
from slipway_pipelines.fit import fit
from slipway_pipelines.metrics import METRICS, Rows
from slipway_pipelines.rules import deciding_rules, rule_codes
from slipway_pipelines.threshold import DEFAULT
from slipway_pipelines.worth import worths

if TYPE_CHECKING:
    import pandas as pd

RULES, LINEAR = "rules", "linear"


@dataclass(frozen=True)
class RuleAnswers:
    """The rules alone. What no rule answers gets `otherwise`: a class, or a number of a regression."""

    rules: tuple[Rule, ...]
    columns: Columns
    task_type: str
    classes: tuple[str, ...]
    positive: str | None
    otherwise: str | float

    def rows(self, table: pd.DataFrame) -> Rows:
        """Answers beside the truth; a score is 1 for the answer and 0 for the rest."""
        deciding = deciding_rules(self.rules, table, self.columns)
        codes = rule_codes(self.rules, self.classes)
        default = self.classes.index(str(self.otherwise)) if self.classes else self.otherwise
        predicted = np.where(deciding == NO_RULE, default, codes[deciding])
        if not self.classes:
            return Rows(table[self.columns.label].to_numpy(dtype=float), predicted, np.empty((len(table), 0)))
        known = {name: code for code, name in enumerate(self.classes)}
        truth = table[self.columns.label].map(known).fillna(-1).to_numpy(dtype=np.int64)
        scores = np.eye(len(self.classes))[predicted.astype(int)]
        positive = None if self.positive is None else known[self.positive]
        return Rows(truth, predicted.astype(np.int64), scores, positive, worth=worths(table, self.columns))


def rule_answers(
    rules: tuple[Rule, ...],
    train: pd.DataFrame,
    columns: Columns,
    task_type: str,
    positive: str | None,
    known: Sequence[str] = (),
) -> RuleAnswers | None:
    """The rules as a model of their own; None where the task has none.

    Where no rule applies the answer is the other class of a binary task, else the most frequent class or the median.

    Args:
        known: classes of the model that is continued, of which the rows need not have all.
    """
    if not rules:
        return None
    label = train[columns.label]
    if task_type == "Regression":
        return RuleAnswers(rules, columns, task_type, (), None, float(label.median()))
    classes = tuple(sorted({*(str(name) for name in label.unique()), *known}))
    if task_type != "BinaryClassification" or positive is None:
        return RuleAnswers(rules, columns, task_type, classes, None, str(label.mode().iloc[0]))
    other = next(name for name in classes if name != positive)
    named = any(rule.predict == positive for rule in rules)
    return RuleAnswers(rules, columns, task_type, classes, positive, other if named else positive)


def linear_reference(
    pipeline: Any,
    train: pd.DataFrame,
    validation: pd.DataFrame,
    columns: Columns,
    task_type: str,
    positive: str | None,
    criteria: tuple[Criterion, ...],
) -> Frozen | None:
    """`pipeline`, a linear model, fitted and its threshold frozen as the model's is; None where it cannot be."""
    try:
        fit(pipeline, train, columns)
    except DataFault as fault:
        print(f"there is no linear reference: {fault.message}", flush=True)
        return None
    classes = () if task_type == "Regression" else tuple(str(name) for name in pipeline.classes_)
    binary = task_type == "BinaryClassification" and positive is not None
    made = Frozen(pipeline, columns, task_type, classes, positive if binary else None, DEFAULT if binary else None)
    return freeze(made, validation, criteria)


@dataclass(frozen=True)
class Justification:
    """Whether a model is needed at all: the condition MLJustified."""

    status: str
    reason: str
    message: str

    @property
    def rules_suffice(self) -> bool:
        """Whether the rules alone meet every criterion."""
        return self.reason == "RulesSuffice"


def justification(
    rules: RuleAnswers | None, seen: pd.DataFrame, criteria: Sequence[Criterion], seed: int
) -> Justification:
    """Judges the rules by the task's criteria on training and validation rows: nothing was fitted on these.

    Criteria that compare with a reference say nothing about the rules; were there no others, nothing would.
    """
    own = [one for one in criteria if not one.lead.against]
    if rules is None:
        return Justification("Unknown", "NoRules", "the task has no rules that a model would have to be better than")
    if not own:
        return Justification("Unknown", "NoOwnCriteria", "every criterion compares with a reference")
    part = judged(rules, seen, rules.columns)
    wanted = {part.metric for one in own for part in one.parts}
    metrics = {name: metric for name, metric in METRICS[rules.task_type].items() if name in wanted}
    verdicts = judge(own, estimate(part.rows, metrics, part.clusters, seed))
    message = "; ".join(_said(verdict) for verdict in verdicts)
    if all(verdict.met for verdict in verdicts):
        return Justification("False", "RulesSuffice", f"the rules alone meet every criterion: {message}")
    return Justification("True", "RulesDoNotSuffice", f"the rules alone: {message}")


def _said(verdict: Verdict) -> str:
    parts = " at ".join(f"{one.part}: {one.value:.4g}, sure of {one.proved:.4g}" for one in verdict.results)
    return f"{verdict.criterion.name} {'met' if verdict.met else 'not met'} ({parts})"
