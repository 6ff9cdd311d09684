"""What a ModelTask says of its definitions: FeatureDefinitionChanged, and the changes, for tasks that share them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from slipway.api.v1alpha1.fingerprints import MOST_CHANGES, FeatureChange, Fingerprints, SeenColumn
from slipway.core.definitions.changes import REMEDY, Definitions, Texts, changes, listed
from slipway.core.definitions.upstream import differences
from slipway.core.kstatus import Said

CONDITION = "FeatureDefinitionChanged"


@dataclass(frozen=True)
class Seen:
    """The columns that a TrainingRun has seen."""

    run: str
    columns: tuple[SeenColumn, ...]


@dataclass(frozen=True)
class ModelInUse:
    """A model that a rollout of the task serves or tries. `label` names both; `seen` is None where its run is gone."""

    label: str
    trained: Fingerprints | None
    seen: Seen | None = None


@dataclass(frozen=True)
class InUse:
    """All that is known of the models of one task.

    Attributes:
        newest: what the newest of its runs has seen.
        texts: definitions by digest, of runs.
        shared: the changes that other tasks tell which read a source of this one, by their name.
    """

    models: tuple[ModelInUse, ...] = ()
    newest: Seen | None = None
    texts: Texts = field(default_factory=dict)
    shared: Mapping[str, tuple[FeatureChange, ...]] = field(default_factory=dict)


def own_changes(present: Definitions, used: InUse) -> tuple[FeatureChange, ...]:
    """Changes of this task's definitions, and of the columns that it reads, since its models were trained."""
    found: dict[tuple[str, str, str], FeatureChange] = {}
    for model in used.models:
        for one in (*_redefined(model, present, used.texts), *_upstream(model, used.newest)):
            key = (one.kind, one.name, one.message)
            before = found[key].models if key in found else ()
            found[key] = one.model_copy(update={"models": (*before, model.label)})
    return tuple(found[key] for key in sorted(found))[:MOST_CHANGES]


def _redefined(model: ModelInUse, present: Definitions, texts: Texts) -> Iterable[FeatureChange]:
    for one in changes(model.trained, present, texts) or ():
        yield FeatureChange(kind="Definition", name=one.feature, digest=one.digest, message=str(one))


def _upstream(model: ModelInUse, newest: Seen | None) -> Iterable[FeatureChange]:
    if model.seen is None or newest is None or model.seen.run == newest.run:
        return
    for column, text in differences(model.seen.columns, newest.columns).items():
        message = f"column {column}: {text} (TrainingRun {model.seen.run} -> {newest.run})"
        yield FeatureChange(kind="Source", name=column, message=message)


def definition_changed(present: Definitions, used: InUse, own: Sequence[FeatureChange]) -> tuple[Said, ...]:
    """The condition. Nothing is said while no model is in use and no task that shares has a change."""
    shared = _shared(present, used)
    if own or shared:
        reason = _reason([*own, *(one for _, one in shared)])
        told = [_with_models(one) for one in own]
        told += [f"shared with ModelTask {task}: {_with_models(one)}" for task, one in shared]
        return (Said(CONDITION, "True", reason, f"{listed(told)}. Remedy: {REMEDY}"),)
    if not used.models:
        return ()
    unknown = [one.label for one in used.models if changes(one.trained, present, {}) is None]
    if unknown:
        return (Said(CONDITION, "Unknown", "NotRecorded", f"{listed(unknown)}: {NOT_RECORDED}"),)
    apart = [one.label for one in used.models if one.seen is None]
    note = f"; their data is not compared with that of newer runs, since no TrainingRun is left: {listed(apart)}"
    message = "all models in use were trained under the definitions of today" + note * bool(apart)
    return (Said(CONDITION, "False", "AsTrained", message),)


NOT_RECORDED = (
    "it carries no fingerprints of its feature definitions that this version reads (it was trained by another version, "
    "or elsewhere), so that a change of them is not seen and holds nothing; train again to have them"
)


def _shared(present: Definitions, used: InUse) -> list[tuple[str, FeatureChange]]:
    """Of the changes of others those of a definition that this task has or its models had, and of a column it reads."""
    digests = {one.digest for one in present}
    digests |= {digest for one in used.models if one.trained for digest in one.trained.digests.values()}
    columns = {column for one in present for column in one.columns}
    return [
        (task, one)
        for task in sorted(used.shared)
        for one in used.shared[task]
        if (one.digest in digests if one.kind == "Definition" else one.name in columns)
    ]


def _reason(found: Iterable[FeatureChange]) -> str:
    return "DefinitionChanged" if any(one.kind == "Definition" for one in found) else "SourceChanged"


def _with_models(change: FeatureChange) -> str:
    return f"{change.message} [{listed(change.models)}]"
