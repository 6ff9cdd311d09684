"""How predictions of a task are asked for."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Field

from slipway.api.v1alpha1.base import Rule, Spec, goes_with
from slipway.api.v1alpha1.constraints import ColumnName, Cron, SetOf, TimeZone, Uri, later_values
from slipway.api.v1alpha1.references import SecretReference, VolumeClaim
from slipway.api.v1alpha1.scalars import Duration
from slipway.api.v1alpha1.task_label import Latency


class BatchData(Spec):
    """Rows of a batch."""

    uri: Uri = Field(description="Files, such as s3://lake/to-score/*.parquet or file:///data/to-score/.")
    secret_ref: SecretReference | None = Field(
        None,
        description="Secret with the credentials of the store. Of s3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, "
        "where needed, AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL, ca.crt. Of http(s): username, password.",
    )


class BatchSchedule(Spec):
    """When a batch is scored."""

    cron: Cron = Field(description="When, such as '0 3 * * *'.")
    time_zone: TimeZone = Field("UTC", description="Time zone of cron, such as Europe/Rome.")
    starting_deadline: Duration = Field(
        Duration("2h"), description="A run that could not start within this time is left out."
    )


class BatchVolume(Spec):
    """What is mounted at /data in the scoring pods."""

    persistent_volume_claim: VolumeClaim = Field(description="The volume.")


INPUT_URI, OUTPUT_URI = r"^(file:///data/.|s3://[^/]+/.|https?://[^/]+/.)", r"^(file:///data/.|s3://[^/]+/.)"


def _is_a_file(batch: Any) -> bool:
    return bool(batch.input.uri.startswith("file:") or batch.output.uri.startswith("file:"))


class Batch(Spec):
    """Scoring by a Job: Parquet in, Parquet out."""

    laws = (
        Rule(
            f"self.input.uri.matches(r'{INPUT_URI}')",
            "input.uri must be below file:///data/ (the mounted volume), s3://BUCKET/, http:// or https://",
            lambda batch: re.match(INPUT_URI, batch.input.uri) is not None,
            field=".input",
        ),
        Rule(
            f"self.output.uri.matches(r'{OUTPUT_URI}')",
            "output.uri must be below file:///data/ (the mounted volume) or s3://BUCKET/",
            lambda batch: re.match(OUTPUT_URI, batch.output.uri) is not None,
            field=".output",
        ),
        Rule(
            "has(self.volume) || !(self.input.uri.startsWith('file:') || self.output.uri.startsWith('file:'))",
            "volume is required with a URI of file:///data/: it is what is mounted there",
            lambda batch: batch.volume is not None or not _is_a_file(batch),
        ),
        Rule(
            "self.output.uri != self.input.uri && self.output.uri != self.input.uri + '/' && "
            "self.output.uri + '/' != self.input.uri",
            "output.uri must be another place than input.uri: scores would be read as rows to score",
            lambda batch: batch.output.uri.rstrip("/") != batch.input.uri.rstrip("/"),
            field=".output",
        ),
    )

    input: BatchData = Field(description="Rows to score: a Parquet file, a directory of them, or a pattern with *.")
    output: BatchData = Field(description="Directory of the scores; each run has its own below it.")
    schedule: BatchSchedule | None = Field(None, description="When. Absent: only by hand, from the suspended CronJob.")
    volume: BatchVolume | None = Field(None, description="The volume that file:///data/ means.")
    keep_columns: Annotated[tuple[ColumnName, ...], SetOf(100)] = Field(
        (), description="Columns of the input that are written beside id, entity and timestamp."
    )
    max_bad_records: int = Field(
        0,
        ge=0,
        le=2_000_000_000,
        description="Rows that may lack an answer, with the reason beside them, before a run fails.",
    )
    rows_per_part: int = Field(
        100_000, ge=1, le=1_000_000, description="Rows of each file of the output: what a restart repeats at most."
    )


class Serving(Spec):
    """How predictions are asked for."""

    laws = (
        goes_with("latency", "mode", "Inline", required=True),
        goes_with("batch", "mode", "Batch", required=True),
    )

    mode: Literal["Inline", "Batch"] = Field(
        description="Inline: an answer to each request. Batch: a Job scores many rows."
    )
    latency: Latency | None = Field(None, description="With mode Inline: how fast an answer must be.")
    batch: Batch | None = Field(None, description="With mode Batch: input, output and schedule.")
    side_effects: Annotated[Literal["None", "Some"], later_values("Shadow stages are not refused", "Some")] = Field(
        "None",
        description="Some: answering a request changes or loads another system (a feature store, a database), so "
        "the task "
        "opts out of Shadow stages.",
    )
