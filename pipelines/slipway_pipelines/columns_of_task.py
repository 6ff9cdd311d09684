"""The columns of a task's data, from its manifest."""

from __future__ import annotations

from slipway.api.v1alpha1.modeltask import ModelTaskSpec
from slipway.api.v1alpha1.trainingrun import TrainingRunSpec
from slipway.features.expressions import ExpressionError, Kind, parse_value
from slipway.features.windows import Window

from slipway_pipelines.columns import Columns
from slipway_pipelines.faults import DataFault
from slipway_pipelines.worth import worth_of

MADE_FROM_TIME = ("weekday", "weekend")
"""Slices that need no column of their own."""


def columns_of(task: ModelTaskSpec, spec: TrainingRunSpec) -> Columns:
    """Columns by role. Features with a window and those without a type are numbers.

    Raises:
        DataFault: the task has no feature that is no expression, or an expression cannot be read.
    """
    read = [f for f in task.features if f.expression is None]
    if not read:
        raise DataFault("NoFeatures", "every feature of the task is an expression: one must come with the data")
    categorical = tuple(f.name for f in read if f.type == "Categorical")
    text = tuple(f.name for f in read if f.type == "Text")
    slices = task.slices.columns if task.slices is not None else ()
    sources = {f.name: f.column for f in read if f.column is not None}
    return Columns(
        numeric=tuple(f.name for f in read if f.name not in (*categorical, *text)),
        categorical=categorical,
        label=task.label.column,
        id=task.id,
        entity=task.entity,
        timestamp=task.timestamp,
        split=spec.data.split.column if spec.data.split.by == "Column" else None,
        sources=sources,
        text=text,
        windows={
            f.name: Window(f.window.aggregate, f.window.column, f.window.over.seconds)
            for f in read
            if f.window is not None
        },
        expressions=_expressions(task),
        slices=slices,
        annotators=task.label.annotators,
        worth=worth_of(task, sources),
    )


def _expressions(task: ModelTaskSpec) -> dict[str, str]:
    kinds: dict[str, Kind] = {
        f.name: "text" if f.type == "Categorical" else "number"
        for f in task.features
        if f.expression is None and f.type != "Text"
    }
    found = {}
    for feature in task.features:
        if feature.expression is None:
            continue
        try:
            parse_value(feature.expression, kinds)
        except ExpressionError as error:
            raise DataFault("ExpressionInvalid", f"feature {feature.name!r}, {error}") from error
        kinds[feature.name] = "number"
        found[feature.name] = feature.expression
    return found
