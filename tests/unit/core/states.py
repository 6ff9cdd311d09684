"""States that rollouts really pass through, from simulated stories: what statements about a state are tried on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from tests.unit.core.batch_world import BatchWorld
from tests.unit.core.simulation import KEY, TASK, Simulation
from tests.unit.core.specs import DIES, FAILING, GOOD, NEVER_READY, SLOW, in_stage, pin, service, serving, spec

Story = Callable[[], Iterator[Simulation]]
States = Mapping[str, tuple[Any, Any]]
"""By story, phase, stage and reason: the ModelRollout as the API server has it, and the instant."""


def states() -> States:
    """Those of all stories: seconds of work, so nothing asks for them while tests are collected."""
    return {name: state for story in STORIES for name, state in states_of(story).items()}


@cache
def states_of(story: str) -> States:
    """Those of one of the STORIES."""
    found: dict[str, tuple[Any, Any]] = {}
    for sim in STORIES[story]():
        if not sim.status:
            continue
        stage = (sim.status.get("stage") or {}).get("name", "-")
        reason = f"{sim.condition('Progressing')[1]}/{sim.condition('Stalled')[1]}/{sim.condition('Ready')[0]}"
        name = f"{story}: {sim.status['phase']} {stage} {reason}"
        if name not in found:
            found[name] = (sim.get(KEY), sim.now)
    assert found, f"the story {story!r} passes through no state"
    return found


def _watch(sim: Simulation, seconds: int) -> Iterator[Simulation]:
    for _ in range(seconds):
        sim.run(1)
        yield sim


def _first() -> Iterator[Simulation]:
    yield from _watch(Simulation(spec(), {"1": GOOD}), 30)


def _ends(behaviour: Any, **changes: Any) -> Story:
    def story() -> Iterator[Simulation]:
        yield from _watch(pin(serving(behaviour, **changes), "2"), 240)

    return story


def _paused() -> Iterator[Simulation]:
    sim = pin(serving(), "2").run(300, in_stage("canary-10"))
    sim.edit(KEY, lambda each: each.update(paused=True))
    yield from _watch(sim, 40)
    sim.edit(KEY, lambda each: each["model"]["mlflow"].update(version="1"))
    yield from _watch(sim, 60)
    sim.edit(KEY, lambda each: each["model"]["mlflow"].update(version="3"))
    yield from _watch(sim, 5)


def _blind() -> Iterator[Simulation]:
    sim = pin(serving(), "2").run(300, in_stage("canary-10"))
    sim.prometheus_up = False
    yield from _watch(sim, 40)
    sim.prometheus_up, sim.skew = True, 3.0
    yield from _watch(sim, 60)


def _hands() -> Iterator[Simulation]:
    sim = serving()
    sim.delete(service(sim, "stable"))
    yield from _watch(sim, 30)
    sim.edit(KEY, lambda each: each.update(onBreach="Hold", warmUp="not a time"))
    yield from _watch(sim, 3)


def _no_task() -> Iterator[Simulation]:
    sim = serving()
    del sim.objects[TASK]
    yield from _watch(sim, 3)


def _no_model() -> Iterator[Simulation]:
    yield from _watch(Simulation(spec(), {"7": GOOD}), 5)
    sim = Simulation(spec(), {"1": GOOD})
    sim.mlflow_up = False
    yield from _watch(sim, 5)
    sim = Simulation(spec(), {"1": GOOD})
    sim.evaluation = ""
    yield from _watch(sim, 5)


def _leaving() -> Iterator[Simulation]:
    sim = pin(serving(deletionPolicy="Orphan"), "2").run(300, in_stage("canary-10"))
    sim.delete(KEY)
    for each in _watch(sim, 60):
        if KEY in each.objects:
            yield each


def _batch() -> Iterator[Simulation]:
    world = BatchWorld()
    yield from _watch(world, 30)
    yield from _watch(pin(world, "2"), 30)


STORIES: Mapping[str, Story] = {
    "first": _first,
    "good": _ends(GOOD),
    "failing": _ends(FAILING),
    "dies": _ends(DIES),
    "never ready": _ends(NEVER_READY),
    "held": _ends(SLOW, onBreach="Hold"),
    "paused": _paused,
    "blind": _blind,
    "hands": _hands,
    "no task": _no_task,
    "no model": _no_model,
    "leaving": _leaving,
    "batch": _batch,
}
