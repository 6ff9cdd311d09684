"""`slipway history`: turns from the status or from what a rollout left behind, and a verified chain."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from slipway.api.v1alpha1.rollout_status import GateResult
from slipway.cli import history
from slipway.cli.__main__ import main
from slipway.cli.cluster import Cluster, Entry, NotFound, Unreadable, refusal
from slipway.cli.turns import decisive, rows_of_entries, rows_of_history, status_of
from slipway.core.ledger.book import ENTRY, LEDGER_LABEL

from tests.unit.core.ledgers import config_maps
from tests.unit.core.simulation import KEY, Simulation
from tests.unit.core.specs import FAILING, pin, serves, serving, spec
from tests.unit.core.traffic_model import Behaviour


class Simulated:
    """What the commands read, from a simulated cluster. It stands in for the API server, whose own answers are tried in
    tests/controlplane/test_explain.py."""

    namespace = "ns"

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.entries: list[Entry] = [
            Entry(name, obj["metadata"]["labels"][LEDGER_LABEL], obj["data"][ENTRY])
            for name, obj in config_maps(sim).items()
        ]

    def rollout(self, namespace: str, name: str) -> Any:
        found = self.sim.get(KEY)
        if found is None or (namespace, name) != ("ns", "fraud"):
            raise NotFound(f"there is no ModelRollout {name}")
        return found

    def ledger(self, namespace: str, name: str) -> Sequence[Entry]:
        return self.entries


@pytest.fixture(scope="module")
def ended() -> Simulation:
    """Version 2 was rolled back, version 3 promoted."""
    sim = pin(serving(FAILING), "2").run(300, lambda s: len(s.status["history"]) > 1)
    return pin(sim, "3").run(300, serves("3")).run(10)


@pytest.fixture
def cluster(ended: Simulation, monkeypatch: pytest.MonkeyPatch) -> Simulated:
    found = Simulated(ended)
    monkeypatch.setattr(Cluster, "connect", lambda context: found)
    return found


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = main(["history", "fraud", *words])
    return code, capsys.readouterr().out


def test_turns_are_shown_with_their_decisive_gate(cluster: Simulated, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = said(capsys)
    assert code == 0
    head, *rows = out.splitlines()
    assert head.split() == ["#", "VERSION", "OUTCOME", "STAGE", "REASON", "ENDED", "TOOK", "DECISIVE", "GATE"]
    assert [row.split()[1:3] for row in rows[:3]] == [["3", "Promoted"], ["2", "RolledBack"], ["1", "Promoted"]]
    assert "GateBreached" in rows[1]
    assert "errors 30" in rows[1]
    assert "must be <= 5%" in rows[1]
    assert "the ledger is whole" in out


def test_decisions_are_shown_one_by_one(cluster: Simulated, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = said(capsys, "--decisions")
    assert code == 0
    assert "StagePassed" in out
    assert len(out.splitlines()) == len(cluster.entries) + 2


def test_json_holds_turns_and_entries(cluster: Simulated, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = said(capsys, "--output", "json")
    found = json.loads(out)
    assert code == 0
    assert [turn["outcome"] for turn in found["turns"]] == ["Promoted", "RolledBack", "Promoted"]
    assert found["turns"][1]["decisiveGate"]["verdict"] == "Breach"
    assert found["ledger"]["whole"] is True
    assert len(found["ledger"]["entries"]) == len(cluster.entries)


@pytest.mark.parametrize("output", ["text", "json"])
def test_a_broken_chain_is_said_and_ends_with_1(
    cluster: Simulated, capsys: pytest.CaptureFixture[str], output: str
) -> None:
    place = next(n for n, each in enumerate(cluster.entries) if '"decision":"RolledBack"' in each.text)
    entry = cluster.entries[place]
    cluster.entries[place] = Entry(entry.name, entry.uid, entry.text.replace("RolledBack", "Promoted"))
    code, out = said(capsys, "--output", output)
    assert code == 1
    assert entry.name in out
    assert "is not the one that the status knows" in out


def test_an_entry_of_another_rollout_of_that_name_is_none_of_its_own(
    cluster: Simulated, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.entries.append(Entry("of-before", "another-uid", "{}"))
    assert said(capsys)[0] == 0


def test_what_a_deleted_rollout_left_behind_is_shown(
    cluster: Simulated, ended: Simulation, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(namespace: str, name: str) -> Any:
        raise NotFound("there is no such ModelRollout")

    monkeypatch.setattr(cluster, "rollout", gone)
    cluster.entries.append(Entry("older", "older-uid", '{"at": "2020-01-01T00:00:00Z"}'))
    code, out = said(capsys)
    assert code == 0
    assert [line.split()[1:3] for line in out.splitlines()[1:4]] == [
        ["3", "Promoted"], ["2", "RolledBack"], ["1", "Promoted"]
    ]  # fmt: skip
    cluster.entries.clear()
    assert main(["history", "fraud"]) == 2


def test_an_entry_that_is_removed_while_it_is_read_is_no_break(
    cluster: Simulated, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [cluster.entries[1:], cluster.entries]
    monkeypatch.setattr(cluster, "ledger", lambda namespace, name: answers.pop(0))
    assert said(capsys)[0] == 0


def test_a_rollout_without_a_ledger_has_none_yet(capsys: pytest.CaptureFixture[str]) -> None:
    rows, ledger, chain = history.read(Simulated(fresh()), "ns", "fraud")  # type: ignore[arg-type]
    assert (rows, ledger, chain.whole) == ((), None, True)


def fresh() -> Simulation:
    from tests.unit.core.specs import GOOD, spec

    return Simulation(spec(), {"1": GOOD})


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (404, '{"details": {"name": "fraud"}}', "kubectl get modelrollouts --all-namespaces"),
        (404, "404 page not found", "install the chart"),
        (403, '{"message": "user ada cannot get"}', "ClusterRole view in namespace team"),
        (401, "{}", "renew the credentials"),
        (500, '{"message": "etcd is slow"}', "etcd is slow"),
    ],
)
def test_each_refusal_has_its_remedy(status: int, body: str, words: str) -> None:
    assert words in str(refusal(status, body, "ModelRollout fraud", "team", "get modelrollouts"))
    assert isinstance(refusal(404, '{"details": {"name": "fraud"}}', "x", "team", "get modelrollouts"), NotFound)


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (
            404,
            '{"details": {"name": "team"}, "message": "namespaces \\"team\\" not found"}',
            'namespaces "team" not found',
        ),
        (404, "404 page not found", "install the chart"),
        (403, '{"message": "user ada cannot create"}', "you may not create a new TrainingRun: user ada cannot create"),
        (403, "{}", "ClusterRole edit in namespace team"),
        (401, "{}", "renew the credentials"),
        (422, '{"message": "spec.data: Required"}', "a new TrainingRun could not be created: spec.data: Required"),
    ],
)
def test_who_may_not_create_is_not_told_about_reading(status: int, body: str, words: str) -> None:
    said = str(refusal(status, body, "a new TrainingRun", "team", "create trainingruns"))
    assert words in said
    assert "read" not in said.replace("already", "")


@pytest.mark.parametrize("command", ["explain", "history"])
def test_no_cluster_is_said(
    command: str, tmp_path: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(context: str | None) -> Any:
        raise Unreadable("no cluster is known; set KUBECONFIG")

    monkeypatch.setattr(Cluster, "connect", nothing)
    assert main([command, "fraud"]) == 2
    assert "set KUBECONFIG" in capsys.readouterr().err


def test_a_dry_run_decides_nothing_and_is_not_shown_as_what_did() -> None:
    dry = {"name": "strict", "metric": "error_rate", "op": "<=", "bound": "0.01%", "enforcement": "DryRun"}
    sim = pin(serving(Behaviour(errors=0.02), gates=[dry, *spec()["gates"]]), "2").run(300, serves("2"))
    row = rows_of_history(status_of(sim.objects[KEY]).history)[0]
    assert {gate.name: gate.verdict for gate in status_of(sim.objects[KEY]).history[0].gates}["strict"] == "Breach"
    assert row.outcome == "Promoted"
    assert row.decisive is not None
    assert row.decisive.name in ("errors", "p95")
    entries = sorted((json.loads(obj["data"][ENTRY]) for obj in config_maps(sim).values()), key=lambda e: e["sequence"])
    assert [each.decisive.name for each in rows_of_entries(entries)[:1] if each.decisive] == [row.decisive.name]


def test_where_all_gates_are_dry_runs_none_decided() -> None:
    assert decisive([GateResult(name="strict", verdict="Breach", breaches=1, enforcement="DryRun")]) is None
