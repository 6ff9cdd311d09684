"""What each action of a RolloutRequest does to a rollout, or why it does nothing.

Actions that go forward only leave a word in the status (`target.promote`, `stage.advance`, `stage.approved`): the
next decision acts on it after it has looked at the gates, so that a breach beats any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from slipway.api.v1alpha1.rollout_commands import Held
from slipway.api.v1alpha1.rollout_stages import Stage
from slipway.api.v1alpha1.rollout_status import Target
from slipway.core.rollout.barriers import barrier
from slipway.core.rollout.campaign import drop, give_up, revert, roll_back
from slipway.core.rollout.passing import is_last
from slipway.core.rollout.presence import answers, complaint
from slipway.core.rollout.sameness import resolved, same_model
from slipway.core.rollout.snapshot import Request, Resolved
from slipway.core.rollout.turn import BEFORE_TRAFFIC, BUILD, PROMOTE, PROVE, ROLLBACK, Turn

STOPPING = ("Abort", "Rollback", "Hold")
"""Actions that take traffic away, or keep it from growing: they come first."""


@dataclass(frozen=True)
class Refusal:
    """`why` is one CamelCase word; `message` says what to do instead, for a person."""

    why: str
    message: str


@dataclass(frozen=True)
class Done:
    """`message` is the answer; `change` is applied to the turn in which it stands already."""

    message: str
    change: Callable[[Turn], Turn]


Act = Callable[[Turn, Request], Refusal | Done]


def _abort(turn: Turn, request: Request) -> Refusal | Done:
    target = turn.status.target
    if target is None:
        return Refusal("NothingRunning", "nothing is being rolled out")
    gone = _on_its_way_out(turn, target)
    if gone is not None:
        return gone
    if turn.stage_type == PROMOTE and turn.variant("stable") is None:
        return Refusal("NothingElseServes", "no other version could serve: delete the ModelRollout to stop serving")
    stale = _stale(turn, request, target.revision)
    if stale is not None:
        return stale
    return _given_up(turn, target.version, request)


def _on_its_way_out(turn: Turn, target: Target) -> Refusal | None:
    if turn.stage_type != ROLLBACK:
        return None
    return Refusal("NothingRunning", f"version {target.version} is on its way out: {turn.progress.message}")


def _given_up(turn: Turn, version: str, request: Request) -> Done:
    """What is being rolled out is aborted: stable serves all."""
    said = f"aborted by {_who(request)}"
    message = f"version {version} is {said}"
    if turn.variant("candidate") is None:
        return Done(message, lambda turn: drop(turn, "Aborted", "AbortRequested", said))
    return Done(message, lambda turn: roll_back(turn, "Aborted", "AbortRequested", said))


def _rollback(turn: Turn, request: Request) -> Refusal | Done:
    """While a version is being rolled out the way back must be named: it ends that as well, and its two ends differ."""
    stable, previous, running = turn.variant("stable"), turn.variant("previous"), turn.status.target
    to = request.spec.rollback.to_revision if request.spec.rollback else ""
    if running is not None and not to:
        back = "Abort ends that, and stable serves; to go further back, name the kept revision in rollback.toRevision"
        return Refusal("CandidateRunning", f"version {running.version} is being rolled out: {back}")
    stale = _stale(turn, request, stable.revision if stable else "")
    if stale is not None and (running is None or _stale(turn, request, running.revision) is not None):
        return stale
    if running is not None and stable is not None and stable.revision.startswith(to):
        return _on_its_way_out(turn, running) or _given_up(turn, running.version, request)
    if previous is None or stable is None or not previous.revision.startswith(to):
        kept = f"only {previous.revision} (version {previous.version}) is" if previous else "none is"
        return Refusal("NotKept", f"revision {to or 'before this one'} is not kept: {kept}")
    if previous.inference_service and not answers(turn, previous):
        return Refusal("NotReady", f"version {previous.version} cannot answer: {complaint(turn, previous)}")
    said = f"rolled back by {_who(request)}"
    message = f"version {previous.version} serves again in place of version {stable.version}"
    if running is not None and turn.stage_type != ROLLBACK:
        message += f", and version {running.version} is aborted"
    return Done(message, lambda turn: revert(give_up(turn, said), "RollbackRequested", said))


def _hold(turn: Turn, request: Request) -> Refusal | Done:
    held = turn.status.held
    if held is not None:
        return Refusal("AlreadyHeld", f"held by {held.by} already: {held.reason}")
    stable = turn.variant("stable")
    running = turn.status.target.revision if turn.status.target else stable.revision if stable else ""
    stale = _stale(turn, request, running)
    if stale is not None:
        return stale
    mark = Held(by=request.spec.requester, reason=request.spec.reason, since=turn.now)
    return Done("nothing advances until a request with action Resume", lambda turn: turn.set(held=mark))


def _resume(turn: Turn, request: Request) -> Refusal | Done:
    if turn.status.held is None:
        paused = "; it is paused by spec.paused" if turn.spec.paused else ""
        return Refusal("NotHeld", f"no request holds it{paused}")
    return Done("it goes on", lambda turn: turn.set(held=None))


def _retry(turn: Turn, request: Request) -> Refusal | Done:
    model, rejected = turn.snapshot.model, turn.status.rejected
    named = [each for each in turn.status.history if each.revision.startswith(request.spec.revision or "?")]
    if request.spec.revision:
        tried = [resolved(each) for each in named]
    else:
        tried = [model] if isinstance(model, Resolved) else []
    again = [each for each in rejected if any(same_model(one, each) for one in tried)]
    ignored = turn.status.ignored
    spared = ignored is not None and any(same_model(one, ignored) for one in tried)
    if not again and not spared:
        known = ", ".join(each.version for each in rejected) or "none"
        return Refusal("NotRejected", f"that version was not rejected; rejected: {known}")
    rest = tuple(each for each in rejected if each not in again)
    kept = None if spared else ignored
    version = again[0].version if again else tried[0].version
    return Done(f"version {version} may be tried again", lambda turn: turn.set(rejected=rest, ignored=kept))


def _advance(turn: Turn, request: Request) -> Refusal | Done:
    refusal = _not_forward(turn, request) or _of_another_stage(turn, request)
    if refusal is not None:
        return refusal
    stage = _running_stage(turn)
    if stage is None:
        return Refusal("NotInAStage", f"no stage is running: {turn.progress.name}")
    if stage.type == "Approval":
        return Refusal("NeedsApproval", f"stage {stage.name} is passed by a request with action Approve")
    if is_last(turn):
        return Refusal("LastStage", f"{stage.name} is the last stage: all traffic takes a request with action Promote")
    if turn.progress.advance:
        return Refusal("AlreadyAdvancing", f"asked for already by {turn.progress.advance}")
    who = _who(request)
    return Done(f"stage {stage.name} is left before it has passed", lambda turn: turn.set_stage(advance=who))


def _promote(turn: Turn, request: Request) -> Refusal | Done:
    refusal = _not_forward(turn, request) or _uncertified(turn)
    if refusal is not None:
        return refusal
    if turn.stage_type == PROMOTE:
        return Refusal("AlreadyPromoting", "all traffic is on its way to it already")
    target = turn.target
    if target.promote:
        return Refusal("AlreadyPromoting", f"asked for already by {target.promote}")
    ordered = target.model_copy(update={"promote": _who(request)})
    message = f"version {target.version} passes all stages but those of type Approval"
    return Done(message, lambda turn: turn.set(target=ordered))


def _approve(turn: Turn, request: Request) -> Refusal | Done:
    refusal = _not_forward(turn, request, closed=False) or _of_another_stage(turn, request)
    if refusal is not None:
        return refusal
    stage = _running_stage(turn)
    if stage is None or stage.approval is None:
        return Refusal("NotWaiting", f"{turn.progress.name} does not wait for an approval")
    if not set(request.spec.groups) & set(stage.approval.groups):
        named = ", ".join(request.spec.groups) or "none"
        asked = " or ".join(stage.approval.groups)
        return Refusal("NotInGroup", f"stage {stage.name} asks for {asked} in spec.groups; the request names {named}")
    if turn.progress.approved:
        return Refusal("AlreadyApproved", f"approved already by {turn.progress.approved}")
    who = _who(request)
    return Done(f"stage {stage.name} is approved", lambda turn: turn.set_stage(approved=who))


ACTS: Mapping[str, Act] = {
    "Abort": _abort,
    "Rollback": _rollback,
    "Hold": _hold,
    "Resume": _resume,
    "Retry": _retry,
    "Advance": _advance,
    "Promote": _promote,
    "Approve": _approve,
}


def _not_forward(turn: Turn, request: Request, closed: bool = True) -> Refusal | None:
    """Why nothing may go forward now. `closed`: what keeps rollouts from advancing counts as well."""
    target = turn.status.target
    if target is None or turn.stage_type == ROLLBACK:
        return Refusal("NothingRunning", "nothing is being rolled out")
    if turn.stage_type in (BUILD, PROVE):
        return Refusal("NotReady", f"version {target.version} has no revision yet: its image is not there")
    stale = _stale(turn, request, target.revision)
    if stale is not None:
        return stale
    stop = barrier(turn) if closed else None
    if stop is not None:
        return Refusal(stop.reason, stop.message)
    if turn.progress.withheld_since is not None:
        return Refusal("CandidateUnavailable", "the candidate cannot answer, so stable serves all")
    breached = turn.status.standing_breach
    return Refusal("GateBreached", f"gate {breached} has breached: a breach beats any request") if breached else None


def _running_stage(turn: Turn) -> Stage | None:
    """The stage of the spec that runs; None before and after them."""
    if turn.stage_type in (*BEFORE_TRAFFIC, PROMOTE, ROLLBACK):
        return None
    return next((stage for stage in turn.spec.stages if stage.name == turn.progress.name), None)


def _uncertified(turn: Turn) -> Refusal | None:
    """A model that nobody has evaluated is never promoted by hand, also where it was certified when it began."""
    model, target = turn.snapshot.model, turn.target
    if not isinstance(model, Resolved) or turn.spec.certification is not None or model.evaluation == "passed":
        return None
    if not same_model(model, target):
        return None
    return Refusal("NotCertified", f"version {target.version} has no passed evaluation, and the spec waives none")


def _stale(turn: Turn, request: Request, running: str) -> Refusal | None:
    asked = request.spec.revision
    if not asked or (running and running.startswith(asked)):
        return None
    return Refusal("Stale", f"revision {asked} was looked at, and {running or 'none'} runs by now")


def _of_another_stage(turn: Turn, request: Request) -> Refusal | None:
    """A stage that began after somebody looked is not the one that they meant, or it would be left unseen."""
    stage, asked = turn.progress, request.spec.stage
    if asked is not None and asked != stage.name:
        return Refusal("Stale", f"stage {asked} was looked at, and {stage.name} runs by now")
    if asked is None and stage.since is not None and request.created <= stage.since:
        return Refusal("Stale", f"stage {stage.name} began after the request was made: look again, and name the stage")
    return None


def _who(request: Request) -> str:
    return f"{request.spec.requester}: {request.spec.reason}"
