"""Tries every clause, in order, once; what a clause needs and does not have is said, and no fault of its own."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial

from slipway_serving.probe.contract import answers, counted, logged, refusals, start, stopping
from slipway_serving.probe.contract.clauses import CLAUSES, LOG, PARTS, Clause, Finding
from slipway_serving.probe.contract.counted import Counted
from slipway_serving.probe.contract.subject import Asked, Skip, Subject
from slipway_serving.probe.smoke import Unproven

Say = Callable[[str], None]
Check = Callable[[], str]
_NOT_CONFINED = "runs as it runs here: let `slipway conform IMAGE` run it"


def examine(asked: Asked, say: Say, parts: Collection[str] = PARTS) -> Iterator[Finding]:
    """A finding for each clause of `parts`, as soon as it is known; `say` is told what takes longer."""
    before = logged.rows(asked.log) if asked.log is not None and asked.log.exists() else 0
    subject = Subject(asked)
    begun = start.watch(subject, say)
    checks = {**_served(subject, begun), **_judged(subject), **_ended(subject, before, say)}
    unmet: set[str] = set()
    for clause in CLAUSES.values():
        finding = _tried(clause, checks[clause.id], unmet)
        if finding.outcome != "ok":
            unmet.add(clause.id)
        if clause.part in parts and (clause.part != LOG or asked.log is not None):
            yield finding


def conforms(findings: Collection[Finding]) -> bool:
    """Whether no clause failed."""
    return all(finding.outcome != "fail" for finding in findings)


def _tried(clause: Clause, check: Check, unmet: Collection[str]) -> Finding:
    missing = [name for name in clause.needs if name in unmet]
    if missing:
        return Finding(clause.id, "skipped", f"needs {', '.join(missing)}")
    try:
        wrong = check()
    except Skip as reason:
        return Finding(clause.id, "skipped", str(reason))
    except (OSError, http.client.HTTPException) as error:
        wrong = f"no answer: {error!r}"
    except Unproven as error:
        wrong = error.message
    except (ValueError, LookupError, TypeError, AttributeError) as error:  # an answer of a form that nobody foresaw
        wrong = f"an answer that cannot be read: {error!r}"
    return Finding(clause.id, "fail", wrong) if wrong else Finding(clause.id, "ok")


def _served(subject: Subject, begun: start.Start) -> Mapping[str, Check]:
    def confined() -> str:
        if not subject.asked.confined:
            raise Skip(_NOT_CONFINED)
        return ""

    return {
        "ready": lambda: begun.fault,
        "ready-waits": lambda: start.waits(begun),
        "confined": confined,
        "live": lambda: answers.live(subject),
        "metadata": lambda: answers.metadata(subject),
        "predict-v1": lambda: answers.predict_v1(subject),
        "predict-v2": lambda: answers.predict_v2(subject),
        "revision-header": lambda: answers.revision(subject),
        "prediction-id": lambda: answers.prediction_id(subject),
        "bad-json": lambda: refusals.bad_json(subject),
        "bad-member": lambda: refusals.bad_member(subject),
        "bad-type": lambda: refusals.bad_type(subject),
        "body-bound": lambda: refusals.body_bound(subject),
        "survives": lambda: answers.survives(subject),
    }


def _judged(subject: Subject) -> Mapping[str, Check]:
    pages = Counted(subject)
    checks: Mapping[str, Callable[[Subject, Counted], str]] = {
        "metrics": counted.metrics,
        "info": counted.info,
        "series-at-zero": counted.series_at_zero,
        "live-counts": counted.live,
        "shadow-counts": counted.shadow,
        "direct-counts": counted.direct,
        "refused-counts": counted.refused,
        "latency": counted.latency,
        "classes": counted.classes,
        "evidence": counted.evidence,
        "clusters": counted.clusters,
        "exposures": counted.exposures,
        "log-counts": logged.counts,
    }
    return {name: partial(check, subject, pages) for name, check in checks.items()}


def _ended(subject: Subject, before: int, say: Say) -> Mapping[str, Check]:
    return {
        "stop": lambda: stopping.stop(subject),
        "stop-ends": lambda: stopping.ends(subject, say),
        "log-rows": lambda: logged.stored(subject, before),
    }
