"""What the operator tells a served pod, by environment variables, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from slipway_serving.service.predictionlog.settings import LogSettings, read_log_settings

# A pod has 45 s from the word to its end: 5 s pass before SIGTERM, `drain_seconds` after it; then these.
FINISH_SECONDS = 12
"""For requests in flight. One that takes longer would take the prediction log its time."""
CLOSE_SECONDS = 20.0
"""For the prediction log, and `LEAVE_SECONDS` for its last file."""

WORKERS = "WEB_CONCURRENCY"
"""By which servers of ASGI and WSGI are asked for processes. Counts are of one process, and a scrape reaches one."""


@dataclass(frozen=True)
class Settings:
    """One pod's identity and bounds; every member has the default of a pod that nobody rolled out.

    `latency_edges` are further edges of the latency histogram in seconds (a gate's limit, so that the share above it
    is counted exactly); `drain_seconds` is how long a stopping pod still takes requests, for gateways that have not
    yet heard that it leaves; `max_body` bounds one request's body, `max_in_flight` those of all requests that
    are being read or answered, `body_seconds` how long one may take to come; `log` is None where predictions are not
    logged; `proof` is where a server that is being proven leaves its requests and its own log.
    """

    rollout: str = "none/none"
    revision: str = "none"
    version: str = ""
    model_name: str = "model"
    bucket_header: str = "x-slipway-bucket"
    latency_edges: tuple[float, ...] = ()
    model: Path = Path("/opt/slipway/model")
    host: str = "0.0.0.0"
    port: int = 8080
    threads: int = 4
    max_body: int = 4 << 20
    max_in_flight: int = 32 << 20
    body_seconds: float = 10.0
    max_instances: int = 4096
    drain_seconds: float = 5.0
    log: LogSettings | None = None
    proof: Path | None = None


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Reads SLIPWAY_* variables. Raises ValueError naming the variable that is wrong."""
    default = Settings()
    if environment.get(WORKERS, "1") not in ("", "1"):
        raise ValueError(f"{WORKERS}={environment[WORKERS]!r}: there is one process in a pod; take more pods")

    def number(name: str, fallback: float) -> float:
        text = environment.get(name, "")
        try:
            return float(text) if text else fallback
        except ValueError:
            raise ValueError(f"{name}={text!r} is no number") from None

    edges = environment.get("SLIPWAY_LATENCY_EDGES", "")
    try:
        latency_edges = tuple(float(edge) for edge in edges.split(",") if edge.strip())
    except ValueError:
        raise ValueError(f"SLIPWAY_LATENCY_EDGES={edges!r} is no list of seconds") from None
    return Settings(
        rollout=environment.get("SLIPWAY_ROLLOUT", default.rollout),
        revision=environment.get("SLIPWAY_REVISION", default.revision),
        version=environment.get("SLIPWAY_VERSION", default.version),
        model_name=environment.get("SLIPWAY_MODEL_NAME", default.model_name),
        bucket_header=environment.get("SLIPWAY_BUCKET_HEADER", default.bucket_header).lower(),
        latency_edges=latency_edges,
        model=Path(environment.get("SLIPWAY_MODEL", str(default.model))),
        host=environment.get("SLIPWAY_HOST", default.host),
        port=int(number("SLIPWAY_PORT", default.port)),
        threads=int(number("SLIPWAY_THREADS", default.threads)),
        max_body=int(number("SLIPWAY_MAX_BODY", default.max_body)),
        max_in_flight=int(number("SLIPWAY_MAX_IN_FLIGHT", default.max_in_flight)),
        body_seconds=number("SLIPWAY_BODY_SECONDS", default.body_seconds),
        max_instances=int(number("SLIPWAY_MAX_INSTANCES", default.max_instances)),
        drain_seconds=number("SLIPWAY_DRAIN_SECONDS", default.drain_seconds),
        log=read_log_settings(environment),
        proof=Path(environment["SLIPWAY_PROOF"]) if environment.get("SLIPWAY_PROOF") else None,
    )
