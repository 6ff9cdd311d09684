"""The steps of a campaign that change who serves: begin, enter a stage, promote, roll back, end."""

from __future__ import annotations

from slipway.api.v1alpha1.rollout_benchmark import Benchmark
from slipway.api.v1alpha1.rollout_stages import Stage
from slipway.api.v1alpha1.rollout_status import (
    RETIRING,
    Retiring,
    StageProgress,
    Target,
    Variant,
)
from slipway.core.desired.names import inference_service_name
from slipway.core.rollout.abtest_plan import begun
from slipway.core.rollout.ending import PINNED, Outcome, grounds, nobody, reject, remember
from slipway.core.rollout.replacement import free_name
from slipway.core.rollout.revision import candidate_of, revision_of
from slipway.core.rollout.snapshot import Resolved, leaving
from slipway.core.rollout.turn import BUILD, PROMOTE, ROLLBACK, START, TRAFFIC_STAGES, Turn

REPLACED = "Replaced"
"""Role of a kept variant that a person has left for the older one: no gate may return to it."""


def begin(turn: Turn, model: Resolved) -> Turn:
    """Pins a model version and starts its way, at its build."""
    target = Target(
        model=model.name, version=model.version, digest=model.digest, started_at=turn.now, cause=model.cause,
        contents=turn.contents, definitions=model.definitions,
    )  # fmt: skip
    guarding = turn.status.gates if turn.variant("previous") is not None else ()
    turn = turn.set(target=target, queued=None, ignored=None, gates=(), stable_gates=guarding, split=None, ab_test=None)
    message = f"version {model.version} is being rolled out"
    turn = turn.notice("Normal", "Started", message).record("Started", "VersionAskedFor", message)
    return turn.set(stage=StageProgress(name="build", index=-1, type=BUILD, since=turn.now, epoch=turn.status.epoch))


def same_as_stable(turn: Turn) -> bool:
    """Whether the target turns out to be what already serves."""
    stable = turn.variant("stable")
    return stable is not None and _revision(turn) == stable.revision


def _revision(turn: Turn) -> str:
    """The revision that the target makes."""
    target = turn.target
    return revision_of(target.digest, target.image, turn.spec, target.contents)


def unchanged(turn: Turn) -> Turn:
    """The target is what already serves, under another version: stable takes that name, and no traffic moves."""
    target = turn.target
    turn = turn.record("Promoted", "SameRevision", f"version {target.version} is the revision that serves already")
    return end(turn.set_variant("stable", model=target.model, version=target.version, digest=target.digest))


def add_candidate(turn: Turn, benchmark: Benchmark | None) -> Turn:
    """The image is proven, so the revision becomes the candidate."""
    target = turn.target
    if same_as_stable(turn):
        return unchanged(turn)
    revision = _revision(turn)
    previous = turn.variant("previous")
    name = ""
    if previous is not None and revision == previous.revision:
        turn, name = turn.without("previous"), previous.inference_service
    number = turn.status.revision_counter + 1
    target = target.model_copy(update={"revision": revision, "number": number})
    name = name or _name_of(turn, revision)
    candidate = candidate_of(turn.snapshot.identity, turn.spec, target, name)
    candidate = candidate.model_copy(update={"since": turn.now, "benchmark": benchmark})
    stage = StageProgress(name="start", index=-1, type=START, since=turn.now, epoch=turn.status.epoch)
    variants = (*(v for v in turn.status.variants if v.name != "candidate"), candidate)
    return turn.set(target=target, revision_counter=number, variants=variants, stage=stage)


def _name_of(turn: Turn, revision: str) -> str:
    """What is left of an earlier attempt is taken over, unless it is being deleted."""
    name = inference_service_name(turn.snapshot.name, revision)
    return free_name(turn, revision) or name if leaving(turn.snapshot.services.get(name)) else name


def enter(turn: Turn, index: int) -> Turn:
    """Enters a stage of the spec: its weight or mirror is asked for, and evidence begins anew."""
    stage = turn.spec.stages[index]
    weight, mirror, role = share_of(stage, turn.the("candidate"))
    mirrored = turn.stage is not None and bool(turn.the("candidate").mirror and mirror)
    before = turn.progress.before_mirror if mirrored else None
    turn = turn.set_variant("candidate", weight=weight, mirror=mirror, role=role, since=turn.now)
    turn = turn.notice("Normal", "StageStarted", f"stage {stage.name} began")
    if stage.type == "Approval":
        return _enter_approval(turn, stage, index)
    if _has_passed(turn, stage):
        turn = turn.set(gates=())
    ready_since = turn.stage.ready_since if turn.stage else None
    progress = StageProgress(
        name=stage.name, index=index, type=stage.type, since=turn.now, ready_since=ready_since, before_mirror=before
    )
    return begun(
        turn.set(stage=progress).new_epoch().record("StageEntered", stage.type, f"stage {stage.name} began"), stage
    )


def _has_passed(turn: Turn, following: Stage) -> bool:
    """Whether a stage follows another one. Otherwise a commit has changed the running one, or put it in its place."""
    running = turn.progress.name
    return running != following.name and any(stage.name == running for stage in turn.spec.stages)


def _enter_approval(turn: Turn, stage: Stage, index: int) -> Turn:
    """The split stays, so its evidence and its route do as well, and the gates of the stage that it came from, whatever
    becomes of that in the spec; only the clock of the stage begins anew."""
    before = turn.progress
    turn = turn.set_stage(
        source=before.name if before.type in TRAFFIC_STAGES else before.source,
        name=stage.name, index=index, type=stage.type, since=turn.now, epoch=turn.status.epoch, accrued_seconds=0,
        running_since=None, expected_end=None, message="", advance="", approved="",
    )  # fmt: skip
    return turn.record("StageEntered", stage.type, f"stage {stage.name} began")


def share_of(stage: Stage, candidate: Variant) -> tuple[str, str, str]:
    """Weight, mirror and role that a stage asks for; a stage that this version does not run asks for no traffic, and
    one of type Approval for what the candidate has already."""
    if stage.type == "Canary" and stage.canary is not None:
        return str(stage.canary.weight), "", "Canary"
    if stage.type == "Shadow" and stage.shadow is not None:
        return "0%", str(stage.shadow.percent), "Shadow"
    if stage.type == "ABTest" and stage.ab_test is not None:
        return str(stage.ab_test.weight), "", "ABTest"
    if stage.type == "Approval":
        role = "Waiting" if candidate.role == "Warming" else candidate.role
        return candidate.weight, candidate.mirror, role
    return "0%", "", "Waiting"


def promote(turn: Turn) -> Turn:
    """All traffic to the candidate; it becomes stable when the gateway is seen to carry that."""
    turn = turn.set_variant("candidate", weight="100%", mirror="", role="Serving", since=turn.now)
    if turn.variant("stable") is not None:
        turn = turn.set_variant("stable", weight="0%")
    ready_since = turn.stage.ready_since if turn.stage else None
    stage = StageProgress(
        name="promote", index=len(turn.spec.stages), type=PROMOTE, since=turn.now, ready_since=ready_since
    )
    gates = turn.status.gates
    return turn.set(stage=stage).new_epoch().set(gates=gates, stable_gates=())


def promoted(turn: Turn, does: str = "serves all traffic") -> Turn:
    """The gateway carries it: the candidate is stable, the old stable is kept warm. No pod restarts. `does` says what
    a stable version does."""
    target, candidate, old = turn.target, turn.the("candidate"), turn.variant("stable")
    ungated = not _was_gated(turn, candidate) if old is None else None
    reason, because = _of_first(ungated) if ungated is not None else grounds(turn)
    message = f"version {target.version} {does}" + (f": {because}" if because else "")
    turn = remember(turn, candidate, "Promoted", reason, message).notice("Normal", "Promoted", message)
    stable = candidate.model_copy(update={"name": "stable", "weight": "100%", "ungated": ungated})
    kept = (_kept(turn, old),) if old is not None else ()
    return turn.set(variants=(stable, *kept), target=None, stage=None, split=None, gates=(), ab_test=None)


def _was_gated(turn: Turn, first: Variant) -> bool:
    """Whether a first revision has kept before its traffic what a synthetic load can show."""
    shown = first.benchmark is not None and first.benchmark.verdict == "Pass"
    return shown and turn.spec.initial_revision == "Gated"


def _of_first(ungated: bool) -> tuple[str, str]:
    passed = "no stage" if ungated else "no stage but the gates before its first traffic"
    return "FirstRevision", f"the first revision, which passes {passed}"


def _kept(turn: Turn, old: Variant) -> Variant:
    until = turn.now + turn.spec.promotion.keep_previous.at_least.timedelta
    changes = {"name": "previous", "role": "Kept", "weight": "0%", "mirror": "", "since": turn.now, "keep_until": until}
    return old.model_copy(update=changes)


def roll_back(turn: Turn, outcome: Outcome, reason: str, message: str) -> Turn:
    """Stable serves all. The evidence goes to history at once; the candidate goes when nothing reaches it any more."""
    candidate, stage = turn.the("candidate"), turn.progress
    turn = remember(turn, candidate, outcome, reason, message)
    if outcome != "Superseded":
        turn = reject(turn, candidate, reason)
    reached = bool(candidate.mirror) or candidate.weight not in ("", "0%")
    turn = turn.set_variant("candidate", weight="0%", mirror="", role="Draining", since=turn.now, successor=None)
    if turn.variant("stable") is not None:
        turn = turn.set_variant("stable", weight="100%")
    draining = StageProgress(
        name="rollback", index=stage.index, type=ROLLBACK, since=turn.now, epoch=turn.status.epoch, message=message
    )
    waiting = turn.status.queued
    waiting = waiting if waiting is not None and waiting.cause == "Emergency" else None
    turn = turn.set(stage=draining, split=None, queued=waiting)
    turn = (turn.new_epoch() if reached else turn).set(gates=())
    return turn.notice("Warning" if outcome != "Superseded" else "Normal", outcome, message)


def fail(turn: Turn, reason: str, message: str, benchmark: Benchmark | None = None) -> Turn:
    """Ends a campaign that never had a candidate."""
    return drop(turn, "Failed", reason, message, benchmark)


def drop(turn: Turn, outcome: Outcome, reason: str, message: str, benchmark: Benchmark | None = None) -> Turn:
    """The same, whoever ends it."""
    target = turn.target
    turn = remember(turn, nobody(target, benchmark), outcome, reason, message)
    turn = reject(turn, target, reason)
    return end(turn).notice("Warning", outcome, message)


def restore(turn: Turn) -> Turn:
    """The kept previous variant serves again at the next reconcile: no cold start. The other is kept in its place."""
    stable, previous = turn.the("stable"), turn.the("previous")
    message = f"version {previous.version}, still kept, serves again in place of version {stable.version}"
    turn = remember(turn, stable, "RolledBack", PINNED, message)
    back = previous.model_copy(
        update={"name": "stable", "role": "Serving", "weight": "100%", "since": turn.now, "keep_until": None}
    )
    left = _kept(turn, stable).model_copy(update={"role": REPLACED})
    return turn.set(variants=(back, left)).new_epoch().set(gates=()).notice("Normal", "Restored", message)


def interrupt(turn: Turn, reason: str, message: str) -> Turn:
    """Ends a campaign for no fault of its version, which may be tried again."""
    return _leave(turn, "Superseded", reason, message)


def give_up(turn: Turn, message: str) -> Turn:
    """Ends a campaign by a person's word; its version is not tried again."""
    return _leave(turn, "Aborted", "AbortRequested", message)


def _leave(turn: Turn, outcome: Outcome, reason: str, message: str) -> Turn:
    """Ends a campaign beside a way back of stable. Its InferenceService is held until its last requests are done."""
    target, candidate = turn.status.target, turn.variant("candidate")
    if target is None:
        return turn
    if turn.stage_type != ROLLBACK:
        turn = remember(turn, candidate or nobody(target, None), outcome, reason, message)
        turn = reject(turn, target, reason) if outcome == "Aborted" else turn
        turn = turn.notice("Warning" if outcome == "Aborted" else "Normal", outcome, message)
    name = candidate.inference_service if candidate is not None else ""
    if name in turn.snapshot.services and len(turn.status.retiring) < RETIRING:
        turn = turn.set(retiring=(*turn.status.retiring, Retiring(name=name)))
    return end(turn)


def revert(turn: Turn, reason: str, message: str) -> Turn:
    """After promotion: the previous variant serves again, and the promoted one is on its way out, rejected. A campaign
    that has begun since ends: its version was compared with a bad one."""
    turn = interrupt(turn, "StableRolledBack", f"the version that it was compared with goes back: {message}")
    stable, previous = turn.the("stable"), turn.the("previous")
    target = Target(
        model=stable.model, version=stable.version, digest=stable.digest, image=stable.image,
        revision=stable.revision, number=stable.number, contents=stable.contents,
    )  # fmt: skip
    back = previous.model_copy(
        update={"name": "stable", "role": "Serving", "weight": "100%", "since": turn.now, "keep_until": None}
    )
    bad = stable.model_copy(update={"name": "candidate"})
    stage = StageProgress(name="promoted", index=len(turn.spec.stages), type=PROMOTE, since=stable.since)
    turn = turn.set(variants=(back, bad), target=target, stage=stage)
    return roll_back(turn, "RolledBack", reason, message)


def end(turn: Turn) -> Turn:
    """Nothing is being rolled out any more; what guards the promoted version goes on."""
    guarding = turn.status.stable_gates
    return turn.without("candidate").set(
        target=None, stage=None, split=None, gates=guarding, stable_gates=(), ab_test=None
    )
