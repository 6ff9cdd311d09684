"""Every field of every spec is read by what acts, or says that this version does not act on it: none is dead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from slipway.api.support import model_in
from slipway.api.v1alpha1 import KINDS
from slipway.api.v1alpha1.constraints import Later

from tests.unit.api.attribute_reads import MODELS, attribute_reads

#: Fields that no code reads by name, and why they are acted on all the same; what is below them too.
HANDED_OVER: Mapping[str, str] = {
    "training_trainer.Tuning.max_runs": "a search that takes more is refused (validation/training.py)",
    "trainingrun.Allow.dirty_tree": "a git.difference without it is refused by its law",
    "task_features.Feature.available_after": "more than 0s is refused by its law, and 0s asks nothing",
    "references.EnvFromSource.prefix": "the container gets envFrom as a whole (core/desired/inference_service.py)",
    "references.EnvVar.value": "the container gets env as a whole (core/desired/inference_service.py)",
    "modelrollout.ModelRolloutSpec.deletion_policy": "read from the raw spec, which counts even where it is not legal",
    "retrainpolicy.TemplateMetadata.labels": "the run gets them as written (core/desired/retrained_run.py)",
    "retrainpolicy.TemplateMetadata.annotations": "the run gets them as written (core/desired/retrained_run.py)",
    **{
        f"references.Toleration.{name}": "the pod gets tolerations as a whole (core/desired/placement.py)"
        for name in ("key", "operator", "value", "effect", "toleration_seconds")
    },
}
pytestmark = pytest.mark.long  # mypy reads the whole operator
ALWAYS = Later("").when
NOTHING: frozenset[str] = frozenset()


@pytest.fixture(scope="module")
def reads(tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    return frozenset(name.removeprefix(MODELS) for name in attribute_reads(tmp_path_factory.mktemp("reads")))


def test_every_field_of_every_kind_is_acted_on_or_says_that_it_is_not(reads: frozenset[str]) -> None:
    assert [path for kind in KINDS if kind.later is None for path in silent(kind.spec, kind.kind, reads)] == []


@pytest.mark.parametrize(
    "path",
    [
        "RetrainPolicy.triggers.drift.season",
        "ModelTask.serving.sideEffects",
        "ModelRollout.traffic.exploration.policy",
        "ModelRollout.rollback.window.revisions",
    ],
)
def test_without_the_marks_the_walk_names_what_nobody_reads(
    reads: frozenset[str], monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setitem(globals(), "marks", lambda field: [])
    assert path in [found for kind in KINDS for found in silent(kind.spec, kind.kind, reads)]


def test_no_field_is_excused_that_is_read_or_is_none(reads: frozenset[str]) -> None:
    fields = {name for kind in KINDS for name in names(kind.spec)}
    assert HANDED_OVER.keys() <= fields
    assert HANDED_OVER.keys().isdisjoint(reads)


def silent(model: type[BaseModel], path: str, reads: frozenset[str]) -> Iterator[str]:
    """Paths of the fields that nobody reads and no mark tells of. What is below a field that nobody reads is not
    read there either, whoever reads such a model elsewhere."""
    later = {value.lower() for field in model.model_fields.values() for value in literals(field) - active(field)}
    for name, field in model.model_fields.items():
        key = field.alias or name
        full = f"{owner(model, name)}.{name}"
        dead = any(mark.when is ALWAYS for mark in marks(field))
        only = bool(marks(field)) and len(active(field)) == 1  # one value is acted on: there is nothing to choose
        # The member of a union whose type says already that it is not acted on.
        if dead or only or full in HANDED_OVER or key.lower() in later:
            continue
        inner = model_in(field.annotation)
        if inner is not None:
            yield from silent(inner, f"{path}.{key}", reads if full in reads else NOTHING)
        elif full not in reads:
            yield f"{path}.{key}"


def marks(field: FieldInfo) -> list[Later]:
    return [mark for mark in field.metadata if isinstance(mark, Later)]


def literals(field: FieldInfo) -> set[str]:
    """The values of an enumeration, however it is wrapped."""

    def inside(annotation: Any) -> Iterator[str]:
        for part in get_args(annotation):
            yield from (part,) if isinstance(part, str) else inside(part)

    return set(inside(field.annotation))


def active(field: FieldInfo) -> set[str]:
    """Those of them that this version acts on."""
    return {value for value in literals(field) if not any(mark.when(value) for mark in marks(field))}


def owner(model: type[BaseModel], name: str) -> str:
    """The model in whose body the field is written, by which mypy calls it."""
    found = next(each for each in model.__mro__ if name in vars(each).get("__annotations__", {}))
    return f"{found.__module__.removeprefix(MODELS)}.{found.__qualname__}"


def names(model: type[BaseModel]) -> Iterator[str]:
    """All fields below a model."""
    for name, field in model.model_fields.items():
        yield f"{owner(model, name)}.{name}"
        inner = model_in(field.annotation)
        if inner is not None:
            yield from names(inner)
