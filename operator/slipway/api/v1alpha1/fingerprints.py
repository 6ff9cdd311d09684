"""What a model was trained under: the definitions of its features, and what its data looked like by column."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from slipway.api.v1alpha1.base import Status
from slipway.api.v1alpha1.constraints import MapBy

DEFINITIONS_TAG = "slipway.definitions"
"""Tags of a model version that hold its Fingerprints as JSON (features/tags.py)."""

INPUTS_TAG = "slipway.inputs"
"""Tags of an MLflow run that hold its Inputs as JSON."""

MOST_CHANGES = 50
"""Changes that a status lists at most."""


class Fingerprints(Status):
    """Digests of feature definitions, as a model carries them."""

    format: int = Field(0, description="Version of the code that computed them; 0: none are known.")
    digests: dict[str, str] = Field({}, description="Digest of each definition, by feature.")


CarriedFingerprints = Annotated[
    Fingerprints | None,
    Field(description="Fingerprints of the feature definitions that the model was trained under, where it has any."),
]


class DefinedFeature(Status):
    """One feature as it was defined."""

    name: str = Field(description="Name of the feature; spec.rules for the rules that are served.")
    digest: str = Field("", description="Digest of its meaning, that of the columns it is computed from included.")
    text: str = Field("", description="The definition, for a person.")
    columns: tuple[str, ...] = Field((), description="Columns of the data that it is computed from.")


class SeenColumn(Status):
    """A column of the data as the training rows had it. Categories are kept as digests, never as they are written."""

    name: str = Field(description="The column.")
    type: str = Field("", description="Whole, Fraction or Text.")
    rows: int = Field(0, description="Training rows.")
    missing: str = Field("", description="Share of them without a value.")
    least: str = Field("", description="Smallest number.")
    most: str = Field("", description="Largest number.")
    edges: tuple[str, ...] = Field((), description="Numbers between them, about a tenth of the rows apart.")
    below: tuple[str, ...] = Field((), description="Share of the rows with a value that is smaller than each edge.")
    values: dict[str, str] = Field({}, description="Share of each of the most frequent categories, by its digest.")


class Inputs(Status):
    """What went into a training. Without a format nothing was recorded: another version of the Job's code ran."""

    format: int = Field(0, description="Version of the code that computed the digests.")
    features: Annotated[tuple[DefinedFeature, ...], MapBy(301)] = Field((), description="The definitions.")
    columns: Annotated[tuple[SeenColumn, ...], MapBy(300)] = Field((), description="The columns of the data.")


class FeatureChange(Status):
    """Something that is not as it was when a model in use was trained."""

    kind: Literal["Definition", "Source"] = Field(
        description="Definition: the task defines the feature otherwise. Source: newer data looks otherwise."
    )
    name: str = Field("", description="The feature, or the column of the data.")
    digest: str = Field("", description="Digest of the definition that the models were trained under.")
    message: str = Field("", description="What has changed, from what to what.")
    models: tuple[str, ...] = Field((), description="The models concerned, each with its rollout.")


FeatureChanges = Annotated[tuple[FeatureChange, ...], Field(max_length=MOST_CHANGES)]
