"""Why a rollout stands where it stands, and what would move it: from its spec and status alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slipway.api.v1alpha1.rollout_status import GateResult, ModelRolloutStatus, StageProgress, Variant
from slipway.cli.actions import actions
from slipway.cli.moves import moves
from slipway.cli.words import instant, measured, paragraph, table

_BEFORE_AND_AFTER = {
    "Build": "the image of version {} is being built",
    "Prove": "the image of version {} is being proven: it must answer, and fast enough",
    "Start": "version {} starts, and gets no traffic yet",
    "Promote": "all traffic is being moved to version {}",
    "Rollback": "version {} has lost its traffic, and stays a while to be looked at",
}
_GOOD_WHEN_TRUE = (
    "ModelResolved", "Certified", "ImageBuilt", "ModelProven", "Ready", "SplitAgrees", "EvidenceAvailable",
    "PredictionsLogged", "BatchScored",
)  # fmt: skip
_MUST_BE_KNOWN = ("ModelResolved", "EvidenceAvailable")
_SHOWN = 8
_WORST = ("Breach", "Invalid", "Unknown", "Wait", "Pass")


@dataclass(frozen=True)
class Explanation:
    """The parts of the answer: `why`, `moves` are sentences, `actions` pairs of a purpose and a command."""

    title: str
    where: str
    why: tuple[str, ...]
    gates: tuple[GateResult, ...]
    moves: tuple[str, ...]
    actions: tuple[tuple[str, str], ...]

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        gates = [gate.model_dump(mode="json", by_alias=True, exclude_defaults=True) for gate in self.gates]
        return {
            "title": self.title, "where": self.where, "why": list(self.why), "gates": gates, "moves": list(self.moves),
            "actions": [{"for": purpose, "command": command} for purpose, command in self.actions],
        }  # fmt: skip

    def lines(self) -> Iterator[str]:
        """One screen for a terminal."""
        yield self.title
        yield from paragraph(self.where)
        yield from _section("why", self.why)
        if self.gates:
            yield "gates"
            yield from table([(g.verdict, _named(g), measured(g)) for g in self.gates[:_SHOWN]], indent="  ")
            if len(self.gates) > _SHOWN:
                yield f"  and {len(self.gates) - _SHOWN} more: --output json shows all"
        yield from _section("what would move it", self.moves)
        if self.actions:
            yield "what you can do"
            for purpose, command in self.actions:
                yield f"  {purpose}:"
                yield f"    {command}"


def explain(rollout: Mapping[str, Any], now: datetime) -> Explanation:
    """Of a ModelRollout as the API server has it. Raises pydantic's ValidationError for a status that is none."""
    metadata, spec = rollout["metadata"], rollout.get("spec") or {}
    status = ModelRolloutStatus.model_validate(rollout.get("status") or {})
    worst = sorted(status.gates, key=lambda gate: _WORST.index(gate.verdict))
    return Explanation(
        title=f"{metadata['name']} in namespace {metadata['namespace']}: {status.phase or 'not looked at yet'}",
        where=_sentence(where(spec, status)),
        why=tuple(_unique(_why(metadata, status))),
        gates=tuple(worst),
        moves=tuple(moves(spec, status, now)),
        actions=tuple(actions(metadata, spec, status)),
    )


def where(spec: Mapping[str, Any], status: ModelRolloutStatus) -> str:
    """Who serves, and where the version that is rolled out stands."""
    stable, stage = _variant(status, "stable"), status.stage
    if stable is None:
        serving = "no version serves yet"
    else:
        does = "scores the batches" if stable.role == "Scoring" else "serves"
        everything = "" if (stage and _shares(status)) or does != "serves" else " all traffic"
        serving = f"version {stable.version} {does}{everything}"
    if stage is None:
        return serving + _kept(status)
    version = status.target.version if status.target else ""
    if stage.type in _BEFORE_AND_AFTER:
        return f"{_BEFORE_AND_AFTER[stage.type].format(version)}; {serving}"
    return f"{_in_stage(spec, status, stage, version)}; {serving}{' the rest' if _shares(status) else ''}"


def _in_stage(spec: Mapping[str, Any], status: ModelRolloutStatus, stage: StageProgress, version: str) -> str:
    count = len(spec.get("stages") or ())
    told = f"version {version} is in stage {stage.name} ({stage.index + 1} of {count}, {stage.type})"
    candidate = _variant(status, "candidate")
    if stage.withheld_since is not None:
        return f"{told}, and gets no traffic because it cannot answer"
    if candidate is not None and candidate.mirror:
        return f"{told}, and gets copies of {candidate.mirror} of the requests, whose answers nobody sees"
    return f"{told}, and is asked to serve {candidate.weight}" if _shares(status) and candidate else told


def _shares(status: ModelRolloutStatus) -> bool:
    candidate = _variant(status, "candidate")
    withheld = status.stage is not None and status.stage.withheld_since is not None
    return candidate is not None and candidate.weight not in ("", "0%", "100%") and not withheld


def _kept(status: ModelRolloutStatus) -> str:
    previous = _variant(status, "previous")
    if previous is None:
        return ""
    probation = status.probation
    if probation is not None and probation.verdict == "Wait" and probation.ends is not None:
        waits = f"while version {probation.version} is on probation, until {instant(probation.ends)} at the latest"
        return f"; version {previous.version} is kept warm {waits}"
    until = f" until {instant(previous.keep_until)}" if previous.keep_until else ""
    return f"; version {previous.version} is kept warm{until}"


def _why(metadata: Mapping[str, Any], status: ModelRolloutStatus) -> Iterator[str]:
    conditions = {condition.type: condition for condition in status.conditions}
    if metadata.get("deletionTimestamp"):
        yield "The ModelRollout is being deleted."
    if metadata.get("generation", 0) > status.observed_generation:
        yield "The operator has not looked at the latest change of the spec yet: is it running?"
    for kind, bad in (("Accepted", "False"), ("Stalled", "True"), ("Reconciling", "True")):
        found = conditions.get(kind)
        if found is not None and found.status == bad:
            yield _sentence(found.message)
    progressing = conditions.get("Progressing")
    if progressing is not None:
        yield _sentence(progressing.message)
    allowed = conditions.get("AdvanceAllowed")
    if allowed is not None and allowed.status == "False":
        yield f"It may not advance: {allowed.message}."
    if status.stage is not None and status.stage.message:
        yield _waits(status.stage)
    for kind in _GOOD_WHEN_TRUE:
        found = conditions.get(kind)
        if found is not None and (found.status == "False" or (found.status == "Unknown" and kind in _MUST_BE_KNOWN)):
            yield f"{kind} is {found.status}: {found.message}"
    probation = conditions.get("OnProbation")
    if probation is not None and probation.reason != "NoPrevious":
        yield _sentence(probation.message)
    if status.queued is not None:
        yield f"Version {status.queued.version} waits until this one has ended."
    last = status.history[0] if status.history else None
    if status.stage is None and last is not None and last.outcome != "Promoted":
        ended = f" at {instant(last.ended_at)}" if last.ended_at else ""
        place = f" in stage {last.stage}" if last.stage else ""
        yield f"Version {last.version} ended{place}{ended}, {last.outcome} ({last.reason}): {last.message}"


def _waits(stage: StageProgress) -> str:
    """Counts are written at a change of 5%, so they are told with their time."""
    counts = re.search(r"\d+s? of \d", stage.message) is not None and stage.reported_at is not None
    counted = f" (counted at {instant(stage.reported_at)})" if counts and stage.reported_at else ""
    return f"It waits for: {stage.message}{counted}."


def _named(gate: GateResult) -> str:
    return f"{gate.name} (dry run)" if gate.enforcement == "DryRun" else gate.name


def _section(title: str, sentences: Sequence[str]) -> Iterator[str]:
    if sentences:
        yield title
    for sentence in sentences:
        yield from paragraph(sentence, indent="    ", first="  - ")


def _sentence(text: str) -> str:
    name = any(sign in text.partition(" ")[0] for sign in "-./:")  # of an object or a field, which keeps its case
    return (text if name else f"{text[:1].upper()}{text[1:]}") + ("" if text.endswith((".", "!", "?")) else ".")


def _unique(sentences: Iterator[str]) -> list[str]:
    return list(dict.fromkeys(sentences))


def _variant(status: ModelRolloutStatus, name: str) -> Variant | None:
    return next((variant for variant in status.variants if variant.name == name), None)
