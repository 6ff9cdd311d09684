"""What a training Job is asked to do: the specs of its TrainingRun and ModelTask, as one environment variable."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import ValidationError
from slipway.api.v1alpha1.modeltask import ModelTaskSpec
from slipway.api.v1alpha1.trainingrun import TrainingRunSpec
from slipway.features.rules import Rule

from slipway_pipelines.columns import Columns
from slipway_pipelines.criteria import Criterion, parse
from slipway_pipelines.faults import DataFault
from slipway_pipelines.metrics import METRICS
from slipway_pipelines.rules import serving_rules
from slipway_pipelines.split import SplitPlan

VARIABLE = "SLIPWAY_TRAINING"


@dataclass(frozen=True)
class Seeds:
    """Independent seeds derived from the one in the manifest, so that one number repeats the run."""

    split: int
    estimator: int
    bootstrap: int

    @classmethod
    def derived(cls, seed: int) -> Seeds:
        """The same numbers on every machine (numpy's SeedSequence is specified to be stable)."""
        return cls(*(int(word) for word in np.random.SeedSequence(seed).generate_state(3)))


@dataclass(frozen=True)
class TrainingRequest:
    """One attempt. `uid` is that of the TrainingRun: a retried pod recognises by it what an earlier one has done.

    `criteria` include those of the calibration; `rules` are those that answer before the model.
    """

    name: str
    namespace: str
    uid: str
    task: ModelTaskSpec
    spec: TrainingRunSpec
    uri: str
    columns: Columns
    criteria: tuple[Criterion, ...]
    rules: tuple[Rule, ...]
    seeds: Seeds

    @property
    def run(self) -> str:
        """How tags name the TrainingRun."""
        return f"{self.namespace}/{self.name}"

    @property
    def split_plan(self) -> SplitPlan:
        """The division of the rows."""
        split = self.spec.data.split
        shares = {"train": split.train, "validation": split.validation, "test": split.test}
        return SplitPlan(split.by, {name: float(share.fraction) for name, share in shares.items()}, self.seeds.split)

    @property
    def estimator(self) -> str:
        """Name of the built-in estimator."""
        assert self.spec.trainer.built_in is not None  # by the union rule, once type is BuiltIn
        return self.spec.trainer.built_in.estimator


def read_request(environment: Mapping[str, str]) -> TrainingRequest:
    """The request of this process.

    Raises:
        DataFault: it is absent, not of the API, or asks for something that this version does not do.
    """
    try:
        raw: dict[str, Any] = json.loads(environment[VARIABLE])
        task, spec = ModelTaskSpec.model_validate(raw["task"]), TrainingRunSpec.model_validate(raw["spec"])
        name, namespace, uid = str(raw["name"]), str(raw["namespace"]), str(raw["uid"])
    except KeyError as error:
        raise DataFault("RequestInvalid", f"{VARIABLE} is not set or has no key {error}") from error
    except (ValidationError, ValueError) as error:
        raise DataFault("RequestInvalid", f"{VARIABLE}: {_first_line(error)}") from error
    if spec.trainer.type != "BuiltIn":
        raise DataFault("TrainerUnsupported", f"trainer type {spec.trainer.type}: this version trains BuiltIn only")
    if task.type not in METRICS:
        message = f"this version trains {', '.join(METRICS)}; the task's type is {task.type}"
        raise DataFault("TaskTypeUnsupported", message)
    columns, seeds = _columns(task, spec), Seeds.derived(spec.seed)
    rules = serving_rules(task, columns)
    return TrainingRequest(name, namespace, uid, task, spec, _uri(spec), columns, _criteria(task), rules, seeds)


def _criteria(task: ModelTaskSpec) -> tuple[Criterion, ...]:
    wanted = [(one.name, one.expression) for one in task.criteria]
    asked = task.calibration.criteria if task.calibration is not None else ()
    wanted += [(f"calibration-{number}", expression) for number, expression in enumerate(asked, 1)]
    return tuple(parse(name, expression, tuple(METRICS[task.type])) for name, expression in wanted)


def _uri(spec: TrainingRunSpec) -> str:
    sources = spec.data.sources
    if len(sources) != 1 or sources[0].uri is None:
        raise DataFault("SourceUnsupported", "this version reads exactly one source, given by its uri")
    return sources[0].uri


def _columns(task: ModelTaskSpec, spec: TrainingRunSpec) -> Columns:
    """Features of type Text stay out until they are encoded; those without a type are declared numeric by the API."""
    categorical = tuple(f.name for f in task.features if f.type == "Categorical")
    numeric = tuple(f.name for f in task.features if f.type in (None, "Numeric"))
    if not numeric + categorical:
        raise DataFault("NoFeatures", "this version trains on Numeric and Categorical features; the task has neither")
    return Columns(
        numeric=numeric,
        categorical=categorical,
        label=task.label.column,
        id=task.id,
        entity=task.entity,
        timestamp=task.timestamp,
        split=spec.data.split.column if spec.data.split.by == "Column" else None,
        sources={f.name: f.column for f in task.features if f.column is not None},
    )


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return str(error)
