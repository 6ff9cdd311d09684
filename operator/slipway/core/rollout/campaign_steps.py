"""Decisions outside the spec's stages: building, starting, promoting, rolling back."""

from __future__ import annotations

from slipway.core.desired.inference_service import pulled_with
from slipway.core.rollout.barriers import barrier
from slipway.core.rollout.building import build_of, held_up, missing_settings, outcome, running_message, waits_for
from slipway.core.rollout.campaign import end, fail, promote, promoted, roll_back
from slipway.core.rollout.passing import go_on
from slipway.core.rollout.presence import complaint, full, live_service
from slipway.core.rollout.proving import prove
from slipway.core.rollout.revision import pull_secret
from slipway.core.rollout.route import RouteView
from slipway.core.rollout.snapshot import leaving
from slipway.core.rollout.stages import protect, ready_clock, warm
from slipway.core.rollout.timing import in_flight
from slipway.core.rollout.turn import Turn

GATEWAY_SECONDS = 60.0
"""How long a deletion waits for a gateway that may be gone itself."""

WAIT_SECONDS = 15.0
"""How often a candidate that may not go on is looked at; the end of a pause is an event, that of a freeze is not."""


def building(turn: Turn) -> Turn:
    """Until the Job says image or failure."""
    build = build_of(turn)
    if build is None:
        message = f"the installation does not set {missing_settings(turn)}: see the values of the chart"
        turn = turn.say("ImageBuilt", "False", "NotConfigured", message).at_latest(30.0)
        return turn.say("Progressing", "False", "NotConfigured", message).say(
            "Stalled", "True", "NotConfigured", message
        )
    result, target = outcome(turn, build), turn.target
    if result is None:
        message = running_message(turn, build)
        if waits_for(turn, build):
            turn = turn.say("ImageBuilt", "False", "WaitingForSettings", message).at_latest(30.0)
            turn = turn.say("Stalled", "True", "WaitingForSettings", message)
            return turn.say("Progressing", "False", "WaitingForSettings", message)
        turn = turn.say("ImageBuilt", "Unknown", "Building", message).at_latest(30.0)
        if held_up(turn, build) and turn.age(turn.progress.since) >= turn.spec.progress_deadline.seconds:
            turn = turn.say("Stalled", "True", "BuildNotStarted", message)
        return turn.say("Progressing", "True", "Building", f"version {target.version}: {message}")
    if result.reason:
        return fail(turn, result.reason, f"no image of version {target.version}: {result.message}")
    if target.digest and result.digest and target.digest != result.digest:
        message = f"the builder found {result.digest}, the registry says {target.digest}: the version was changed"
        return fail(turn, "DigestMismatch", message)
    turn = turn.notice("Normal", "ImageBuilt", f"version {target.version} is {result.image}")
    return prove(turn, result.image, target.digest or result.digest)


def starting(turn: Turn) -> Turn:
    """Until the candidate is ready, in full, and warm."""
    turn, candidate = ready_clock(turn), turn.the("candidate")
    stage = turn.progress
    if warm(turn):
        stop = barrier(turn)
        if stop is not None:
            turn = turn.set_variant("candidate", role="Waiting")
            message = f"version {candidate.version} is ready and waits: {stop.message}"
            return turn.say("Progressing", "False", stop.reason, message).at_latest(WAIT_SECONDS)
        return go_on(turn) if turn.variant("stable") is not None else promote(turn)
    turn = turn.set_variant("candidate", role="Warming")
    if not full(turn, candidate):
        # It serves nobody yet, so that a Secret which is mended here restarts nothing that counts.
        turn = turn.set_variant("candidate", template=pulled_with(candidate.template, pull_secret(turn.spec)))
        if turn.age(stage.since) >= turn.spec.progress_deadline.seconds:
            message = f"not ready within {turn.spec.progress_deadline}: {complaint(turn, candidate)}"
            return roll_back(turn, "Failed", "NotReady", message)
        message = f"version {candidate.version} starts: {complaint(turn, candidate)}"
        return turn.say("Progressing", "True", "Starting", message).at_latest(10.0)
    turn = turn.at_latest(
        max(1.0, turn.spec.warm_up.seconds - turn.age(stage.ready_since)) if stage.ready_since else 1.0
    )
    message = f"version {candidate.version} is ready and warms up"
    return turn.say("Progressing", "True", "WarmingUp", message)


def promoting(turn: Turn, route: RouteView) -> Turn:
    """Until the gateway carries the whole traffic to the candidate."""
    protected = protect(turn)
    if protected is not None:
        return protected
    stage = turn.progress
    if route.carried and stage.route_observed_at is not None:
        return promoted(turn)
    message = route.complaint or "the route is being changed"
    if turn.age(stage.since) >= turn.spec.progress_deadline.seconds:
        if turn.variant("stable") is not None:
            return roll_back(turn, "Failed", "RouteNotCarried", message)
        turn = turn.say("Stalled", "True", "RouteNotCarried", message)
    return turn.say("Progressing", "True", "Promoting", message).at_latest(5.0)


def rolling_back(turn: Turn, route: RouteView) -> Turn:
    """Until nothing can reach the candidate any more, and people have had time to look at it, or have deleted it."""
    stage = turn.progress
    if turn.snapshot.deleting and not route.carried and turn.age(stage.since) >= GATEWAY_SECONDS:
        return end(turn)
    if not route.carried or stage.route_observed_at is None:
        message = route.complaint or "traffic is being taken from the candidate"
        return turn.say("Progressing", "True", "RollingBack", message).at_latest(2.0)
    drain, delay = in_flight(turn), turn.spec.rollback.scale_down_delay.seconds
    live = live_service(turn, turn.variant("candidate"))
    hurry = turn.status.queued is not None or turn.snapshot.deleting or live is None or leaving(live)
    wanted = drain if hurry else max(drain, delay)
    left = wanted - turn.age(stage.route_observed_at)
    if left <= 0:
        return end(turn)
    return turn.say("Progressing", "False", "RolledBack", stage.message).at_latest(left)
