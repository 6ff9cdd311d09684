"""Row 57, the image's part: predictions shift from 0.5% to 30% positive, and metrics show it within two scrapes.

What is tested is that anybody who reads Prometheus sees it: class counts per revision, live and shadow apart, from
which a positive rate is computed. That the fast alarm acts on it comes with a later version (`spec.alarm` says so
today).
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from tests.demo import traffic, view
from tests.demo.data import Row
from tests.rows.service import Service, canary, shadow

RATE = 30.0  # requests a second
LEAST_PREDICTIONS = 20
POSITIVE = "1"


@dataclass(frozen=True)
class Counts:
    """Predictions of one revision in one kind of traffic, as one scrape found them."""

    scraped: float
    positive: float
    total: float


@pytest.fixture(scope="module")
def service(serve: Callable[[str], Service], models: dict[str, str]) -> Service:
    made = serve("r57")
    made.create(models["first"], [shadow(seconds=3600, samples=1_000_000), canary(50, seconds=3600)])
    return made


@pytest.fixture(scope="module")
def sides(service: Service, rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Rows that the model calls positive, and rows that it does not; those of them that are labelled so, on which
    another model will mostly agree."""
    connection = http.client.HTTPConnection(service.target.address, service.target.port, timeout=10)
    called = {row: traffic.ask(connection, service.target, row, "visitor-0")[1] for row in rows}
    connection.close()
    positive = [row for row, label in called.items() if label == row.label == POSITIVE]
    negative = [row for row, label in called.items() if label == row.label != POSITIVE]
    assert len(positive) >= 10
    assert len(negative) >= 10
    return positive, negative


def mixture(sides: tuple[list[Row], list[Row]], per_mille: int) -> list[Row]:
    """A thousand rows, so many of them positive."""
    positive, negative = sides
    return [positive[n % len(positive)] for n in range(per_mille)] + [
        negative[n % len(negative)] for n in range(1000 - per_mille)
    ]


def read(service: Service, revision: str, kind: str) -> Counts | None:
    """The newest scrape of a revision; None while a pod of it was not scraped.

    Its time is asked for first: a scrape between the two questions then makes the counts newer than they say, not
    older, and no request of before an instant is counted after it.
    """
    labels = f'rollout="{service.label}",revision="{revision}",traffic="{kind}"'
    name = "slipway_predictions_total"
    scraped = service.prometheus.number(f"min(timestamp({name}{{{labels}}}))")
    found = service.prometheus.query(f"sum by (class)({name}{{{labels}}})")
    if not found or scraped is None:
        return None
    by_class = {series.labels["class"]: series.value for series in found}
    return Counts(scraped, by_class.get(POSITIVE, 0.0), sum(by_class.values()))


def next_scrape(service: Service, revision: str, kind: str, after: float) -> Counts:
    """The first scrape later than `after`."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        found = read(service, revision, kind)
        if found is not None and found.scraped > after:
            return found
        time.sleep(0.3)
    raise AssertionError(f"no scrape of {kind} requests of {revision} within 90 s")


def rate_over_two_scrapes(service: Service, revisions: dict[str, str], since: float) -> dict[str, float]:
    """By kind of traffic, the share of positive predictions between the first and the second scrape after an instant;
    between later ones where these have too few predictions."""
    rates = {}
    first = {kind: next_scrape(service, revision, kind, since) for kind, revision in revisions.items()}
    for kind, revision in revisions.items():
        second = next_scrape(service, revision, kind, first[kind].scraped)
        while second.total - first[kind].total < LEAST_PREDICTIONS:
            second = next_scrape(service, revision, kind, second.scraped)
        rates[kind] = (second.positive - first[kind].positive) / (second.total - first[kind].total)
    return rates


def test_r57_a_shift_of_predictions_is_in_prometheus_within_two_scrapes_live_and_shadow_apart(
    service: Service, models: dict[str, str], sides: tuple[list[Row], list[Row]]
) -> None:
    quiet, loud = mixture(sides, 5), mixture(sides, 300)
    stable = view.variant(service.read(), "stable")["revision"]
    with service.client(quiet, rate=RATE) as client:
        service.pin(models["better"])
        candidate = view.variant(service.in_stage("shadow", models["better"]), "candidate")["revision"]
        revisions = {"live": stable, "shadow": candidate}
        next_scrape(service, candidate, "shadow", time.time())
        before = rate_over_two_scrapes(service, revisions, time.time())
        client.send_instead(loud)
        time.sleep(1)  # requests that were drawn before are answered
        after = rate_over_two_scrapes(service, revisions, time.time())
    assert before["live"] <= 0.05, before
    assert 0.15 <= after["live"] <= 0.45, after
    assert after["shadow"] - before["shadow"] >= 0.1, (before, after)
    assert service.counted("slipway_predictions_total", f'revision="{candidate}",traffic="live"') == 0
    assert service.counted("slipway_predictions_total", f'revision="{stable}",traffic="shadow"') == 0
    assert client.read().failed == 0, client.read().failures
