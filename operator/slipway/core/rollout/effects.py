"""Actions that make the world agree with the persisted status; empty when it does already."""

from __future__ import annotations

from collections.abc import Iterator

from slipway.core.agreement import policy_agrees, service_agrees
from slipway.core.desired.inference_service import inference_service
from slipway.core.desired.names import FINALIZER, PAIRS_LABEL, PROOF_LABEL
from slipway.core.desired.network_policy import network_policies
from slipway.core.desired.pairing_job import pairing_job
from slipway.core.desired.proof_job import proof_job
from slipway.core.job_words import finished
from slipway.core.plan import Action, Apply, Create, Delete, SetFinalizers
from slipway.core.rollout.announcing import deliveries
from slipway.core.rollout.building import build_job_manifest, build_of, spent_job
from slipway.core.rollout.metric_jobs import measure
from slipway.core.rollout.pairing import run_of
from slipway.core.rollout.presence import size
from slipway.core.rollout.probation_look import probation_jobs
from slipway.core.rollout.proof_outcome import is_running, spent_proof
from slipway.core.rollout.proving import due_in, proof_of
from slipway.core.rollout.recording import ledger_writes
from slipway.core.rollout.replacement import names_of
from slipway.core.rollout.route import RouteView, refers_to, view, wanted_route
from slipway.core.rollout.snapshot import Object, key_of, leaving
from slipway.core.rollout.timing import drained
from slipway.core.rollout.turn import BUILD, PROVE, ROLLBACK, Turn


def effects(turn: Turn) -> tuple[Action, ...]:
    """Words first: they are handed over and cannot fail, and a write that is refused ends the list. Then the route:
    nothing else may keep traffic from being taken away. It names only what can answer, since a transition takes
    traffic from a candidate that cannot; and what the route has left goes last.

    `turn` is the decision before any transition: its status is the persisted one.
    """
    snapshot = turn.snapshot
    if FINALIZER not in snapshot.finalizers:
        names = (*snapshot.finalizers, FINALIZER)
        return (SetFinalizers(snapshot.key, snapshot.resource_version, names),)
    route = view(snapshot)
    return (
        *deliveries(turn),
        *_route(turn, route),
        *network(turn),
        *_variants(turn),
        *build(turn),
        *proof(turn),
        *measure(turn),
        *_compare(turn),
        *probation_jobs(turn),
        *_clean_up(turn, route),
        *ledger_writes(turn),
    )


def network(turn: Turn) -> Iterator[Action]:
    """The policies are there before the first pod with a model, and go where the installation makes none any more."""
    snapshot, reachable = turn.snapshot, turn.snapshot.installation.reachable
    if reachable is None:
        for live in snapshot.policies.values():
            if not leaving(live):
                yield Delete(key_of(live), live["metadata"]["uid"])
        return
    if not turn.status.variants and turn.stage_type != PROVE:
        return
    batch = snapshot.batch.batch if snapshot.batch is not None else None
    spec = turn.spec
    for wanted in network_policies(snapshot.identity, spec.predictor.egress, spec.prediction_log, batch, reachable):
        found = snapshot.policies.get(wanted["metadata"]["name"])
        if not leaving(found) and (found is None or not policy_agrees(found, wanted)):
            yield Apply(wanted)


def _variants(turn: Turn) -> Iterator[Action]:
    snapshot = turn.snapshot
    held = not (snapshot.deleting and [v.name for v in turn.status.variants] == ["stable"])  # Orphan lets it go
    for variant in turn.status.variants:
        name = names_of(variant)[-1]  # a deleted one is not made again beside its successor
        live = snapshot.services.get(name)
        if leaving(live) or not variant.template:  # without one: written by another version, and not ours to guess
            continue
        if live is None and variant.name == "candidate" and turn.stage_type == ROLLBACK:
            continue
        wanted = inference_service(
            snapshot.identity, name, variant.revision, variant.template, size(turn, variant), held
        )
        if live is None or not service_agrees(live, wanted):
            yield Apply(wanted)


def build(turn: Turn) -> Iterator[Action]:
    """The Job of the stage Build, made once; one that is no answer is made anew."""
    if turn.stage_type != BUILD:
        return
    build = build_of(turn)
    if build is None:
        return
    manifest = build_job_manifest(turn, build)
    live = turn.snapshot.jobs.get(manifest["metadata"]["name"])
    if live is None:
        yield Create(manifest)
    elif spent_job(turn, live):
        yield Delete(key_of(live), live["metadata"]["uid"])


def proof(turn: Turn) -> Iterator[Action]:
    """The Job of the running attempt; one of another that is still under way has nobody left who asks for it."""
    if not turn.snapshot.task:  # without its latency nobody knows what is proven
        return
    proof = proof_of(turn)
    name = proof.job_name(turn.snapshot.name) if proof else ""
    for job in turn.snapshot.jobs.values():
        metadata = job["metadata"]
        if PROOF_LABEL in metadata.get("labels", {}) and metadata["name"] != name and is_running(turn, job):
            yield Delete(key_of(job), metadata["uid"])
    live = turn.snapshot.jobs.get(name)
    if proof is not None and live is None and due_in(turn) <= 0:
        yield Create(proof_job(turn.snapshot.identity, proof))
    elif live is not None and spent_proof(turn, live):
        yield Delete(key_of(live), live["metadata"]["uid"])


def _compare(turn: Turn) -> Iterator[Action]:
    """The Job of the comparison that runs; one that nobody asks for any more goes."""
    snapshot, run = turn.snapshot, run_of(turn)
    name = run.job_name(snapshot.name) if run else ""
    for job in snapshot.jobs.values():
        metadata = job["metadata"]
        ended = finished(job, "Complete") or finished(job, "Failed") or leaving(job)
        if PAIRS_LABEL in metadata.get("labels", {}) and metadata["name"] != name and not ended:
            yield Delete(key_of(job), metadata["uid"])
    if run is not None and name not in snapshot.jobs:
        yield Create(pairing_job(snapshot.identity, run))


def _route(turn: Turn, route: RouteView) -> Iterator[Action]:
    wanted, live = wanted_route(turn.snapshot), turn.snapshot.route
    if wanted is not None and not route.agrees:
        yield Apply(wanted, live["metadata"].get("resourceVersion") if live else None)
    elif live is not None and route.left:
        yield Delete(key_of(live), live["metadata"]["uid"])


def _clean_up(turn: Turn, route: RouteView) -> Iterator[Action]:
    """InferenceServices that no variant names go, once no route that the gateway carries names them, and requests to
    those that were replaced are done."""
    settled = route.carried or (turn.snapshot.deleting and route.agrees)  # a gateway that is gone must not hold us
    needed = {name for variant in turn.status.variants for name in names_of(variant)}
    own = {name: live for name, live in turn.snapshot.services.items() if turn.snapshot.is_own(live)}
    for name, live in own.items():
        if settled and name not in needed and not refers_to(route, name) and drained(turn, name):
            yield from remove(live)


def let_go(live: Object) -> Iterator[Action]:
    finalizers = tuple(live["metadata"].get("finalizers") or ())
    if FINALIZER in finalizers:
        rest = tuple(f for f in finalizers if f != FINALIZER)
        yield SetFinalizers(key_of(live), live["metadata"]["resourceVersion"], rest)


def remove(live: Object) -> Iterator[Action]:
    """Takes our finalizer off an InferenceService and deletes it."""
    yield from let_go(live)
    if not leaving(live):
        yield Delete(key_of(live), live["metadata"]["uid"])
