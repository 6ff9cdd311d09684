"""Metrics of several servers: all are asked before any has answered, and what is found depends on no order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import pytest
from slipway.api.v1alpha1.metrictemplate import MetricTemplateSpec
from slipway.controllers.rollout_evidence import Judged, gather
from slipway.core.evidence import Evidence
from slipway.core.plan import Unavailable
from slipway.core.primary import TaskMetrics
from slipway.core.readings import Server
from slipway.core.rollout import Snapshot
from slipway.runtime.world import Sample

from tests.unit.core.test_ratio_questions import CANARY, DEPTH, NOW, snapshot
from tests.unit.core.traffic_model import APPROVALS

NAMES = ("one", "two", "three", "four")
PATIENCE = 5.0
"""Seconds after which servers that wait for each other wait for ever."""


class Servers:
    """Each answers only once as many servers as there are have been asked; then in the order of `first`."""

    def __init__(self, first: Sequence[str]) -> None:
        self.first, self.waiting, self.all_asked = list(first), set[str](), asyncio.Event()

    async def query(self, promql: str, now: datetime, server: Server | None = None) -> Sequence[Sample] | Unavailable:
        if server is None:
            return []
        name = server.address.removeprefix("http://")
        self.waiting.add(name)
        if len(self.waiting) == len(self.first):
            self.all_asked.set()
        await self.all_asked.wait()
        for _ in range(3 * self.first.index(name)):
            await asyncio.sleep(0)
        if name == "two":
            return Unavailable("PrometheusUnavailable", "two says nothing")
        return [Sample({"revision": "c"}, float(len(name)))]


def several() -> Snapshot:
    """A canary with a bare number or a ratio of each server, two of them over windows."""
    gates = [
        {"name": "a", "template": {"name": "one"}, "op": "<=", "bound": "100"},
        {"name": "b", "template": {"name": "two"}, "op": ">=", "bound": "30%"},
        {"name": "c", "template": {"name": "three"}, "op": ">=", "bound": "30%", "window": "1m"},
        {"name": "d", "template": {"name": "four"}, "op": ">=", "bound": "30%", "window": "5m"},
    ]
    texts = dict(zip(NAMES, (DEPTH, APPROVALS, APPROVALS, APPROVALS), strict=True))
    templates = {
        name: MetricTemplateSpec.model_validate(
            {**text, "provider": {"type": "Prometheus", "prometheus": {"address": f"http://{name}"}}}
        )
        for name, text in texts.items()
    }
    return replace(snapshot("canary-10", [CANARY | {"gates": gates}]), metrics=TaskMetrics(templates=templates))


def found(first: Sequence[str]) -> Evidence:
    async def asked() -> object:
        async with asyncio.timeout(PATIENCE):
            return await gather(several(), Servers(first), NOW, Judged())  # type: ignore[arg-type]

    evidence = asyncio.run(asked())
    assert isinstance(evidence, Evidence)
    return evidence


@pytest.mark.parametrize("first", [NAMES, NAMES[::-1], ("three", "one", "four", "two")])
def test_servers_that_wait_for_each_other_are_all_asked_and_the_order_of_answers_changes_nothing(
    first: Sequence[str],
) -> None:
    evidence = found(first)
    assert evidence == found(NAMES)
    assert evidence.candidate.points["template/one/60s"].value == 3.0
    assert evidence.missing == {"template/two": "two says nothing"}
    assert list(evidence.windows) == [60.0, 300.0]
