"""What trains the model: a built-in estimator, a function, an image, or something that has trained already."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from slipway.api.v1alpha1.base import Rule, Spec, Status, at_least_one, exactly_one, goes_with, union
from slipway.api.v1alpha1.constraints import Later, ListOf, StringMap, Text, Uri, later_values
from slipway.api.v1alpha1.references import LocalReference, ResourceRequirements, SecretReference, Strings
from slipway.api.v1alpha1.scalars import Number

Estimator = Literal[
    "Linear", "StochasticGradient", "RandomForest", "GradientBoosting", "NeuralNetwork", "NaiveBayes",
    "NearestNeighbours", "IsolationForest", "Rules",
]  # fmt: skip


class BuiltInTrainer(Spec):
    """An estimator that comes with Slipway, within a pipeline that imputes, scales and encodes."""

    estimator: Annotated[
        Estimator, later_values("tasks of type AnomalyDetection are not trained", "IsolationForest")
    ] = Field(
        "GradientBoosting",
        description="Linear (logistic or ridge regression, by the task's type), StochasticGradient (a linear model "
        "that can be continued with new rows), RandomForest, GradientBoosting "
        "(histogram), NeuralNetwork (a multilayer perceptron), "
        "NaiveBayes, NearestNeighbours, IsolationForest (for AnomalyDetection), "
        "Rules (no model: the task's rules alone, evaluated and served as a first version).",
    )


class Difference(Spec):
    """What a work tree had beyond its commit. `slipway train --allow-dirty-tree` writes it."""

    config_map_ref: LocalReference = Field(description="ConfigMap whose key difference.json has the files that differ.")
    digest: Annotated[str, Text(71, r"^sha256:[0-9a-f]{64}$", "sha256: and 64 hex digits")] = Field(
        description="Digest of that document: code that has changed since is not run."
    )


class Git(Spec):
    """The code of a repository: of one commit, or of a branch or tag as it is when the run starts."""

    laws = (
        Rule(
            "has(self.commit) != has(self.ref)",
            "commit is required, or ref instead of it: `slipway train FILE`, run in the work tree of the code, fills "
            "commit in",
            lambda git: (git.commit is None) != (git.ref is None),
        ),
        Rule(
            "!has(self.difference) || has(self.commit)",
            "difference is only legal with commit: it is what a work tree had beyond that",
            lambda git: git.difference is None or git.commit is not None,
        ),
    )

    url: Annotated[
        str,
        Text(
            1024,
            r"^https?://[^\s@/]+(/\S*)?$",
            "the http(s) URL of a Git repository, without credentials, which belong into secretRef",
        ),
    ] = Field(description="URL of the repository.")
    commit: Annotated[str, Text(64, r"^[0-9a-f]{7,64}$", "a commit id of 7 to 64 hex digits, not a branch")] | None = (
        Field(None, description="The commit, by its full id or by as many of its first digits as are unambiguous.")
    )
    ref: Annotated[str, Text(200, r"^[A-Za-z0-9_][A-Za-z0-9_./-]*$", "the name of a branch or tag")] | None = Field(
        None,
        description="A branch or tag instead of commit. Each pod looks what it points to; status has the commit that "
        "made the model. Not with tuning, whose trials must be of one code.",
    )
    secret_ref: SecretReference | None = Field(
        None,
        description="Secret with username and password, or token (with username where the server wants one), and "
        "ca.crt where the server's certificate needs it. The container that runs the code does not get it.",
    )
    difference: Difference | None = Field(None, description="What a work tree had beyond commit; see allow.dirtyTree.")


class FunctionTrainer(Spec):
    """A Python function build(params) that returns a scikit-learn estimator."""

    entrypoint: Annotated[
        str,
        Text(256, r"^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_]*$", "module:function, such as fraud.training:build"),
    ] = Field(description="Module and function, such as fraud.training:build, in the repository or its src.")
    git: Git = Field(description="Where the code is.")


class ImageTrainer(Spec):
    """Any framework. Files in: train.parquet, validation.parquet, params.json. File out: an MLflow model."""

    image: Annotated[str, Text(512)] = Field(description="The image; its digest is recorded.")
    command: Strings = Field((), description="Replaces the entrypoint of the image.")
    args: Strings = Field((), description="Arguments.")


class ExistingTrainer(Spec):
    """Evaluates a model that was made elsewhere, so that it may be served."""

    uri: Uri = Field(description="The MLflow model, such as models:/card-fraud/7 or s3://….")
    trained_until: AwareDatetime = Field(
        description="Time of the newest row that it was trained on; the test rows must be later."
    )


class Trainer(Spec):
    """What trains: `type` and the member that belongs to it."""

    laws = (union({"BuiltIn": "builtIn", "Function": "function", "Image": "image", "Existing": "existing"}),)

    type: Annotated[
        Literal["BuiltIn", "Function", "Image", "Existing"],
        later_values("only BuiltIn and Function train", "Image", "Existing"),
    ] = Field(
        description="BuiltIn: an estimator of Slipway. Function: a Python function. Image: any framework. Existing: "
        "evaluate "
        "a model made elsewhere."
    )
    built_in: BuiltInTrainer | None = Field(None, description="With type BuiltIn.")
    function: FunctionTrainer | None = Field(None, description="With type Function.")
    image: ImageTrainer | None = Field(None, description="With type Image.")
    existing: ExistingTrainer | None = Field(None, description="With type Existing.")


class Range(Spec):
    """An interval of numbers."""

    laws = (
        Rule("double(self.low) < double(self.high)", "low must be less than high", lambda r: r.low < r.high),
        Rule(
            "self.scale != 'Log' || double(self.low) > 0.0",
            "low must be more than 0 with scale: Log",
            lambda r: r.scale != "Log" or r.low.value > 0,
        ),
    )

    low: Number = Field(description="Lower end, such as 1e-5.")
    high: Number = Field(description="Upper end, such as 1e-2.")
    scale: Literal["Linear", "Log"] = Field("Linear", description="Log: equally likely by order of magnitude.")
    step: Number | None = Field(
        None, description="Distance of neighbouring values. Absent: any value (Grid: 5 values)."
    )
    integer: bool = Field(False, description="Whole numbers only.")


class Dimension(Spec):
    """The values that a parameter may take: exactly one of range, choices."""

    laws = (exactly_one("range", "choices"),)

    range: Range | None = Field(None, description="An interval of numbers.")
    choices: Annotated[tuple[Annotated[str, Text(256)], ...], ListOf(50, least=1)] | None = Field(
        None, description="A list of values."
    )


class Tuning(Spec):
    """The search for good parameters, judged on validation rows."""

    algorithm: Literal["Grid", "Random", "Bayesian", "None"] = Field(
        "Bayesian",
        description="Grid: all combinations. Random: as many at random. Bayesian: each learns from the last.",
    )
    trials: int = Field(40, ge=1, le=10_000, description="How many combinations are tried.")
    parallelism: int = Field(1, ge=1, le=100, description="How many at once.")
    space: Annotated[dict[Annotated[str, Text(128)], Dimension], Field(max_length=20)] = Field(
        {}, description="The parameters and their values. Absent: the estimator's own three most important."
    )
    max_runs: int = Field(
        100, ge=1, le=10_000, description="A search that would need more is refused before it starts."
    )


class Code(Status):
    """The code of the user's that made a model."""

    repository: str = Field("", description="URL of the repository.")
    commit: str = Field("", description="The full id of the commit.")
    entrypoint: str = Field("", description="Module and function.")
    difference: str = Field("", description="Digest of what the work tree had beyond the commit; empty: nothing.")


class Search(Status):
    """What a search for parameters takes, and what it found."""

    algorithm: str = Field("", description="Grid, Random or Bayesian.")
    runs: int = Field(0, description="Parameter sets that are tried beside the given one; known before the start.")
    folds: int = Field(0, description="Fits of each run; 0 is one, judged on the validation rows.")
    done: int = Field(0, description="Runs that ended, that of the given parameters included.")
    default: str = Field("", description="The primary metric with the parameters as given.")
    best: str = Field("", description="The primary metric with the parameters that were chosen.")
    gain: str = Field("", description="What the search was worth: best minus default, in the direction that is good.")
    parameters: dict[str, str] = Field({}, description="The parameters that were chosen.")


class Dask(Spec):
    """A Dask cluster of the run."""

    workers: int = Field(ge=1, le=1000, description="Number of workers.")


class Engine(Spec):
    """Where data is processed."""

    laws = (goes_with("dask", "type", "Dask", required=True),)

    type: Annotated[Literal["Local", "Dask"], later_values("data is processed within one pod", "Dask")] = Field(
        "Local", description="Local: within one pod. Dask: on a cluster of the run."
    )
    dask: Dask | None = Field(None, description="With type Dask.")


class StepResources(Spec):
    """Compute resources by step."""

    laws = (at_least_one("prepare", "tune", "train", "evaluate"),)

    prepare: Annotated[ResourceRequirements | None, Later("all steps share the resources of train")] = Field(
        None, description="Reading, checking and splitting data."
    )
    tune: Annotated[ResourceRequirements | None, Later("all steps share the resources of train")] = Field(
        None, description="Each trial of the search."
    )
    train: ResourceRequirements | None = Field(None, description="The fit, such as limits of nvidia.com/gpu: 1.")
    evaluate: Annotated[ResourceRequirements | None, Later("all steps share the resources of train")] = Field(
        None, description="Scoring the test rows."
    )


Parameters = Annotated[StringMap, Field(max_length=100)]
