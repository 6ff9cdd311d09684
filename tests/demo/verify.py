"""Did it really happen? Every line is read back from the API server and Prometheus after the story has ended."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.demo import view
from tests.demo.kube import Cluster, Object, condition
from tests.demo.prometheus import Prometheus
from tests.demo.settings import OPERATOR_NAMESPACE
from tests.demo.story import ORDINALS, ROLLOUT, Record, policy_runs
from tests.demo.traffic import Tally

MEMORY_LIMIT = 150  # MiB
TRIGGER, SHIFTED = "inputs", "popup_window"
"""The trigger of the policy, and the feature that the client shifts."""


@dataclass(frozen=True)
class Claim:
    """One line of the summary: what is claimed, whether it holds, what was read, and where."""

    what: str
    holds: bool
    found: str
    source: str


@dataclass(frozen=True)
class Facts:
    """What was read back."""

    namespace: str
    rollout: Object
    route: Object
    runs: list[Object]
    policy: Object
    retrained: list[Object]
    events: list[Object]
    tally: Tally
    record: Record
    seconds: int
    """How long ago the demo began."""
    ask: Callable[[str], float | None]
    """A PromQL query with a single value."""

    @property
    def label(self) -> str:
        return f"{self.namespace}/{ROLLOUT}"

    def version(self, index: int) -> str:
        return self.record.versions[index] if index < len(self.record.versions) else "?"

    def revision(self, index: int) -> str:
        """The revision of the first … fourth model, from the history or, for the first, from the variants."""
        version = self.version(index)
        entries = view.history(self.rollout, version)
        variants = self.rollout.get("status", {}).get("variants") or []
        named = [*entries, *(item for item in variants if item.get("version") == version)]
        return str(named[0].get("revision", "")) if named else ""

    def live(self, metric: str, selector: str, functions: str = "sum") -> float | None:
        """Sum over all pods that ever served, of a counter of live requests; None without data."""
        return self._of("live", metric, selector, functions)

    def shadow(self, metric: str, selector: str) -> float | None:
        """The same of mirrored requests."""
        return self._of("shadow", metric, selector, "sum")

    def _of(self, traffic: str, metric: str, selector: str, functions: str) -> float | None:
        labels = f'rollout="{self.label}",traffic="{traffic}"' + ("," if selector else "") + selector
        return self.ask(f"{functions}(max_over_time({metric}{{{labels}}}[{self.seconds}s]))")


def gather(cluster: Cluster, prometheus: Prometheus, namespace: str, tally: Tally, record: Record) -> Facts:
    """Reads everything back."""
    return Facts(
        namespace=namespace,
        rollout=cluster.get("ModelRollout", ROLLOUT, namespace) or {},
        route=cluster.get("HTTPRoute", ROLLOUT, namespace) or {},
        runs=cluster.list("TrainingRun", namespace),
        policy=cluster.get("RetrainPolicy", ROLLOUT, namespace) or {},
        retrained=policy_runs(cluster, namespace),
        events=cluster.list("Event", namespace),
        tally=tally,
        record=record,
        seconds=max(1, int(time.time() - record.began)),
        ask=prometheus.number,
    )


def claims(facts: Facts) -> list[Claim]:
    """All claims of the demo, in the order of the story."""
    return [
        trained(facts),
        served(facts),
        no_client_error(facts),
        promoted(facts),
        wrong_was_like_the_others(facts),
        rolled_back(facts, 2, "says-phishing", "canary"),
        rolled_back(facts, 3, "p95", ""),
        weightless(facts),
        retrained(facts),
        memory(facts),
    ]


def trained(facts: Facts) -> Claim:
    """All four models passed their evaluation: the two bad ones as well."""
    passed = {
        str(run.get("status", {}).get("version"))
        for run in facts.runs
        if condition(run, "CriteriaMet").get("status") == "True"
    }
    wanted = facts.record.versions
    holds = len(wanted) == 4 and set(wanted) <= passed
    return Claim("all four models passed their evaluation", holds, f"versions {', '.join(wanted)}", "TrainingRuns")


def served(facts: Facts) -> Claim:
    """Prometheus counted what the client counted: nothing was answered by someone else."""
    counted = facts.live("slipway_requests_total", "") or 0.0
    answered = sum(facts.tally.answered.values())
    # The last scrape of a pod is up to one interval old when it ends, so a little is missing.
    holds = answered > 0 and 0.9 * answered <= counted <= answered + 10
    return Claim(
        "the client's requests were served by Slipway's models", holds,
        f"{answered} answers at the client, {counted:.0f} counted by the pods", "Prometheus",
    )  # fmt: skip


def no_client_error(facts: Facts) -> Claim:
    """Promotions and rollbacks cost no request."""
    failed, sent = facts.tally.failed, facts.tally.sent
    errors = facts.live("slipway_requests_total", 'code="5xx"') or 0.0
    first = f"; first: {facts.tally.failures[0].what}" if facts.tally.failures else ""
    holds = sent > 0 and failed == 0 and errors == 0
    found = f"{failed} of {sent} failed; the pods count {errors:.0f} answers of 5xx{first}"
    return Claim("no request failed, in promotions and rollbacks alike", holds, found, "client, Prometheus")


def promoted(facts: Facts) -> Claim:
    """The second model went through all stages and serves everyone."""
    entry = next(iter(view.history(facts.rollout, facts.version(1))), {})
    stable = view.variant(facts.rollout, "stable").get("version")
    alone = weights(facts.route) == {facts.revision(1): 1.0}
    mine = f'revision="{facts.revision(1)}"'
    mirrored = facts.shadow("slipway_requests_total", mine) or 0.0
    passed = entry.get("outcome") == "Promoted" and not entry.get("skipped")
    holds = passed and mirrored > 0 and stable == facts.version(1) and alone
    skipped = len(entry.get("skipped") or ())
    found = (
        f"{entry.get('outcome', 'no entry')}, {skipped} stages skipped, {mirrored:.0f} requests mirrored before; "
        f"stable is version {stable}; the route sends it all: {alone}"
    )
    return Claim(f"the second model (version {facts.version(1)}) was promoted", holds, found, "status, HTTPRoute")


def wrong_was_like_the_others(facts: Facts) -> Claim:
    """Nothing but its predictions gave the third model away."""
    revision = facts.revision(2)
    mine = f'revision="{revision}"'
    answers = facts.live("slipway_requests_total", mine) or 0.0
    bad = facts.live("slipway_requests_total", mine + ',code!="2xx"') or 0.0
    positive = facts.live("slipway_predictions_total", mine + ',class="1"') or 0.0
    own, other = (mean_latency(facts, facts.revision(index)) for index in (2, 1))
    fast = own is not None and other is not None and own <= 2 * other + 0.005
    holds = answers > 0 and bad == 0 and positive == 0 and fast
    times = f"{(own or 0) * 1000:.1f} ms against {(other or 0) * 1000:.1f} ms"
    found = f"{answers:.0f} answers, {bad:.0f} not 2xx, {positive:.0f} said phishing; on average {times} of the second"
    return Claim("the third was wrong in its predictions only", holds, found, "Prometheus")


def mean_latency(facts: Facts, revision: str) -> float | None:
    """Seconds per live request of a revision, as its pods measured them."""
    total = facts.live("slipway_request_duration_seconds_sum", f'revision="{revision}"')
    count = facts.live("slipway_request_duration_seconds_count", f'revision="{revision}"')
    return total / count if total is not None and count else None


def rolled_back(facts: Facts, index: int, gate: str, stage: str) -> Claim:
    """A bad model ended in a rollback, and its history keeps the evidence of the gate that caught it."""
    entry = next(iter(view.history(facts.rollout, facts.version(index))), {})
    evidence: Object = next((item for item in entry.get("gates") or [] if item.get("name") == gate), {})
    caught = entry.get("outcome") == "RolledBack" and evidence.get("verdict") == "Breach"
    holds = caught and str(entry.get("stage", "")).startswith(stage) and int(evidence.get("samples", 0)) > 0
    found = (
        f"{entry.get('outcome', 'no entry')} in {entry.get('stage', '-')}; gate {gate}: {evidence.get('value', '-')} "
        f"({evidence.get('low', '')} … {evidence.get('high', '')}) against {evidence.get('bound', '-')}, "
        f"{evidence.get('verdict', '-')} over {evidence.get('samples', 0)} requests"
    )
    what = f"the {ORDINALS[index]} (version {facts.version(index)}) was caught by gate {gate}, its evidence kept"
    return Claim(what, holds, found, "status.history")


def weightless(facts: Facts) -> Claim:
    """No rule of the route sends anything to the bad models, and none is mirrored to."""
    seen, mirrored = weights(facts.route), mirrors(facts.route)
    bad = [facts.revision(index) for index in (2, 3)]
    holds = bool(seen) and all(bad) and not any(seen.get(name, 0.0) > 0 or name in mirrored for name in bad)
    found = ", ".join(f"{name} {share:.0%}" for name, share in seen.items())
    return Claim("the bad models' weight is 0 again", holds, f"the route's weights: {found or 'none'}", "HTTPRoute")


def retrained(facts: Facts) -> Claim:
    """The shift of the inputs, and nothing else, made the policy train."""
    names = [run["metadata"]["name"] for run in facts.retrained]
    told = [event.get("message", "") for event in facts.events if _of_the_policy(facts, event)]
    last = facts.policy.get("status", {}).get("lastRun") or {}
    holds = (
        len(names) == 1
        and _made_by_the_policy(facts, facts.retrained[0])
        and (last.get("name"), last.get("causes")) == (names[0], [TRIGGER])
        and any(SHIFTED in message and names[0] in message for message in told)
    )
    found = f"{', '.join(names) or 'none'}; {told[-1] if told else 'the policy ordered none'}"
    what = "the shifted inputs made the policy create one TrainingRun"
    return Claim(what, holds, found, "TrainingRuns, status, Events")


def _of_the_policy(facts: Facts, event: Object) -> bool:
    return event.get("reason") == "TrainingRunOrdered" and event["involvedObject"].get("uid") == _uid(facts.policy)


def _uid(obj: Object) -> str:
    return str(obj.get("metadata", {}).get("uid", ""))


def _made_by_the_policy(facts: Facts, run: Object) -> bool:
    """By its controller reference, and after the inputs had shifted; the API server writes whole seconds."""
    owners = {owner["uid"] for owner in run["metadata"].get("ownerReferences") or [] if owner.get("controller")}
    made = datetime.fromisoformat(run["metadata"]["creationTimestamp"]).timestamp()
    return owners == {_uid(facts.policy)} and made >= int(facts.record.shifted_at) > 0


def memory(facts: Facts) -> Claim:
    """The operator's peak of resident memory during the demo."""
    selector = f'namespace="{OPERATOR_NAMESPACE}",pod=~"slipway-.*"'
    peak = facts.ask(f"max(max_over_time(process_resident_memory_bytes{{{selector}}}[{facts.seconds}s]))")
    found = "not measured" if peak is None else f"{peak / 2**20:.0f} MiB at its peak"
    holds = peak is not None and peak <= MEMORY_LIMIT * 2**20
    return Claim(f"the operator keeps within {MEMORY_LIMIT} MiB", holds, found, "Prometheus")


def weights(route: Object) -> dict[str, float]:
    """Revisions that any rule of the live HTTPRoute sends requests to, each with its part of all weights."""
    total: dict[str, float] = {}
    for ref in _backends(route):
        total[revision_of(ref)] = total.get(revision_of(ref), 0.0) + float(ref.get("weight", 1))
    everything = sum(total.values())
    return {name: share / everything for name, share in total.items() if share} if everything else {}


def mirrors(route: Object) -> set[str]:
    """Revisions that get copies of requests."""
    filters = [item for rule in route.get("spec", {}).get("rules") or [] for item in rule.get("filters") or []]
    return {revision_of(item["requestMirror"]["backendRef"]) for item in filters if "requestMirror" in item}


def revision_of(ref: Mapping[str, Any]) -> str:
    """The revision in the name of a backend, `<rollout>-<revision>-predictor`, with a digit before the last part where
    it replaces one that somebody deleted."""
    return re.sub(r"(-[2-9])?-predictor$", "", str(ref.get("name", ""))).rpartition("-")[2]


def _backends(route: Object) -> Iterable[Mapping[str, Any]]:
    for rule in route.get("spec", {}).get("rules") or []:
        yield from rule.get("backendRefs") or []
