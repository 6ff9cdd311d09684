"""What the proof of a built image has measured."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from slipway.api.v1alpha1.base import Status

ATTEMPTS = 3
"""A benchmark that shows neither is repeated; after so many it has not shown what it had to."""

ALPHA = 0.05 / ATTEMPTS
"""Error probability of each bound: that one of all attempts passes a model at its limit has 5%."""

MOST_REQUESTS = 10_000
LEAST_ERRORS = 1 - ALPHA ** (1 / MOST_REQUESTS)
"""The smallest share of errors that the largest load can prove: its upper bound where every request is answered."""


class Benchmark(Status):
    """How fast the built image answered, before any traffic; absent where nothing is asked of that."""

    p50: str = Field("", description="Half of the answers came within this time.")
    p95: str = Field("", description="95% of the answers came within this time.")
    p99: str = Field("", description="99% of the answers came within this time.")
    p99_low: str = Field("", description="Lower end of the interval of p99.")
    p99_high: str = Field("", description="Upper end of it; unbounded where too few requests were sent.")
    throughput: str = Field("", description="Answers per second at this concurrency.")
    concurrency: int = Field(0, description="Requests at the same time.")
    requests: int = Field(0, description="Requests that were sent.")
    failed: int = Field(0, description="Those that got no answer, or none with status 200.")
    pauses: str = Field("", description="Delay that the machine itself added to 1% of short sleeps meanwhile.")
    verdict: Literal["Pass", "TooSlow", "Open"] = Field(
        "Open", description="Pass: within what is asked for. TooSlow: even its usual answer is not. Open: neither."
    )
    message: str = Field("", description="The reason, for a person.")


class Proof(Status):
    """An image that was proven: not proven again in the same form."""

    key: str = Field(description="Hash of image, model, resources, environment and declared latency.")
    benchmark: Benchmark | None = Field(None, description="How fast it answered.")
