"""What a training Job is asked to do: the specs of its TrainingRun and ModelTask, as one environment variable."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import ValidationError
from slipway.api.v1alpha1.modeltask import ModelTaskSpec
from slipway.api.v1alpha1.scalars import Duration
from slipway.api.v1alpha1.trainingrun import TrainingRunSpec
from slipway.features.rules import Rule

from slipway_pipelines.columns import Columns
from slipway_pipelines.columns_of_task import columns_of
from slipway_pipelines.criteria import Criterion, parse
from slipway_pipelines.data.contract import VARIABLE as CONTRACT
from slipway_pipelines.data.source import LABELS, Source, read_source
from slipway_pipelines.faults import DataFault
from slipway_pipelines.metrics import METRICS, metrics_of
from slipway_pipelines.rules import read_rules, serving_rules
from slipway_pipelines.slices import WORST, SlicePlan
from slipway_pipelines.split import SplitPlan

VARIABLE = "SLIPWAY_TRAINING"
POD_INDEX = "JOB_COMPLETION_INDEX"
"""Set by Kubernetes in the pods of an indexed Job."""


@dataclass(frozen=True)
class Seeds:
    """Independent seeds derived from the one in the manifest, so that one number repeats the run."""

    split: int
    estimator: int
    bootstrap: int
    search: int

    @classmethod
    def derived(cls, seed: int) -> Seeds:
        """The same numbers on every machine (numpy's SeedSequence is specified to be stable)."""
        return cls(*(int(word) for word in np.random.SeedSequence(seed).generate_state(4)))


@dataclass(frozen=True)
class TrainingRequest:
    """One attempt. `uid` is that of the TrainingRun: a retried pod recognises by it what an earlier one has done.

    `labels` is where labels come from that are not in the data; `contract` is the text of the contract of the data,
    empty for none. `criteria` include those of the calibration; `rules` are all of the task, served or not.
    `task_uid` is that of the ModelTask, whose test ledger it keys; `slices` are those judged by themselves.
    `pods` share the search for parameters, of which `pod` is this one's number. `image` is that of this pod.
    """

    name: str
    namespace: str
    uid: str
    task: ModelTaskSpec
    spec: TrainingRunSpec
    sources: tuple[Source, ...]
    labels: Source | None
    contract: str
    columns: Columns
    criteria: tuple[Criterion, ...]
    rules: tuple[Rule, ...]
    seeds: Seeds
    task_uid: str = ""
    slices: SlicePlan | None = None
    pods: int = 1
    pod: int = 0
    image: str = ""

    @property
    def served_rules(self) -> tuple[Rule, ...]:
        """The rules that answer before the model."""
        return serving_rules(self.task, self.rules)

    @property
    def run(self) -> str:
        """How tags name the TrainingRun."""
        return f"{self.namespace}/{self.name}"

    @property
    def split_plan(self) -> SplitPlan:
        """The division of the rows."""
        split = self.spec.data.split
        shares = {"train": split.train, "validation": split.validation, "test": split.test}
        fractions = {name: float(share.fraction) for name, share in shares.items()}
        return SplitPlan(split.by, fractions, self.seeds.split, self._embargo)

    @property
    def _embargo(self) -> float:
        """Seconds between the parts of a split by Time. Auto: the label's maturity plus the longest window."""
        asked = self.spec.data.split.embargo
        if asked != "Auto":
            return Duration(asked).seconds
        maturity = self.task.label.maturity
        longest = max((window.seconds for window in self.columns.windows.values()), default=0.0)
        return longest + (maturity.p95.seconds if maturity is not None else 0.0)

    @property
    def estimator(self) -> str | None:
        """Name of the built-in estimator; None where the user's function makes one."""
        return self.spec.trainer.built_in.estimator if self.spec.trainer.built_in is not None else None

    @property
    def of_rules(self) -> bool:
        """Whether nothing is learnt: the rules alone are evaluated and served."""
        return _of_rules(self.spec)

    @property
    def entrypoint(self) -> str | None:
        """Module and function of the user's; None where an estimator is built in."""
        return self.spec.trainer.function.entrypoint if self.spec.trainer.function is not None else None


def read_request(environment: Mapping[str, str]) -> TrainingRequest:
    """The request of this process.

    Raises:
        DataFault: it is absent, not of the API, or asks for something that this version does not do.
    """
    try:
        raw: dict[str, Any] = json.loads(environment[VARIABLE])
        task, spec = ModelTaskSpec.model_validate(raw["task"]), TrainingRunSpec.model_validate(raw["spec"])
        name, namespace, uid = str(raw["name"]), str(raw["namespace"]), str(raw["uid"])
        task_uid, pods = str(raw.get("taskUid", "")), int(raw.get("pods", 1))
        pod, image = int(environment.get(POD_INDEX, 0)), str(raw.get("image", ""))
    except KeyError as error:
        raise DataFault("RequestInvalid", f"{VARIABLE} is not set or has no key {error}") from error
    except (ValidationError, ValueError) as error:
        raise DataFault("RequestInvalid", f"{VARIABLE}: {_first_line(error)}") from error
    if spec.trainer.type not in ("BuiltIn", "Function"):
        message = f"trainer type {spec.trainer.type}: this version trains BuiltIn and Function only"
        raise DataFault("TrainerUnsupported", message)
    if task.type not in METRICS:
        message = f"this version trains {', '.join(METRICS)}; the task's type is {task.type}"
        raise DataFault("TaskTypeUnsupported", message)
    if task.metrics.primary not in _names(task):
        message = f"metrics.primary is {task.metrics.primary!r}; this version measures {', '.join(_names(task))}"
        raise DataFault("MetricUnsupported", message)
    columns, seeds = columns_of(task, spec), Seeds.derived(spec.seed)
    rules = read_rules(task, columns)
    if _of_rules(spec) and not serving_rules(task, rules):
        message = "estimator Rules serves the task's rules alone: the task needs spec.rules with serve: Hybrid"
        raise DataFault("RulesMissing", message)
    return TrainingRequest(
        name, namespace, uid, task, spec,
        tuple(read_source(one, place, environment) for place, one in enumerate(spec.data.sources)),
        _labels(task, environment), environment.get(CONTRACT, ""), columns, _criteria(task),
        rules, seeds, task_uid, _slices(task), pods, pod, image,
    )  # fmt: skip


def _of_rules(spec: TrainingRunSpec) -> bool:
    return spec.trainer.built_in is not None and spec.trainer.built_in.estimator == "Rules"


def _names(task: ModelTaskSpec) -> tuple[str, ...]:
    return tuple(metrics_of(task.type, task.value is not None))


def _slices(task: ModelTaskSpec) -> SlicePlan | None:
    asked = task.slices
    if asked is None:
        return None
    floor = parse(WORST, asked.worst, _names(task)) if asked.worst is not None else None
    if floor is not None and floor.lead.against:
        message = (
            f"spec.slices.worst of the task is {asked.worst!r}: slices are compared with a number, not a reference"
        )
        raise DataFault("CriterionUnsupported", message)
    return SlicePlan(asked.columns, asked.minimum_rows, floor)


def _criteria(task: ModelTaskSpec) -> tuple[Criterion, ...]:
    wanted = [(one.name, one.expression) for one in task.criteria]
    asked = task.calibration.criteria if task.calibration is not None else ()
    wanted += [(f"calibration-{number}", expression) for number, expression in enumerate(asked, 1)]
    return tuple(parse(name, expression, _names(task)) for name, expression in wanted)


def _labels(task: ModelTaskSpec, environment: Mapping[str, str]) -> Source | None:
    """Where labels come from that are not in the data."""
    declared = task.label.source
    if declared is None:
        return None
    keys = {name.removeprefix(LABELS): value for name, value in environment.items() if name.startswith(LABELS)}
    query = declared.sql.query if declared.sql is not None else ""
    return Source("labels", declared.uri or "", query, credentials=keys)


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return str(error)
