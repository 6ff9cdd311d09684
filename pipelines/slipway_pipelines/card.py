"""The model card (Mitchell et al. 2019): what a model is for, what it was made from, and what it has proved."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from slipway_pipelines.criteria import Verdict
from slipway_pipelines.data.prepare import Prepared
from slipway_pipelines.estimate import Estimate
from slipway_pipelines.evaluate import Evaluation, Frozen
from slipway_pipelines.reference import Justification
from slipway_pipelines.request import TrainingRequest
from slipway_pipelines.split import SPLITS

PATH = "model-card.md"
_MOST_SLICES = 100


def card(
    request: TrainingRequest,
    prepared: Prepared,
    model: Frozen,
    evaluation: Evaluation,
    justified: Justification | None,
    openings: int,
) -> str:
    """The card as Markdown. The model that is described is the one that is served: nothing is fitted afterwards.

    Args:
        justified: None where it was not asked again, as of a version that is continued.
        openings: how often these test rows have been opened, this time included; 0 where they stayed closed.
    """
    parts = (
        _heading(request),
        _inputs(request, model),
        _data(request, prepared),
        _proof(evaluation, openings),
        _measured(evaluation),
        _slices(evaluation),
        _limits(request, prepared, justified),
    )
    return "\n".join(line for part in parts for line in part)


def _heading(request: TrainingRequest) -> Iterator[str]:
    task = request.task
    yield f"# {_plain(request.spec.task_ref.name)}"
    yield ""
    yield _plain(task.goal)
    yield ""
    yield f"- Kind of prediction: {task.type}, asked for {_asked_for(task.serving.mode)}"
    yield f"- Trained by `{request.run}`: {request.estimator or request.entrypoint}, seed {request.spec.seed}"
    yield f"- Why it was trained: {request.spec.cause}"
    if request.spec.incremental is not None:
        yield f"- It continues {_plain(request.spec.incremental.base)}: each row was predicted before it was learnt"
    else:
        yield "- What was evaluated is what is served: the model was not fitted again afterwards"
    yield ""


def _asked_for(mode: str) -> str:
    return "in batches" if mode == "Batch" else "one request at a time"


def _inputs(request: TrainingRequest, model: Frozen) -> Iterator[str]:
    yield "## What it sees, and how it decides"
    yield ""
    types = {f.name: f.type or "Numeric" for f in request.task.features}
    yield from _table(("feature", "type"), [(name, types.get(name, "")) for name in types])
    if model.positive is not None and model.threshold is not None:
        yield f"- Says {_plain(model.positive)} from a score of {model.threshold:.6g} on, frozen before its test"
    if request.task.value is not None:
        yield f"- It is the score that is worth most, in {_plain(request.task.value.unit)}, where the criteria hold"
    if model.calibration is not None:
        yield f"- Scores are calibrated: {model.calibration.method}"
    for rule in model.rules:
        yield f"- The rule {_plain(rule.name)} answers {_plain(str(rule.predict))} before the model"
    yield ""


def _data(request: TrainingRequest, prepared: Prepared) -> Iterator[str]:
    yield "## What it was made from"
    yield ""
    yield f"- {prepared.rows} rows were read; digest of their content `{prepared.source.digest}`"
    for source in request.sources:
        note = f": {_plain(source.exposure_note)}" if source.exposure_note else ""
        yield f"- Source {_plain(source.name)}, origin {source.origin or 'undeclared'}{note}"
    yield ""
    yield from _table(("part", "rows", "from", "to"), [_part(request, prepared, name) for name in SPLITS])


def _part(request: TrainingRequest, prepared: Prepared, name: str) -> tuple[str, ...]:
    rows, instant = getattr(prepared.parts, name), request.columns.timestamp
    if instant is None or not len(rows):
        return name, str(len(rows)), "", ""
    return name, str(len(rows)), f"{rows[instant].min():%Y-%m-%d %H:%M}", f"{rows[instant].max():%Y-%m-%d %H:%M}"


def _proof(evaluation: Evaluation, openings: int) -> Iterator[str]:
    yield "## What it had to prove"
    yield ""
    times = "once" if openings == 1 else f"{openings} times"
    opened = f"These test rows have been opened {times}." if openings else "The test rows stayed closed."
    yield f"{'All criteria are met.' if evaluation.passed else '**Not all criteria are met.**'} {opened}"
    yield ""
    rows = [row for verdict in evaluation.verdicts for row in _verdict(verdict)]
    yield from _table(("criterion", "asks", "measured", "surely", "met"), rows)


def _verdict(verdict: Verdict) -> Iterator[tuple[str, ...]]:
    for result in verdict.results:
        met = result.part.holds(result.proved)
        name = f"{verdict.criterion.name} ({verdict.note})" if verdict.note else verdict.criterion.name
        yield name, str(result.part), _number(result.value), _number(result.proved), "yes" if met else "no"


def _measured(evaluation: Evaluation) -> Iterator[str]:
    yield "## What was measured"
    yield ""
    rows = [(name, *_interval(found), "test") for name, found in evaluation.test.items()]
    rows += [(name, *_interval(found), "test, difference") for name, found in evaluation.differences.items()]
    rows += [(name, _number(value), "", "test rows like none before") for name, value in evaluation.novel.items()]
    rows += [(name, _number(value), "", "validation") for name, value in evaluation.validation.items()]
    yield from _table(("metric", "value", "95% interval", "rows"), rows)


def _slices(evaluation: Evaluation) -> Iterator[str]:
    if not evaluation.slices:
        return
    yield "## Parts of the test rows"
    yield ""
    rows = [
        (one.name, str(one.rows), name, *_interval(found))
        for one in evaluation.slices[:_MOST_SLICES]
        for name, found in one.metrics.items()
    ]
    yield from _table(("slice", "rows", "metric", "value", "95% interval"), rows)


def _limits(request: TrainingRequest, prepared: Prepared, justified: Justification | None) -> Iterator[str]:
    yield "## What to know before it is used"
    yield ""
    if justified is not None:
        yield f"- Is a model needed: {_plain(justified.message)}"
    yield from (f"- {_plain(line)}" for line in _lost(request))
    for finding in prepared.record.findings:
        yield f"- {finding.severity}, {finding.reason}: {_plain(finding.message)}"
    yield ""


def _lost(request: TrainingRequest) -> Iterator[str]:
    task = request.task
    if task.label.observation == "Selective":
        yield "Labels are known only where nobody acted on a prediction: all figures are of such rows"
    if task.timestamp is None:
        yield "The rows have no time: nothing says how the model ages"
    if task.entity is None:
        yield "The rows have no entity: intervals take all rows as independent of each other"


def _interval(found: Estimate) -> tuple[str, str]:
    low, high = found.interval()
    known = math.isfinite(low) and math.isfinite(high)
    return _number(found.value), f"{_number(low)} to {_number(high)}" if known else "unknown"


def _number(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "unknown"


def _table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(_plain(str(cell)) for cell in row)} |"
    yield ""


def _plain(text: str) -> str:
    """Somebody's words in one line, that make no markup: they may be anybody's."""
    line = " ".join(text.split())
    for mark in ("\\", "|", "`", "*", "<", "["):
        line = line.replace(mark, f"\\{mark}")
    return line
