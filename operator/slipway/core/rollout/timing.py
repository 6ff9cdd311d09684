"""How long things take that nobody reports: requests in flight, and a gateway that has accepted but not yet loaded."""

from __future__ import annotations

from slipway.core.rollout.turn import Turn

CONFIGURATION_LAG = 3.0
"""Seconds between a gateway's acceptance of a route and the last of its proxies acting on it (measured: under one)."""

DEFAULT_REQUEST_SECONDS = 15.0
"""Envoy's own limit for a request where the spec sets none."""


def in_flight(turn: Turn) -> float:
    """Seconds after which no request can still be under way to a variant that the route has left."""
    traffic = turn.spec.traffic
    request = traffic.gateway_api.timeouts.request if traffic and traffic.gateway_api else None
    return CONFIGURATION_LAG + (request.seconds if request is not None else DEFAULT_REQUEST_SECONDS)


def drained(turn: Turn, inference_service: str) -> bool:
    """Whether an InferenceService that no variant names may go: none that was replaced has requests under way."""
    held = next((each for each in turn.status.retiring if each.name == inference_service), None)
    return held is None or (held.since is not None and turn.age(held.since) >= in_flight(turn))
