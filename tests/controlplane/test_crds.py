"""The CRDs on a real API server: accepted, refusing in words, merging by key, immutable where they say so."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from slipway.api.v1alpha1 import KINDS

from tests.cluster.bare import ControlPlane
from tests.controlplane.crds_installed import Kinds
from tests.controlplane.wrong_manifests import ABSENT, NAMES, SPECS, Wrong, all_good, changed, good

pytestmark = pytest.mark.controlplane
SPEC_OF = {kind.kind: kind.spec for kind in KINDS}
GOOD = all_good()
FROZEN = (
    ("parameters", {"learning_rate": "0.2"}),
    ("parameters", ABSENT),
    ("seed", 8),
    ("folds", 3),
    ("taskRef/name", "other"),
    ("trainer/function/entrypoint", "fraud.training:other"),
    ("data/split/embargo", "7d"),
    ("register", ABSENT),
    ("incremental", {"base": "models:/a/1", "batches": ["s3://a/b"]}),
)


@pytest.fixture(scope="module")
def kinds(control_plane: ControlPlane) -> Kinds:
    return Kinds(control_plane)


@pytest.fixture
def live(kinds: Kinds) -> Iterator[Any]:
    """Creates objects that go away after the test."""
    created: list[dict[str, Any]] = []

    def create(name: str) -> dict[str, Any]:
        manifest = good(name)[0]
        answer = kinds.create(manifest)
        assert answer.code == 201, answer.message
        created.append(manifest)
        return answer.body

    yield create
    for manifest in created:
        metadata = manifest["metadata"]
        kinds.kubectl.run("delete", manifest["kind"], metadata["name"], "-n", metadata.get("namespace", "default"))


def test_every_kind_has_its_names(kinds: Kinds) -> None:
    listed = kinds.kubectl.run("api-resources", "--categories=slipway", "--no-headers", "-o", "wide")
    for kind in KINDS:
        line = next(line for line in listed.splitlines() if line.split()[0] == kind.plural)
        assert set(kind.short_names) == set(line.split()[1].split(","))


@pytest.mark.parametrize("name", GOOD)
def test_good_manifests_are_accepted(kinds: Kinds, name: str) -> None:
    answer = kinds.create(GOOD[name], dry_run=True)
    assert answer.code == 201, answer.message


@pytest.mark.parametrize("name", GOOD)
def test_the_api_server_fills_in_the_defaults_of_the_models(kinds: Kinds, name: str) -> None:
    manifest = GOOD[name]
    model = SPEC_OF[manifest["kind"]]
    live = kinds.create(manifest, dry_run=True).body["spec"]
    written = model.model_validate(manifest["spec"])
    assert model.model_validate(live) == written
    defaults = written.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert _without_empty(live) == _without_empty(_as_text(defaults, live))


def _without_empty(value: Any) -> Any:
    """Without empty lists and maps, which mean the same as their absence."""
    if isinstance(value, dict):
        inner = {key: _without_empty(item) for key, item in value.items()}
        return {key: item for key, item in inner.items() if item not in ({}, [])}
    return [_without_empty(item) for item in value] if isinstance(value, list) else value


def _as_text(mine: Any, live: Any) -> Any:
    """Quantities, which the API server keeps as numbers where they were numbers."""
    if isinstance(mine, dict) and isinstance(live, dict):
        return {key: _as_text(item, live.get(key)) for key, item in mine.items()}
    if isinstance(mine, list) and isinstance(live, list) and len(mine) == len(live):
        return [_as_text(one, other) for one, other in zip(mine, live, strict=True)]
    return live if isinstance(live, int) and str(live) == mine else mine


@pytest.mark.parametrize("wrong", [*SPECS, *NAMES], ids=lambda wrong: f"{wrong.base}: {wrong.name}")
def test_wrong_manifests_are_refused_in_words(kinds: Kinds, wrong: Wrong) -> None:
    answer = kinds.create(wrong.manifest(), dry_run=True)
    assert answer.code in (400, 422), f"accepted: {answer.body}"
    missing = [text for text in wrong.says if text not in answer.message]
    assert not missing, f"{missing} not in: {answer.message}"
    assert "no such key" not in answer.message


@pytest.mark.parametrize(("path", "value"), FROZEN, ids=lambda part: str(part)[:40])
def test_a_run_is_frozen(kinds: Kinds, live: Any, path: str, value: Any) -> None:
    run = live("trainingrun-function")
    answer = kinds.replace(changed(run, f"spec/{path}", value))
    assert answer.code == 422
    assert f"spec.{path.split('/')[0]} is immutable: a TrainingRun is one attempt" in answer.message


@pytest.mark.parametrize("field", ["suspend", "cancel"])
def test_a_run_may_be_stopped(kinds: Kinds, live: Any, field: str) -> None:
    run = live("trainingrun-function")
    assert kinds.replace(changed(run, f"spec/{field}", True)).code == 200


def test_the_template_of_a_policy_is_not_frozen(kinds: Kinds, live: Any) -> None:
    policy = live("retrainpolicy-card-fraud")
    assert kinds.replace(changed(policy, "spec/runTemplate/spec/seed", 3)).code == 200


def test_a_request_is_immutable_and_answered_in_its_status(kinds: Kinds, live: Any) -> None:
    request = live("rolloutrequest-abort")
    answer = kinds.replace(changed(request, "spec/reason", "another"))
    assert answer.code == 422
    assert "spec is immutable: create another RolloutRequest" in answer.message
    answered = request | {"status": {"phase": "Applied", "message": "aborted", "at": "2026-01-01T00:00:00Z"}}
    assert kinds.replace(answered, "/status").body["status"]["phase"] == "Applied"


def test_a_status_keeps_what_the_operator_writes_and_a_spec_write_does_not_touch_it(kinds: Kinds, live: Any) -> None:
    rollout = live("modelrollout-phishing")
    status = {
        "observedGeneration": 1,
        "phase": "Canary",
        "revisionCounter": 2,
        "variants": [{"name": "stable", "weight": "90%", "replicas": 1}, {"name": "candidate", "weight": "10%"}],
        "split": {"requested": "0.1", "observed": "0.097", "basis": "Entities", "agrees": True},
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "Serving",
                "message": "m",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
        ],
    }
    written = kinds.replace(rollout | {"status": status}, "/status")
    assert written.code == 200, written.message
    assert written.body["status"] == status
    ignored = kinds.replace(changed(written.body, "status/phase", "Stable"))
    assert ignored.body["status"]["phase"] == "Canary"


def test_a_condition_needs_a_reason(kinds: Kinds, live: Any) -> None:
    rollout = live("modelrollout-phishing")
    condition = {"type": "Ready", "status": "Maybe", "reason": "two words", "message": "", "lastTransitionTime": "now"}
    answer = kinds.replace(rollout | {"status": {"conditions": [condition]}}, "/status")
    assert answer.code == 422
    assert all(f"conditions[0].{field}" in answer.message for field in ("status", "reason", "lastTransitionTime"))


def test_two_writers_patch_stages_by_name(kinds: Kinds, live: Any) -> None:
    rollout = live("modelrollout-phishing")
    head = {key: rollout[key] for key in ("apiVersion", "kind")} | {
        "metadata": {"name": rollout["metadata"]["name"], "namespace": rollout["metadata"]["namespace"]}
    }
    stage = {"name": "canary", "type": "Canary", "canary": {"weight": "20%"}}
    kinds.kubectl.run(
        "apply", "--server-side", "--force-conflicts", "--field-manager=someone", "-f", "-",
        stdin=json.dumps(head | {"spec": {"stages": [stage]}}),
    )  # fmt: skip
    stages = kinds.read(rollout)["spec"]["stages"]
    assert [(each["name"], each.get("canary")) for each in stages] == [("shadow", None), ("canary", {"weight": "20%"})]


def test_durations_with_days_and_weeks_are_compared_by_length(kinds: Kinds) -> None:
    """Kubernetes' format reads d and w; CEL's own duration('7d') does not, and no rule of ours calls it so."""
    manifest = good("modelrollout-card-fraud")[0]
    for at_least, at_most, code in (("1w", "7d", 201), ("1w", "167h", 422), ("100h", "4d4h", 201)):
        keep = {"atLeast": at_least, "atMost": at_most}
        answer = kinds.create(changed(manifest, "spec/promotion/keepPrevious", keep), dry_run=True)
        assert answer.code == code, (at_least, at_most, answer.message)


def test_the_largest_rollout_that_the_schema_allows_is_judged_within_the_budget(kinds: Kinds) -> None:
    """The static estimate is checked when a CRD is created; this is the limit on the actual cost of one request."""
    manifest = copy.deepcopy(good("modelrollout-phishing")[0])
    gate = manifest["spec"]["gates"][0]
    gates = [gate | {"name": f"g{index}"} for index in range(20)]
    canary = manifest["spec"]["stages"][1]
    manifest["spec"]["gates"] = gates
    manifest["spec"]["stages"] = [
        canary
        | {
            "name": f"c{index}",
            "gates": [gate | {"name": f"s{place}"} for place in range(20)],
            "canary": {"weight": f"{index + 1}%"},
        }
        for index in range(20)
    ]
    answer = kinds.create(manifest, dry_run=True)
    assert answer.code == 201, answer.message


@pytest.mark.parametrize(
    ("field", "words"),
    [
        (
            "modelrollout.spec.stages",
            ["The steps that a candidate passes", "type", "Shadow mirrors live requests", "-required-"],
        ),
        ("mr.spec.stages.canary", ["weight", "Share of entities", "such as 5%"]),
        ("mr.spec.gates", ["ratioToStable", "1.2 means 20% above", "Default: 1."]),
        ("tr.spec.data.split", ["embargo", "Default: 70%."]),
        ("mt.spec.criteria", ["What a model must prove on held-out rows"]),
        ("rp.spec.triggers.drift", ["psi", "Default: 0.2."]),
        ("rr.spec.action", ["Abort: end the running revision"]),
        ("mtpl.spec", ["numerator", "In double braces, selector becomes"]),
        ("mr.status.split", ["99.9% interval"]),
    ],
)
def test_explain_reads_well(kinds: Kinds, field: str, words: list[str]) -> None:
    text = " ".join(kinds.kubectl.run("explain", field).split())
    assert [word for word in words if word not in text] == []


def test_get_shows_the_columns(kinds: Kinds, live: Any) -> None:
    rollout = live("modelrollout-phishing")
    status = {
        "phase": "Canary",
        "stage": {"name": "canary"},
        "variants": [{"name": "candidate", "weight": "10%", "version": "7"}],
    }
    assert kinds.replace(rollout | {"status": status}, "/status").code == 200
    heading, line = kinds.kubectl.run("get", "mr", "phishing").splitlines()
    assert heading.split() == ["NAME", "PHASE", "STAGE", "STABLE", "CANDIDATE", "WEIGHT", "READY", "AGE"]
    assert line.split()[:5] == ["phishing", "Canary", "canary", "7", "10%"]
