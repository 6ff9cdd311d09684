"""Which model the spec asks for, and whether that means anything to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from slipway.api.v1alpha1.rollout_status import Target
from slipway.core.definitions.told import CONDITION
from slipway.core.named_contents import MISSING, named_by
from slipway.core.plan import Unavailable
from slipway.core.rollout.barriers import barrier
from slipway.core.rollout.campaign import begin, end, restore, roll_back
from slipway.core.rollout.presence import answers
from slipway.core.rollout.probation import TOO_SHORT, undercut
from slipway.core.rollout.proving import prove
from slipway.core.rollout.queue import ignore, next_model, queue
from slipway.core.rollout.redefined import redefined, why_held
from slipway.core.rollout.revision import intent_hash, revision_of
from slipway.core.rollout.sameness import same_model, same_version
from slipway.core.rollout.snapshot import Resolved
from slipway.core.rollout.turn import BUILD, PROVE, ROLLBACK, Turn

_ABSENT = ("ModelVersionNotFound", "RunNotFound")
ALIAS_SECONDS = 15.0
"""How often a moving alias is looked at; a pinned version moves by a change of the spec."""

CONTENTS_SECONDS = 30.0
"""How often what the predictor names is looked at: Secrets are not watched."""


def consider(turn: Turn) -> Turn:
    """Notes what the registry says, queues or supersedes during a campaign, begins one otherwise."""
    turn = turn.at_latest(CONTENTS_SECONDS) if named_by(turn.spec.predictor) else turn
    turn = turn if isinstance(turn.snapshot.contents, Unavailable) else forget_rejected(turn)
    model = turn.snapshot.model
    if not isinstance(model, Resolved):
        return _unresolved(turn, model)
    model = _known(turn, model)
    turn = turn if _pinned(turn) else turn.at_latest(ALIAS_SECONDS)
    turn = turn.say("ModelResolved", "True", "Resolved", f"{label(model)} is asked for")
    if turn.status.target is not None:
        return _during(_with_contents(turn), model, turn.status.target)
    if isinstance(turn.snapshot.contents, Unavailable):
        return _unreferenced(turn, turn.snapshot.contents)
    turn, model = next_model(turn, model, pinned=_pinned(turn))
    for check in _CHECKS:
        decided = check(turn, model)
        if decided is not None:
            return decided
    image = _known_image(turn, model)
    return prove(begin(turn, model), image, model.digest) if image else begin(turn, model)


def _unresolved(turn: Turn, model: Unavailable | Resolved | None) -> Turn:
    reason = model.reason if isinstance(model, Unavailable) else "NotResolved"
    message = model.message if isinstance(model, Unavailable) else "the model is not resolved yet"
    status = "False" if reason in _ABSENT else "Unknown"
    turn = turn.say("ModelResolved", status, reason, message).at_latest(ALIAS_SECONDS)
    return turn.say("Stalled", "True", reason, message) if status == "False" else turn


def _unreferenced(turn: Turn, missing: Unavailable) -> Turn:
    """What is not known makes no revision. What serves goes on serving."""
    if missing.reason != MISSING:
        return turn
    turn = turn.say("Progressing", "False", MISSING, missing.message)
    return turn.say("Stalled", "True", MISSING, missing.message)


def _with_contents(turn: Turn) -> Turn:
    """Until its pods are made, what is rolled out takes the contents that they will read."""
    contents = turn.snapshot.contents
    if turn.stage_type not in (BUILD, PROVE) or isinstance(contents, Unavailable) or contents == turn.target.contents:
        return turn
    return turn.set(target=turn.target.model_copy(update={"contents": contents}))


def forget_rejected(turn: Turn) -> Turn:
    """A rejection holds for the spec under which it was made."""
    intent = intent_hash(turn.spec, turn.snapshot.latency, turn.contents)
    kept = tuple(r for r in turn.status.rejected if r.intent == intent)
    return turn if kept == turn.status.rejected else turn.set(rejected=kept)


def _known(turn: Turn, model: Resolved) -> Resolved:
    """With the digest that the builder found when a variant of the same version was built: nothing else tells it."""
    found = next((v.digest for v in turn.status.variants if same_version(model, v) and v.digest), "")
    return model if model.digest else replace(model, digest=found)


def label(model: Resolved) -> str:
    """How messages name a model."""
    return f"version {model.version} of {model.name}" if model.name else f"version {model.version}"


def _pinned(turn: Turn) -> bool:
    source = turn.spec.model
    return source is not None and (source.mlflow is None or source.mlflow.version is not None)


def _during(turn: Turn, model: Resolved, target: Target) -> Turn:
    if same_model(model, target):
        return turn.set(queued=None) if turn.status.queued else turn
    running = turn.stage_type not in (ROLLBACK, "")
    if _pinned(turn) and running:
        return _supersede(turn, f"the spec now asks for version {model.version}")
    policy = turn.spec.model.on_new_version if turn.spec.model else "Queue"
    if not _pinned(turn) and running and policy == "Supersede" and _may_begin(turn, model):
        return _supersede(turn, f"version {model.version} has appeared (onNewVersion: Supersede)")
    if not _pinned(turn) and running and policy == "Queue" and _relieves(turn, model, target):
        message = f"version {model.version} was trained under the definitions of today: {why_held(turn, target)}"
        return _supersede(turn, message)
    return ignore(turn, model) if policy == "Ignore" and not _pinned(turn) else queue(turn, model)


def _relieves(turn: Turn, model: Resolved, target: Target) -> bool:
    """Whether a version may advance where the running one, which its feature definitions hold, never will."""
    return bool(redefined(turn, target)) and redefined(turn, model) == () and _may_begin(turn, model)


def _may_begin(turn: Turn, model: Resolved) -> bool:
    """Whether nothing but the running campaign keeps a version from being rolled out."""
    return _refused(turn, model) is None and _uncertified(turn, model) is None


def _supersede(turn: Turn, message: str) -> Turn:
    """A person's word, or the policy for an alias that moved."""
    if turn.variant("candidate") is None:
        return end(turn.record("Superseded", "SpecChanged", message)).notice("Normal", "Superseded", message)
    return roll_back(turn, "Superseded", "SpecChanged", message)


def _serves_already(turn: Turn, model: Resolved) -> Turn | None:
    stable = turn.variant("stable")
    if stable is None or not same_model(model, stable):
        return None
    return turn if revision_of(stable.digest, stable.image, turn.spec, turn.contents) == stable.revision else None


def _refused(turn: Turn, model: Resolved) -> Turn | None:
    for rejected in turn.status.rejected:
        if same_model(model, rejected):
            message = (
                f"version {model.version} was rejected ({rejected.reason}) and is not tried again: "
                "ask for another version, change what it was judged by, or create a RolloutRequest with action Retry"
            )
            return turn.say("Progressing", "False", "Rejected", message).say("Stalled", "True", "Rejected", message)
    return None


def _uncertified(turn: Turn, model: Resolved) -> Turn | None:
    if model.evaluation == "passed" or turn.spec.certification is not None:
        return None
    how = "failed its evaluation" if model.evaluation == "failed" else "was not evaluated by a TrainingRun"
    message = f"version {model.version} {how}: train it again, or give spec.certification.waiver"
    turn = turn.say(
        "Certified", "False", "NotEvaluated" if model.evaluation != "failed" else "EvaluationFailed", message
    )
    return turn.say("Progressing", "False", "NotCertified", message).say("Stalled", "True", "NotCertified", message)


def _ignored(turn: Turn, model: Resolved) -> Turn | None:
    if turn.status.ignored is None:
        return None
    message = (
        f"version {model.version} appeared while another one was being rolled out (onNewVersion: Ignore); a "
        "RolloutRequest with action Retry has it tried"
    )
    return turn.say("Progressing", "False", "Ignored", message)


def _barred(turn: Turn, model: Resolved) -> Turn | None:
    stop = barrier(turn)
    if stop is None:
        return None
    return turn.say("Progressing", "False", stop.reason, f"{stop.message}: version {model.version} waits")


def _undercut(turn: Turn, model: Resolved) -> Turn | None:
    why = undercut(turn)
    return turn.say("Progressing", "False", TOO_SHORT, f"{why}; version {model.version} waits") if why else None


def _redefined(turn: Turn, model: Resolved) -> Turn | None:
    why = why_held(turn, model)
    return turn.say("Progressing", "False", CONDITION, why) if why else None


def _kept(turn: Turn, model: Resolved) -> Turn | None:
    """The fast path back."""
    previous, stable = turn.variant("previous"), turn.variant("stable")
    if previous is None or stable is None or not same_model(model, previous):
        return None
    if revision_of(previous.digest, previous.image, turn.spec, turn.contents) != previous.revision:
        return None
    if previous.inference_service and not answers(turn, previous):
        message = f"version {previous.version} is asked for and kept, but has no ready replica yet"
        return turn.say("Progressing", "True", "Restoring", message).at_latest(5.0)
    return restore(turn)


def _known_image(turn: Turn, model: Resolved) -> str:
    """The image that the spec names, or that of a variant that holds the same model: only the predictor changed."""
    if model.image:
        return model.image
    for variant in turn.status.variants:
        if model.digest and variant.digest == model.digest:
            return variant.image
    return ""


# The way back to a kept version stands before what keeps others from beginning.
_CHECKS: tuple[Callable[[Turn, Resolved], Turn | None], ...] = (
    _serves_already, _ignored, _refused, _uncertified, _kept, _undercut, _redefined, _barred,
)  # fmt: skip
