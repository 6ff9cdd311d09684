"""Between an image and its InferenceService: the image is proven, once, without any credential."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from slipway.api.v1alpha1.gates import Gate
from slipway.api.v1alpha1.rollout_benchmark import ATTEMPTS, Benchmark, Proof
from slipway.api.v1alpha1.rollout_status import StageProgress
from slipway.core.desired.names import short_hash
from slipway.core.desired.proof_job import ProofRun, withheld_variables
from slipway.core.first_revision import demand, judged, results
from slipway.core.proof import Demand, benchmark, load_of
from slipway.core.rollout.building import missing_settings
from slipway.core.rollout.campaign import add_candidate, fail, same_as_stable, unchanged
from slipway.core.rollout.proof_outcome import Outcome, last_attempt, outcome, waiting_for
from slipway.core.rollout.revision import revision_of, template_of
from slipway.core.rollout.turn import PROVE, Turn

PROOFS = 10
REPEAT_SECONDS = 20.0
"""A benchmark that showed nothing is repeated later, and later still: what disturbed it may have ended."""


def prove(turn: Turn, image: str, digest: str) -> Turn:
    """The image is known. What was proven before becomes the candidate at once; else its proof begins.

    That of a Batch task as well, before its trial: a trial has the Secrets of its stores.
    """
    target = turn.target.model_copy(update={"image": image, "digest": digest, "proof_attempt": 0})
    turn = turn.set(target=target)
    if same_as_stable(turn):
        return unchanged(turn)
    known = next((proof for proof in turn.status.proofs if proof.key == proof_key(turn)), None)
    return add_candidate(turn, known.benchmark) if known else _begin_attempt(turn)


def _begin_attempt(turn: Turn) -> Turn:
    progress = StageProgress(name="prove", index=-1, type=PROVE, since=turn.now, epoch=turn.status.epoch)
    return turn.set(stage=progress)


def first_gates(turn: Turn) -> tuple[Gate, ...]:
    """The gates that a first revision must keep by its proof; none where something serves, or it serves directly."""
    gated = turn.variant("stable") is None and turn.spec.initial_revision == "Gated"
    return judged(turn.spec) if gated else ()


def _demand(turn: Turn) -> Demand | None:
    return demand(turn.snapshot.latency, first_gates(turn))


def proof_key(turn: Turn) -> str:
    """What is proven: the revision, by which image, model, resources and environment count, and what answers must keep.

    One proof holds for every rollout of the same.
    """
    target, latency = turn.target, turn.snapshot.latency
    revision = revision_of(target.digest, target.image, turn.spec, target.contents)
    parts: list[Any] = [revision, latency.model_dump(mode="json", exclude_none=True) if latency else None]
    gates = [gate.model_dump(mode="json", by_alias=True, exclude_defaults=True) for gate in first_gates(turn)]
    return short_hash([*parts, gates] if gates else parts)


def proof_of(turn: Turn) -> ProofRun | None:
    """The attempt that status asks for; None while the installation has no image for it."""
    prober, asked = turn.snapshot.installation.builder_image, _demand(turn)
    if turn.stage_type != PROVE or not prober:
        return None
    revision = revision_of(turn.target.digest, turn.target.image, turn.spec, turn.target.contents)
    target = turn.target.model_copy(update={"revision": revision})
    return ProofRun(
        key=proof_key(turn),
        template=template_of(turn.snapshot.identity, turn.spec, target),
        prober_image=prober,
        ready_seconds=turn.spec.progress_deadline.seconds,
        load=load_of(asked) if asked else None,
        attempt=target.proof_attempt,
    )


def due_in(turn: Turn) -> float:
    """Seconds until the attempt may begin: a repeated one lets time pass."""
    return max(0.0, REPEAT_SECONDS * turn.target.proof_attempt - turn.age(turn.progress.since))


def proving(turn: Turn) -> Turn:
    """Until the prober has said that the model may serve, or why not."""
    turn = turn.say("ImageBuilt", "True", "Built", turn.target.image)
    if not turn.snapshot.task:
        return _wait(turn, f"ModelTask {turn.spec.task_ref.name} does not exist, so its latency is not known", True)
    proof = proof_of(turn)
    if proof is None:
        return _wait(turn, f"the installation does not set {missing_settings(turn)}: see the values of the chart", True)
    found = outcome(turn, proof)
    if found is None:
        return _still(turn, proof)
    return _conclude(turn, proof, found)


def _still(turn: Turn, proof: ProofRun) -> Turn:
    left = due_in(turn)
    if left > 0:
        message = f"attempt {proof.attempt + 1} of {ATTEMPTS} follows: the one before showed neither"
        return _wait(turn, message, False).at_latest(left)
    waiting = waiting_for(turn, proof)
    return _wait(turn, waiting or "the image is started and asked", bool(waiting))


def _wait(turn: Turn, message: str, standing: bool) -> Turn:
    """Says what a proof waits for. What stands still for too long is a person's business, and not the model's fault."""
    turn = turn.say("ModelProven", "Unknown", "Proving", message).at_latest(30.0)
    turn = turn.say("Progressing", "True", "Proving", f"version {turn.target.version} is being proven: {message}")
    if standing and turn.age(turn.progress.since) >= turn.spec.progress_deadline.seconds:
        return turn.say("Stalled", "True", "ProofNotRun", message)
    return turn


def _conclude(turn: Turn, proof: ProofRun, found: Outcome) -> Turn:
    version = turn.target.version
    if found.reason:
        if found.doubtful and not last_attempt(proof.attempt):
            return _repeat(turn, found.message)
        withheld = withheld_variables(proof.template)
        hint = f"; variables from Secrets were left out: {', '.join(withheld)}" if withheld else ""
        return fail(turn, found.reason, f"version {version} does not serve: {found.message}{hint}")
    asked, gates = _demand(turn), first_gates(turn)
    timed = benchmark(asked, found.measured) if asked and found.measured else None
    if found.measured and gates:
        turn = turn.set(gates=results(gates, found.measured, turn.now))
    if timed is None or timed.verdict == "Pass":
        return _passed(turn, proof, timed)
    if turn.variant("stable") is None and turn.spec.initial_revision == "ServeDirectly":
        message = f"version {version} serves all the same (initialRevision: ServeDirectly): {timed.message}"
        return add_candidate(turn, timed).notice("Warning", "LatencyUnproven", message)
    if timed.verdict == "TooSlow":
        return fail(turn, "TooSlow", f"version {version} is slower than {_asks(gates)}: {timed.message}", timed)
    if not last_attempt(proof.attempt):
        return _repeat(turn, timed.message)
    message = f"version {version} did not show in {ATTEMPTS} attempts that it keeps what {_asks(gates)}"
    bad = next((gate.name for gate in turn.status.gates if gates and gate.breaches), "")
    reason = "GateBreached" if bad else "GateUnproven" if gates else "LatencyUnproven"
    return fail(turn, reason, f"{message}: {timed.message}", timed)


def _asks(gates: Sequence[Gate]) -> str:
    """Who asks for it, as the end of a sentence."""
    return "its task declares" if not gates else "its task declares and the gates of a first revision allow"


def _repeat(turn: Turn, message: str) -> Turn:
    attempt = turn.target.proof_attempt + 1
    turn = turn.set(target=turn.target.model_copy(update={"proof_attempt": attempt}))
    return _begin_attempt(turn).notice("Normal", "ProofRepeated", f"attempt {attempt + 1} of {ATTEMPTS}: {message}")


def _passed(turn: Turn, proof: ProofRun, timed: Benchmark | None) -> Turn:
    proven = Proof(key=proof.key, benchmark=timed)
    turn = turn.set(proofs=(proven, *(each for each in turn.status.proofs if each.key != proof.key))[:PROOFS])
    message = f"version {turn.target.version} answers" + (f": {timed.message}" if timed else "")
    return add_candidate(turn.notice("Normal", "ModelProven", message), timed)
