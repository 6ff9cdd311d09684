"""What a ModelTask predicts: the label, when it is known, and what acting on a prediction is worth."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from slipway.api.v1alpha1.base import Rule, Spec, exactly_one
from slipway.api.v1alpha1.constraints import ColumnName, Later, SetOf, Text, Uri
from slipway.api.v1alpha1.references import SecretReference
from slipway.api.v1alpha1.scalars import Duration, Share


class Maturity(Spec):
    """How long labels take. Rows that are younger than p95 are left out, for training and for evaluation."""

    p95: Duration = Field(description="By this age 95% of the labels that will ever come have come, such as 60d.")
    completeness: Share = Field(
        Share("90%"),
        description="Share of positives that is ever reported; tells what the measured share of positives stands for.",
    )
    absence_means_negative_after: Duration | None = Field(
        None, description="An event without a label counts as negative from this age on, such as 90d. Absent: never."
    )


class LabelQuery(Spec):
    """Labels that a query gives."""

    secret_ref: SecretReference = Field(description="Secret whose key `url` is the SQLAlchemy URL of the database.")
    query: Annotated[str, Text(8192)] = Field(description="The query.")
    key: ColumnName = Field(description="Column that joins labels to events, such as transaction_id.")


class LabelSource(Spec):
    """Where labels come from that arrive after the event: exactly one of sql, uri."""

    laws = (exactly_one("sql", "uri"),)

    sql: LabelQuery | None = Field(None, description="A query of a database.")
    uri: Uri | None = Field(None, description="Files with the columns of id and label.")


class Label(Spec):
    """What is predicted."""

    column: ColumnName = Field(description="Column of the label.")
    positive: Annotated[str, Text(256)] | None = Field(
        None, description="The value that counts as positive, as text, such as '1'. Needed for two classes."
    )
    maturity: Maturity | None = Field(None, description="How long labels take. Absent: they are known with the event.")
    observation: Annotated[Literal["Observed", "Selective"], Later("all rows count in training", partly=True)] = Field(
        "Observed",
        description="Selective: the model's own action hides the label (a declined payment never shows fraud), so "
        "only "
        "explored rows with a logged propensity count.",
    )
    annotators: Annotated[tuple[ColumnName, ...], SetOf(20)] = Field(
        (), description="Columns with the labels of several annotators."
    )
    source: LabelSource | None = Field(
        None, description="Where labels come from. Absent: they stand in the training data."
    )

    @property
    def matured_after(self) -> timedelta:
        """The age from which events are judged. Where silence is negative, not before it is: until then only positives
        would have a label."""
        if self.maturity is None:
            return timedelta()
        silence = self.maturity.absence_means_negative_after
        p95 = self.maturity.p95.timedelta
        return max(p95, silence.timedelta) if silence is not None else p95


class Value(Spec):
    """What an answer is worth: a column or a number per outcome. Makes net_value a metric."""

    true_positive: Annotated[str, Text(128)] = Field(
        "0", description="Worth of a hit: a column such as amount, or a number."
    )
    false_positive: Annotated[str, Text(128)] = Field("0", description="Worth of a false alarm, such as '-4'.")
    true_negative: Annotated[str, Text(128)] = Field("0", description="Worth of rightly doing nothing.")
    false_negative: Annotated[str, Text(128)] = Field("0", description="Worth of a miss.")
    unit: Annotated[str, Text(16)] = Field(description="Unit for people, such as EUR.")


class Latency(Spec):
    """How fast an Inline model must answer; a benchmark of the built image gates it."""

    laws = (
        Rule(
            "has(self.p50) || has(self.p95) || has(self.p99)",
            "set at least one of p50, p95, p99",
            lambda latency: any((latency.p50, latency.p95, latency.p99)),
        ),
    )

    p50: Duration | None = Field(None, description="Half of the answers within this time.")
    p95: Duration | None = Field(None, description="95% of the answers within this time.")
    p99: Duration | None = Field(None, description="99% of the answers within this time, such as 100ms.")
    concurrency: int = Field(1, ge=1, le=1000, description="Requests at the same time while this is measured.")
