"""ModelTask: the contract. What the model is for, what it may see, and what counts as good enough."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from slipway.api.v1alpha1.base import Rule, Spec, Status
from slipway.api.v1alpha1.conditions import ConditionedStatus
from slipway.api.v1alpha1.constraints import ColumnName, Later, MapBy, Name, SetOf, Text, later_values
from slipway.api.v1alpha1.criteria import Criterion, is_plain, metric_of
from slipway.api.v1alpha1.fingerprints import FeatureChanges
from slipway.api.v1alpha1.gates import MetricName
from slipway.api.v1alpha1.kind import AGE, Column, Kind, ready_column
from slipway.api.v1alpha1.metrics import QUALITY, cel_list
from slipway.api.v1alpha1.task_features import Features
from slipway.api.v1alpha1.task_label import Label, Value
from slipway.api.v1alpha1.task_quality import BusinessMetric, Calibration, Rules, Slices
from slipway.api.v1alpha1.task_serving import Serving

TaskType = Literal["BinaryClassification", "MulticlassClassification", "Regression", "Ranking", "AnomalyDetection"]


class Metrics(Spec):
    """Metrics of the model; their legal names follow from the type of the task."""

    primary: MetricName = Field(description="The metric that chooses and tunes, such as average_precision.")
    also: Annotated[tuple[MetricName, ...], SetOf(20)] = Field((), description="Metrics that are reported beside it.")


class NamedCriterion(Spec):
    """One thing that a model must prove on held-out rows before it may be served."""

    name: Name = Field(description="Identifies the criterion in conditions.")
    expression: Annotated[
        Criterion, Later("@k, /class, [average] and champion are not evaluated", lambda text: not is_plain(text))
    ] = Field(
        description="metric op bound, such as recall >= 0.95 at precision >= 0.80 with confidence 0.95; the bound "
        "may be that "
        "of a baseline: rules.net_value, linear.recall, champion.f1."
    )


def _legal_metrics(task_type: str) -> tuple[Rule, Rule]:
    """One pair of rules per type, since a message that a table looks up is beyond the cost that CEL may have."""
    legal = QUALITY[task_type]
    listed, message = cel_list(legal), f"must use metrics that type: {task_type} has: {', '.join(legal)}"

    def chosen(spec: Any) -> bool:
        names = (spec.metrics.primary, *spec.metrics.also)
        return spec.type != task_type or all(name.split("@")[0] in legal for name in names)

    def proved(spec: Any) -> bool:
        return spec.type != task_type or all(metric_of(c.expression) in legal for c in spec.criteria)

    return (
        Rule(
            f"self.type != '{task_type}' || self.metrics.primary.split('@')[0] in {listed} && "
            f"(!has(self.metrics.also) || self.metrics.also.all(m, m.split('@')[0] in {listed}))",
            f"metrics {message}",
            chosen,
            field=".metrics",
        ),
        Rule(
            f"self.type != '{task_type}' || self.criteria.all(c, c.expression.find('^[a-z0-9_]+') in {listed})",
            f"criteria {message}",
            proved,
            field=".criteria",
        ),
    )


_HAS_WINDOW = "self.features.exists(f, has(f.window))"


def _windows(spec: Any) -> bool:
    return any(feature.window is not None for feature in spec.features)


def _names_net_value(spec: Any) -> bool:
    named = (spec.metrics.primary, *spec.metrics.also, *(metric_of(one.expression) for one in spec.criteria))
    return "net_value" in named


_LAWS = (
    *(rule for task_type in QUALITY for rule in _legal_metrics(task_type)),
    Rule(
        "self.type != 'BinaryClassification' || has(self.label.positive)",
        "label.positive is required with type: BinaryClassification",
        lambda spec: spec.type != "BinaryClassification" or spec.label.positive is not None,
    ),
    Rule(
        f"!{_HAS_WINDOW} || has(self.entity) && has(self.timestamp)",
        "entity and timestamp are required with a feature that has a window: it looks back over an entity's events",
        lambda spec: not _windows(spec) or (spec.entity is not None and spec.timestamp is not None),
    ),
    Rule(
        "self.serving.mode != 'Inline' || self.features.all(f, !has(f.window) || has(f.servedFrom))",
        "servedFrom (Request or Lookup) is required for a feature with a window in serving mode Inline",
        lambda spec: spec.serving.mode != "Inline" or all(f.window is None or f.served_from for f in spec.features),
    ),
    Rule(
        "!has(self.value) || self.type == 'BinaryClassification'",
        "value is only legal with type: BinaryClassification, whose answers are hits, misses and false alarms",
        lambda spec: spec.value is None or spec.type == "BinaryClassification",
        field=".value",
    ),
    Rule(
        "has(self.value) || self.metrics.primary != 'net_value' && "
        "(!has(self.metrics.also) || !('net_value' in self.metrics.also)) && "
        "!self.criteria.exists(c, c.expression.startsWith('net_value'))",
        "value is required with the metric net_value: it says what an answer is worth",
        lambda spec: spec.value is not None or not _names_net_value(spec),
    ),
    Rule(
        "!has(self.calibration) || self.type == 'BinaryClassification'",
        "calibration is only legal with type: BinaryClassification",
        lambda spec: spec.calibration is None or spec.type == "BinaryClassification",
        field=".calibration",
    ),
    Rule(
        "self.justification != 'Unstructured' || self.features.exists(f, has(f.type) && f.type == 'Text')",
        "justification: Unstructured needs a feature of type Text; legal otherwise: Complex, Changing",
        lambda spec: spec.justification != "Unstructured" or any(f.type == "Text" for f in spec.features),
    ),
)


class ModelTaskSpec(Spec):
    """The contract between the people who need predictions and the models that give them."""

    laws = _LAWS

    goal: Annotated[str, Text(1024)] = Field(
        description="The business goal, in words, such as: lose less money to fraud."
    )
    justification: Annotated[
        Literal["Complex", "Changing", "Unstructured"],
        Later("whether rules or a linear model would do is not checked", lambda why: why == "Complex", compulsory=True),
    ] = Field(
        description="Why rules do not suffice. Complex: must beat rules and a linear model. Changing: must show a gap "
        "over time. Unstructured: needs such a feature. Else condition JustificationUnsupported."
    )
    type: Annotated[TaskType, later_values("such tasks are not trained", "Ranking", "AnomalyDetection")] = Field(
        description="Kind of prediction; decides the legal metrics."
    )
    id: ColumnName | None = Field(
        None,
        description="Column that identifies an event. Without it neither duplicates nor late labels can be matched.",
    )
    entity: ColumnName | None = Field(
        None, description="Column of the customer, card, device: unit of assignment, grouping and exposure."
    )
    timestamp: ColumnName | None = Field(
        None, description="Column of the event's time. Without it no split is by time."
    )
    label: Label = Field(description="What is predicted.")
    serving: Serving = Field(description="How predictions are asked for.")
    features: Features = Field(description="The inputs of the model.")
    metrics: Metrics = Field(description="Metrics of the model.")
    value: Value | None = Field(
        None,
        description="What an answer is worth: makes net_value a metric, the mean of a row in value.unit, and the "
        "threshold the one that is worth most where the criteria hold. Only with type BinaryClassification.",
    )
    criteria: Annotated[tuple[NamedCriterion, ...], MapBy(20, least=1)] = Field(
        description="What a model must prove on held-out rows before it may be served; all must hold."
    )
    calibration: Calibration | None = Field(
        None, description="Makes scores mean probabilities. Absent: they are left as they are."
    )
    slices: Slices | None = Field(None, description="Parts of the rows that are judged by themselves.")
    rules: Rules | None = Field(
        None, description="Rules that answer before the model, and a baseline scored on the same rows."
    )
    business_metrics: Annotated[tuple[BusinessMetric, ...], MapBy(20)] = Field(
        (), description="Metrics that the application counts by the revision that answered; an ABTest reports them all."
    )


class UsedBy(Status):
    """An object that refers to the task."""

    kind: str = Field(description="TrainingRun or ModelRollout.")
    name: str = Field(description="Its name.")


class Limitation(Status):
    """What is lost without an optional field."""

    field: str = Field(description="The field: id, entity or timestamp.")
    message: str = Field("", description="What is lost.")


class ModelTaskStatus(ConditionedStatus):
    """What the operator found about the task.

    Conditions: Ready, and what the newest run found: CriteriaMet, MLJustified, JustificationUnsupported,
    LeakageDetected, AccuracyMisleading, DataWarnings. FeatureDefinitionChanged compares with the models in use.
    """

    justification: str = Field("", description="Whether the justification is supported, and by what.")
    changes: FeatureChanges = Field(
        (), description="What is not as it was when the models in use were trained: definitions of features, data."
    )
    limitations: Annotated[tuple[Limitation, ...], MapBy(10, key="field")] = Field(
        (), description="What is lost without id, entity or timestamp."
    )
    used_by: Annotated[tuple[UsedBy, ...], Field(max_length=200)] = Field(
        (), description="Runs and rollouts that refer to it."
    )


KIND = Kind(
    kind="ModelTask",
    plural="modeltasks",
    short_names=("mt",),
    doc="ModelTask is the contract: what a model is for, what it may see, and what counts as good enough.",
    spec=ModelTaskSpec,
    status=ModelTaskStatus,
    longest_name=63,
    why_name="it is the value of a label",
    columns=(
        Column("Type", ".spec.type", "Kind of prediction."),
        Column("Primary", ".spec.metrics.primary", "The metric that chooses."),
        Column("Serving", ".spec.serving.mode", "Inline or Batch."),
        ready_column(),
        AGE,
    ),
)
