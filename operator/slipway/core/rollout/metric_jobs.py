"""Jobs that measure: one at a time for each question, made when it is due, and gone when its successor has ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from slipway.core.desired.metric_job import METRIC_LABEL, MetricJob, metric_job
from slipway.core.job_words import finished
from slipway.core.kstatus import is_true
from slipway.core.plan import Action, Create, Delete, Unavailable
from slipway.core.readings import BAD, Readings, parse
from slipway.core.rollout.asked import questions
from slipway.core.rollout.snapshot import Object, Snapshot, key_of, leaving
from slipway.core.rollout.turn import Turn


def wanted(snapshot: Snapshot) -> tuple[MetricJob, ...]:
    """The questions that Jobs are to answer now."""
    found = questions(snapshot).items()
    jobs = ((key, template.provider.job, question) for key, (template, question) in found)
    return tuple(MetricJob(key, provider, question) for key, provider, question in jobs if provider is not None)


def measure(turn: Turn) -> Iterator[Action]:
    """Makes what is due, and removes what nobody asks for and what has a successor."""
    asked = {job.series: job for job in wanted(turn.snapshot)}
    of_series: dict[str, list[Object]] = {series: [] for series in asked}
    for live in turn.snapshot.jobs.values():
        series = live["metadata"].get("labels", {}).get(METRIC_LABEL)
        if series in asked:
            of_series[series].append(live)
        elif series and not leaving(live):
            yield Delete(key_of(live), live["metadata"]["uid"])
    for series, job in asked.items():
        yield from _next(turn, job, of_series[series])


def _next(turn: Turn, job: MetricJob, made: Sequence[Object]) -> Iterator[Action]:
    ended = [live for live in _by_age(made) if _has_ended(live)]
    for live in ended[:-1]:
        if not leaving(live):
            yield Delete(key_of(live), live["metadata"]["uid"])
    due = job.name(turn.snapshot.name, turn.now) not in {live["metadata"]["name"] for live in made}
    if due and len(ended) == len(made):
        yield Create(metric_job(turn.snapshot.identity, job, turn.now))


def answer(snapshot: Snapshot, job: MetricJob, now: datetime) -> Readings | Unavailable:
    """What the last Job that has ended left, or why that is nothing."""
    made = [
        live
        for live in snapshot.jobs.values()
        if live["metadata"].get("labels", {}).get(METRIC_LABEL) == job.series and _has_ended(live)
    ]
    if not made:
        return Unavailable("BeingAsked", f"no Job of MetricTemplate {job.question.template} has ended yet")
    last = _by_age(made)[-1]
    name = last["metadata"]["name"]
    if finished(last, "Failed"):
        return Unavailable("JobFailed", f"Job {name} failed: {_why(last)}")
    text = _last_words(snapshot, name)
    found = parse(text) if text else Unavailable(BAD, "it left no termination message")
    if isinstance(found, Unavailable):
        return Unavailable(found.reason, f"Job {name}: {found.message}")
    return found.stale(now, job.oldest) or found


def _by_age(jobs: Sequence[Object]) -> list[Object]:
    return sorted(jobs, key=lambda live: (live["metadata"].get("creationTimestamp", ""), live["metadata"]["name"]))


def _has_ended(job: Object) -> bool:
    return finished(job, "Complete") or finished(job, "Failed")


def _why(job: Object) -> str:
    failed = [c for c in (job.get("status") or {}).get("conditions") or () if is_true([c], "Failed")]
    return str(failed[0].get("message") or failed[0].get("reason", "")) if failed else ""


def _last_words(snapshot: Snapshot, job: str) -> str:
    """The message of the container that ended well."""
    for pod in snapshot.job_pods.get(job, ()):
        for container in (pod.get("status") or {}).get("containerStatuses") or ():
            ended = (container.get("state") or {}).get("terminated") or {}
            if ended.get("exitCode") == 0 and ended.get("message"):
                return str(ended["message"])
    return ""
