"""Where a TrainingRun's rows come from, and how they are split and checked."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field

from slipway.api.v1alpha1.base import Rule, Spec, exactly_one, goes_with
from slipway.api.v1alpha1.constraints import ColumnName, Later, Line, MapBy, Name, Text, Uri, later_values
from slipway.api.v1alpha1.references import LocalReference, SecretReference, VolumeClaim
from slipway.api.v1alpha1.scalars import DURATION, Duration, Number, Share, share_cel

Query = Annotated[str, Text(8192)]

AutoOrDuration = Annotated[
    str,
    Text(32, rf"^Auto$|{DURATION}", "Auto, or a duration such as 7d (units w, d, h, m, s, ms, largest first)"),
]


class SqlSource(Spec):
    """Rows of a query."""

    secret_ref: SecretReference = Field(description="Secret whose key `url` is the SQLAlchemy URL of the database.")
    query: Query = Field(
        description="The query, which must have a stable order or be made reproducible by a time bound."
    )


class DeltaSource(Spec):
    """Rows of a Delta Lake table."""

    uri: Uri = Field(description="The table, such as s3://lake/transactions.")
    version: int | None = Field(
        None, ge=0, le=2**53, description="Version of the table. Absent: the newest, pinned in status."
    )
    secret_ref: SecretReference | None = Field(None, description="Secret with the credentials of the store.")


class IcebergSource(Spec):
    """Rows of an Iceberg table."""

    catalog: Uri = Field(description="The REST catalog.")
    table: Line = Field(description="Name of the table with its namespace, such as payments.transactions.")
    snapshot: Annotated[str, Text(32)] | None = Field(
        None, description="Snapshot id. Absent: the newest, pinned in status."
    )
    secret_ref: SecretReference | None = Field(None, description="Secret with the credentials of catalog and store.")


class Source(Spec):
    """One source of rows: exactly one of uri, sql, delta, iceberg."""

    laws = (
        exactly_one("uri", "sql", "delta", "iceberg"),
        Rule(
            "!has(self.origin) || self.origin != 'Organic' || has(self.exposureNote)",
            "exposureNote is required with origin: Organic: say who could get into these rows; it goes into the "
            "model card",
            lambda source: source.origin != "Organic" or source.exposure_note is not None,
        ),
        Rule(
            "!has(self.secretRef) || has(self.uri)",
            "secretRef is only legal with uri; sql, delta and iceberg have their own",
            lambda source: source.secret_ref is None or source.uri is not None,
        ),
    )

    name: Name = Field(description="Identifies the source.")
    uri: Uri | None = Field(
        None,
        description="Files, such as s3://lake/transactions/*.parquet: CSV or Parquet, gzipped or not, by s3://, "
        "https:// or file://. With s3:// and file:// a directory or a pattern with * means several.",
    )
    secret_ref: SecretReference | None = Field(
        None,
        description="Secret with the credentials of the store behind uri. Of s3: AWS_ACCESS_KEY_ID, "
        "AWS_SECRET_ACCESS_KEY and, where needed, AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL, ca.crt. Of "
        "http(s): username, password.",
    )
    sql: SqlSource | None = Field(None, description="A query of a database.")
    delta: Annotated[DeltaSource | None, Later("only uri and sql are read")] = Field(
        None, description="A Delta Lake table."
    )
    iceberg: Annotated[IcebergSource | None, Later("only uri and sql are read")] = Field(
        None, description="An Iceberg table."
    )
    origin: Literal["Organic", "Labelled", "Synthetic"] | None = Field(
        None,
        description="Organic: arose in use, and needs exposureNote. Labelled: labelled on purpose. Synthetic: "
        "used in train only.",
    )
    exposure_note: Line | None = Field(
        None, description="Who or what could get into these rows at all; carried into the data report and MLflow."
    )


class Window(Spec):
    """Which rows are used, by time."""

    laws = (goes_with("last", "type", "Sliding", required=True),)

    type: Annotated[Literal["Sliding", "Growing", "SinceChange"], later_values("all rows are used", "SinceChange")] = (
        Field(description="Sliding: the last so long. Growing: all. SinceChange: since the last confirmed drift.")
    )
    last: Duration | None = Field(None, description="With type Sliding: how far back, such as 180d.")


class ObjectStore(Spec):
    """A directory of an object store."""

    uri: Uri = Field(description="The directory, such as s3://scratch/slipway/.")
    secret_ref: SecretReference | None = Field(None, description="Secret with the credentials of the store.")


class Workspace(Spec):
    """Where the steps of a run hand over files."""

    laws = (exactly_one("persistentVolumeClaim", "s3"),)

    persistent_volume_claim: VolumeClaim | None = Field(None, description="A volume.")
    s3: Annotated[ObjectStore | None, Later("steps hand over within one pod")] = Field(
        None, description="A directory of an object store."
    )


def _sums_to_one(split: Any) -> bool:
    total = split.train.fraction + split.validation.fraction + split.test.fraction
    return bool(abs(total - 1) < Decimal("0.000001"))


_SUM = f"{share_cel('self.train')} + {share_cel('self.validation')} + {share_cel('self.test')}"


class Split(Spec):
    """How rows are divided into training, validation and test."""

    laws = (
        goes_with("column", "by", "Column", required=True),
        Rule(
            f"{_SUM} > 0.999999 && {_SUM} < 1.000001",
            "train, validation and test must add up to 100%",
            _sums_to_one,
        ),
        Rule(
            f"{share_cel('self.test')} > 0.0 && {share_cel('self.train')} > 0.0",
            "train and test must be more than 0%: without a test set nothing is proved",
            lambda split: split.train.fraction > 0 and split.test.fraction > 0,
        ),
    )

    by: Literal["Time", "Entity", "Column", "Random"] = Field(
        "Time",
        description="Time: the newest rows are the test. Entity: no entity in two parts. Column: a column says train, "
        "validation or test. Random: only where rows are exchangeable.",
    )
    train: Share = Field(Share("70%"), description="Share of rows that are trained on. Ignored with by: Column.")
    validation: Share = Field(Share("15%"), description="Share of rows that choose and tune. Ignored with by: Column.")
    test: Share = Field(Share("15%"), description="Share of rows that judge, once. Ignored with by: Column.")
    embargo: AutoOrDuration = Field(
        "Auto",
        description="Gap between the parts of a time split. Auto: label maturity plus the longest feature window.",
    )
    column: ColumnName | None = Field(
        None, description="With by: Column: the column that says train, validation or test."
    )


class Contract(Spec):
    """What the data must look like, as a Pandera schema in YAML."""

    config_map_ref: LocalReference = Field(description="ConfigMap whose key schema.yaml is the contract.")


class Missing(Spec):
    """What happens to columns with missing values, by their share."""

    indicate_up_to: Share = Field(
        Share("5%"), description="Up to this share: median, and an indicator column. Above: a warning as well."
    )
    drop_from: Share = Field(Share("50%"), description="From this share on the column is dropped.")


class NearDuplicates(Spec):
    """Which rows are nearly the same, so that a cluster of them never straddles two parts of the split."""

    distance: Number = Field(
        description="Largest Euclidean distance of standardised numbers that are nearly the same, such as 0.1; texts "
        "are compared by their words."
    )


class Quality(Spec):
    """Checks of the rows before anything is fitted."""

    contract: Contract | None = Field(None, description="What the data must look like.")
    missing: Missing = Field(Missing(), description="What happens to columns with missing values.")
    near_duplicates: NearDuplicates | None = Field(None, description="Which rows are nearly the same.")


class Data(Spec):
    """The rows of a run: sources, time window, split, checks."""

    sources: Annotated[tuple[Source, ...], MapBy(20, least=1)] = Field(
        description="Where rows come from; several are appended."
    )
    window: Window | None = Field(None, description="Which rows are used, by time.")
    workspace: Workspace | None = Field(
        None, description="Where the steps of a run keep what they have made, for a pod that starts anew."
    )
    split: Split = Field(Split(), description="How rows are divided into training, validation and test.")
    quality: Quality | None = Field(None, description="Checks of the rows before anything is fitted.")
