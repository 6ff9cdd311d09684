"""How predictions of a task are asked for."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from slipway.api.v1alpha1.base import Spec, goes_with
from slipway.api.v1alpha1.constraints import Cron, Later, TimeZone, Uri, later_values
from slipway.api.v1alpha1.references import SecretReference
from slipway.api.v1alpha1.scalars import Duration
from slipway.api.v1alpha1.task_label import Latency


class BatchData(Spec):
    """Rows of a batch."""

    uri: Uri = Field(description="Files, such as s3://lake/to-score/*.parquet.")
    secret_ref: SecretReference | None = Field(None, description="Secret with the credentials of the store.")


class BatchSchedule(Spec):
    """When a batch is scored."""

    cron: Cron = Field(description="When, such as '0 3 * * *'.")
    time_zone: TimeZone = Field("UTC", description="Time zone of cron, such as Europe/Rome.")
    starting_deadline: Duration = Field(
        Duration("2h"), description="A run that could not start within this time is left out."
    )


class Batch(Spec):
    """Scoring by a Job."""

    input: BatchData = Field(description="Rows to score.")
    output: BatchData = Field(description="Where the scores go.")
    schedule: BatchSchedule = Field(description="When.")


class Serving(Spec):
    """How predictions are asked for."""

    laws = (
        goes_with("latency", "mode", "Inline", required=True),
        goes_with("batch", "mode", "Batch", required=True),
    )

    mode: Annotated[Literal["Inline", "Batch"], later_values("batches are not scored", "Batch")] = Field(
        description="Inline: an answer to each request. Batch: a Job scores many rows."
    )
    latency: Annotated[
        Latency | None, Later("no image is benchmarked; gates of the rollout judge live requests", compulsory=True)
    ] = Field(None, description="With mode Inline: how fast an answer must be.")
    batch: Batch | None = Field(None, description="With mode Batch: input, output and schedule.")
    side_effects: Annotated[Literal["None", "Some"], later_values("Shadow stages are not refused", "Some")] = Field(
        "None",
        description="Some: answering a request changes or loads another system (a feature store, a database), so "
        "the task "
        "opts out of Shadow stages.",
    )
