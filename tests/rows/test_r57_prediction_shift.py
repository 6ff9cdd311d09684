"""Row 57: predictions shift from 0.5% to 30% positive; metrics show it within two scrapes, and the fast alarm acts.

Anybody who reads Prometheus sees it: class counts per revision, live and shadow apart. Where stable and candidate move
alike the rollout is frozen until a person lets it go on; a candidate whose answers leave stable's goes back.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from tests.demo import traffic, view
from tests.demo.data import Row
from tests.demo.kube import Object, condition
from tests.demo.settings import Environment
from tests.rows.commands import slipway
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
    stages = [shadow(seconds=3600, samples=1_000_000), canary(50, seconds=3600)]
    made.create(models["first"], stages, alarm={"predictionShift": "Freeze"})
    return made


@pytest.fixture(scope="module")
def ordinary(serve: Callable[[str], Service], models: dict[str, str]) -> Service:
    """The same model, asked about all rows alike; without a gate that knows of predictions."""
    made = serve("r57-back")
    made.create(models["first"], [canary(50, seconds=3600)], alarm={"predictionShift": "Rollback"})
    return made


@pytest.fixture(scope="module")
def sides(ordinary: Service, rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Rows that the model calls positive, and rows that it does not; those of them that are labelled so, on which
    another model will mostly agree. The service whose shares are to be quiet is not asked."""
    connection = http.client.HTTPConnection(ordinary.target.address, ordinary.target.port, timeout=10)
    called = {row: traffic.ask(connection, ordinary.target, row, "visitor-0")[1] for row in rows}
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
    between later ones where these have too few predictions. Fails after three minutes with too few."""
    rates, deadline = {}, time.monotonic() + 180
    first = {kind: next_scrape(service, revision, kind, since) for kind, revision in revisions.items()}
    for kind, revision in revisions.items():
        second = next_scrape(service, revision, kind, first[kind].scraped)
        while second.total - first[kind].total < LEAST_PREDICTIONS:
            assert time.monotonic() < deadline, f"too few {kind} predictions of {revision}: {second.total:g}"
            second = next_scrape(service, revision, kind, second.scraped)
        rates[kind] = (second.positive - first[kind].positive) / (second.total - first[kind].total)
    return rates


def says(rollout: Object) -> str:
    """The reason of the alarm's condition."""
    return str(condition(rollout, "PredictionShift").get("reason", ""))


def alarms(service: Service) -> list[str]:
    """Messages of its Events."""
    events = service.cluster.list("Event", service.namespace)
    return [
        event["message"]
        for event in events
        if event["reason"] == "PredictionShift" and event["involvedObject"]["name"] == service.name
    ]


def test_r57_a_shift_of_all_predictions_is_in_prometheus_within_two_scrapes_and_freezes_the_rollout(
    service: Service, models: dict[str, str], sides: tuple[list[Row], list[Row]], environment: Environment
) -> None:
    quiet, loud = mixture(sides, 5), mixture(sides, 300)
    stable = view.variant(service.read(), "stable")["revision"]
    with service.client(quiet, rate=RATE) as client:
        service.pin(models["better"])
        candidate = view.variant(service.in_stage("shadow", models["better"]), "candidate")["revision"]
        revisions = {"live": stable, "shadow": candidate}
        next_scrape(service, candidate, "shadow", time.time())
        before = rate_over_two_scrapes(service, revisions, time.time())
        service.wait(lambda found: says(found) == "AsExpected", 180, "quiet traffic raises no alarm")
        assert alarms(service) == []
        client.send_instead(loud)
        time.sleep(1)  # requests that were drawn before are answered
        after = rate_over_two_scrapes(service, revisions, time.time())
        service.wait(lambda found: bool(says(found)) and says(found) != "AsExpected", 180, "the alarm is raised")
        frozen = service.wait(lambda found: says(found) == "EveryoneFrozen", 90, "the rollout is frozen")
        metric = f'slipway_prediction_shift{{rollout="{service.label}",subject="Everyone",act="Frozen"}}'
        service.wait(lambda _: service.prometheus.number(metric) == 1, 180, "the operator's metric shows it")
    assert before["live"] <= 0.05, before
    assert 0.15 <= after["live"] <= 0.45, after
    assert after["shadow"] - before["shadow"] >= 0.1, (before, after)
    assert service.counted("slipway_predictions_total", f'revision="{candidate}",traffic="live"') == 0
    assert service.counted("slipway_predictions_total", f'revision="{stable}",traffic="shadow"') == 0
    assert client.read().failed == 0, client.read().failures
    is_frozen(frozen, models)
    assert any("class 1 has risen" in message for message in alarms(service)), alarms(service)
    assert slipway(environment, service, "resume").code == 0
    service.wait(lambda found: condition(found, "Stalled").get("status") == "False", 180, "a person lets it go on")


def is_frozen(rollout: Object, models: dict[str, str]) -> None:
    """It stays where it is, names what it saw, and says that a person is waited for."""
    status, shift = rollout["status"], rollout["status"]["predictionShift"]
    assert (shift["class"], shift["act"], shift["predictions"] >= LEAST_PREDICTIONS) == (POSITIVE, "Frozen", True)
    assert status["stage"]["name"] == "shadow"
    assert view.variant(rollout, "candidate")["version"] == models["better"], "what the world does is no fault of it"
    held, stalled = condition(rollout, "AdvanceAllowed"), condition(rollout, "Stalled")
    assert (held["status"], held["reason"]) == ("False", "Held")
    assert (stalled["status"], stalled["reason"]) == ("True", "PredictionShift")


def test_r57_a_candidate_whose_predictions_leave_stables_goes_back_by_the_alarm(
    ordinary: Service, models: dict[str, str], rows: tuple[Row, ...]
) -> None:
    with ordinary.client(rows, rate=RATE) as client:
        ordinary.pin(models["skewed"])
        entry = ordinary.ended(models["skewed"])
    assert (entry["outcome"], entry["stage"], entry["reason"]) == ("RolledBack", "canary-50", "PredictionShift")
    assert "the candidate" in entry["message"]
    assert alarms(ordinary)
    assert view.variant(ordinary.read(), "stable")["version"] == models["first"]
    assert client.read().failed == 0, client.read().failures
