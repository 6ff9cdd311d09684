"""TrainingRun: one attempt to train a model. Its Jobs are its children; its spec is frozen but for two fields."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from slipway.api.v1alpha1.base import Rule, Spec, Status
from slipway.api.v1alpha1.conditions import ConditionedStatus
from slipway.api.v1alpha1.constraints import Later, MapBy, Text
from slipway.api.v1alpha1.fingerprints import Inputs
from slipway.api.v1alpha1.incremental import Increment, Incremental, continues
from slipway.api.v1alpha1.kind import AGE, Column, Kind, immutable, ready_column
from slipway.api.v1alpha1.references import LocalReference
from slipway.api.v1alpha1.rollout_model import Alias, RegisteredName
from slipway.api.v1alpha1.rollout_stages import Cause
from slipway.api.v1alpha1.training_data import Data
from slipway.api.v1alpha1.training_trainer import (
    Code,
    Engine,
    Parameters,
    Search,
    StepResources,
    Trainer,
    Tuning,
)


class _Folds:
    """`Auto` or a number of folds."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        auto, none = core_schema.literal_schema(["Auto"]), core_schema.literal_schema([0])
        return core_schema.union_schema([auto, none, core_schema.int_schema(ge=2, le=50, strict=True)])

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        rule = "type(self) == string ? self == 'Auto' : (self == 0 || (self >= 2 && self <= 50))"
        return {
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "x-kubernetes-int-or-string": True,
            "maxLength": 4,
            "x-kubernetes-validations": [{"rule": rule, "message": "must be Auto, 0 (none) or a number from 2 to 50"}],
        }


Folds = Annotated[int | Literal["Auto"], _Folds()]


class Allow(Spec):
    """Exceptions, each use of which is recorded."""

    dirty_tree: bool = Field(
        False, description="Train from code that is not committed: spec.trainer.function.git.difference has it."
    )
    test_reuse: int = Field(
        0, ge=0, le=100, description="How often rows of the test may have been opened before, by any run of the task."
    )


class Register(Spec):
    """Where the model goes in the registry."""

    model: RegisteredName = Field(description="Name of the registered model.")
    alias: Alias = Field("candidate", description="Alias that the new version gets when it meets the criteria.")


class Reproduces(Spec):
    """An earlier run that is trained again, to see whether the same model comes out."""

    run_id: Annotated[str, Text(64, r"^[0-9a-f]{32}$", "the id of a run in MLflow")] = Field(
        description="The MLflow run of the earlier attempt, as its status says."
    )
    level: Literal["Bitwise", "Tolerance"] = Field(
        "Tolerance",
        description="Bitwise: every prediction is the same to the last bit. Tolerance: they differ by less than 1e-6 "
        "of their spread.",
    )


def _is_dirty(trainer: Trainer) -> bool:
    return trainer.function is not None and trainer.function.git.difference is not None


class TrainingRunSpec(Spec):
    """One attempt: data, trainer, parameters. Frozen after creation, but for suspend and cancel."""

    laws = (
        Rule(
            "!has(self.trainer.function) || !has(self.trainer.function.git.difference) || "
            "(has(self.allow) && has(self.allow.dirtyTree) && self.allow.dirtyTree)",
            "trainer.function.git.difference needs allow.dirtyTree: true",
            lambda spec: not _is_dirty(spec.trainer) or spec.allow.dirty_tree,
        ),
        *continues("incremental"),
    )

    task_ref: LocalReference = Field(description="The ModelTask: what the model is for, and what counts as good.")
    data: Data = Field(description="The rows: sources, time window, split, checks.")
    trainer: Trainer = Field(description="What trains.")
    parameters: Parameters = Field({}, description="Hyperparameters, as strings; defaults are recorded as well.")
    folds: Folds = Field("Auto", description="Folds of cross-validation. Auto: 5 under 10,000 rows. 0: none.")
    cause: Cause = Field(
        "Redesign", description="Why it is trained; decides which stages of a rollout apply. A policy sets it."
    )
    incremental: Incremental | None = Field(
        None,
        description="Continues an earlier version with the rows that are new; a policy with mode Incremental sets it.",
    )
    tuning: Tuning | None = Field(None, description="The search for good parameters. Absent: none.")
    refit: Annotated[Literal["None", "AllMatured"], Later("the evaluated model is the one registered")] = Field(
        "None", description="AllMatured: train once more on all rows after evaluation; the model card says so."
    )
    allow: Allow = Field(Allow(), description="Exceptions, each use of which is recorded.")
    seed: int = Field(0, ge=0, le=2_147_483_647, description="The one seed from which all others are derived.")
    engine: Engine = Field(Engine(), description="Where data is processed.")
    resources: StepResources | None = Field(None, description="Compute resources by step.")
    registration: Register | None = Field(
        None,
        alias="register",
        description="Where the model goes in the registry. Absent: it is logged, not registered.",
    )
    reproduces: Reproduces | None = Field(
        None,
        description="Trains an earlier run again and compares predictions on validation rows; the test rows stay "
        "closed and nothing is registered. `slipway reproduce` writes it.",
    )
    suspend: bool = Field(False, description="True: no Job is started, a running one is stopped and starts anew later.")
    cancel: bool = Field(False, description="True: the run ends now, without a model.")


class Step(Status):
    """One step of the run."""

    name: str = Field(description="Name of the step, such as train.")
    seconds: int = Field(0, description="How long it took, or has been running.")
    state: str = Field("", description="Waiting, Running, Succeeded, Failed or Skipped.")
    message: str = Field("", description="The reason, for a person.")


class Metric(Status):
    """One measured metric with its interval."""

    name: str = Field(description="Name of the metric.")
    value: str = Field("", description="Its value.")
    low: str = Field("", description="Lower end of the interval.")
    high: str = Field("", description="Upper end of the interval.")
    split: str = Field(
        "",
        description="The rows: train, validation or test; prequential: new rows, each predicted before it was learnt "
        "from; retained: the rows that validated the first version.",
    )


class Reproduction(Status):
    """How a model that was trained again compares with the first one."""

    level: str = Field("", description="Bitwise, Tolerance, or Different.")
    largest_difference: str = Field("", description="Largest difference of two predictions of one row.")
    differs: Annotated[tuple[str, ...], Field(max_length=50)] = Field(
        (), description="What is not as it was: data, environment, parameters, each as `name: before -> now`."
    )


class TrainingRunStatus(ConditionedStatus):
    """What happened.

    Its conditions: DataValid, CriteriaMet, MLJustified, Registered, Ready; and what the data said: LeakageDetected,
    AccuracyMisleading, JustificationUnsupported, DataWarnings. Of a run that continues a version also Forgetting.
    """

    phase: str = Field(
        "", description="A summary for people: Pending, Running, Suspended, Succeeded, Failed or Cancelled."
    )
    steps: Annotated[tuple[Step, ...], MapBy(20)] = Field((), description="The steps, with their seconds.")
    data_digest: str = Field("", description="Digest of the content of all rows.")
    metrics: Annotated[tuple[Metric, ...], Field(max_length=200)] = Field(
        (), description="Metrics, with their intervals."
    )
    run_id: str = Field("", description="The MLflow run.")
    version: str = Field("", description="The registered version.")
    model_digest: str = Field("", description="Digest of the model.")
    increment: Increment | None = Field(None, description="With spec.incremental: what was learnt on top of the base.")
    inputs: Inputs | None = Field(
        None,
        description="Definitions of the features that the model was trained under, and the columns as its training "
        "rows had them; read from MLflow when the run has ended.",
    )
    prediction_digest: str = Field("", description="Digest of its predictions of the validation rows.")
    reproduction: Reproduction | None = Field(None, description="How it compares with the run that it reproduces.")
    code: Code | None = Field(None, description="The code of the user's that made the model.")
    job: str = Field("", description="Name of the running or last Job.")
    search: Search | None = Field(None, description="What the search for parameters takes, and what it found.")
    noise: str = Field("", description="Estimated share of wrong labels.")
    test_openings: int = Field(0, description="How often these test rows have been opened, by any run.")
    started_at: datetime | None = Field(None, description="When the first step began.")
    ended_at: datetime | None = Field(None, description="When the last step ended.")


_FROZEN = "a TrainingRun is one attempt; create another one"

KIND = Kind(
    kind="TrainingRun",
    plural="trainingruns",
    short_names=("tr",),
    doc="TrainingRun is one attempt to train, evaluate and register a model.",
    spec=TrainingRunSpec,
    status=TrainingRunStatus,
    longest_name=52,
    why_name="its Jobs are named <name>-<step>",
    columns=(
        Column("Phase", ".status.phase", "Summary of the state."),
        Column("Task", ".spec.taskRef.name", "The ModelTask.", priority=1),
        Column("Cause", ".spec.cause", "Why it is trained."),
        Column("Base", ".spec.incremental.base", "The version that it continues.", priority=1),
        Column("Criteria", '.status.conditions[?(@.type=="CriteriaMet")].status', "Whether the criteria are met."),
        Column("Version", ".status.version", "The registered version."),
        ready_column(),
        AGE,
    ),
    rules=tuple(
        immutable(field, _FROZEN)
        for field in (
            "taskRef", "data", "trainer", "parameters", "folds", "cause", "incremental", "tuning", "refit", "allow",
            "seed", "engine", "resources", "register", "reproduces",
        )
    ),
)  # fmt: skip
