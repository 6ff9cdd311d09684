"""`slipway conform`: the command against servers of this machine, and the pod that it would make of an image."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from slipway.cli import conform, conform_pod
from slipway.cli.__main__ import main
from slipway.cli.conform_pod import PROBER, SERVER, CannotRun, Order, Trial, death, pod, tried, waiting
from slipway_serving.probe.contract.__main__ import _parsed
from slipway_serving.probe.contract.clauses import CLAUSES, Finding
from slipway_serving.service.predictionlog.settings import read_log_settings

from tests.unit.cli.sdk import slipway
from tests.unit.serving.models import Slow, save_object
from tests.unit.serving.servers import Served, example, serving

pytestmark = pytest.mark.long

ORDER = Order("registry/x@sha256:1", "team", "fraud", "builder:1", {"MODE": "fast"}, parts=("serve", "judge"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("server")
    with serving(save_object(home / "model", Slow(0.0)), home) as one:
        one.wait(seconds=300)
        yield one


def test_a_good_server_conforms_line_by_line(server: Served, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conform", "--url", f"http://127.0.0.1:{server.port}", "--model", "fraud"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith("it conforms: ")
    assert [line.split()[1] for line in lines[:-1]] == [c.id for c in CLAUSES.values() if c.part != "log"]
    assert {line.split()[0] for line in lines[:-1]} == {"ok", "skipped"}
    stop = next(line for line in lines if " stop " in line)
    assert "give --pid" in stop


def test_json_and_the_part_that_is_asked_for(server: Served, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["conform", "--url", f"http://127.0.0.1:{server.port}", "--output", "json", "--only", "judge"]
    assert main([*words, "--revision", "another"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["conforms"] is False
    assert {clause["part"] for clause in document["clauses"]} == {"judge"}
    (failed,) = (clause for clause in document["clauses"] if clause["outcome"] == "fail")
    assert (failed["id"], "'r1'" in failed["message"], bool(failed["remedy"])) == ("info", True, True)


def test_the_example_is_tried_as_its_document_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with example(tmp_path) as one:
        words = ["--url", f"http://127.0.0.1:{one.port}", "--pid", str(one.process.pid), "--only", "serve"]
        assert main(["conform", *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[1] for line in lines if line.startswith("ok ")} >= {"bad-type", "stop", "stop-ends"}


def test_nobody_at_the_address_is_a_failed_clause(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conform", "--url", "http://127.0.0.1:9", "--ready-seconds", "0.2"]) == 1
    assert "FAIL     ready " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give IMAGE or --url"),
        (["image:1", "--url", "http://h"], "give IMAGE or --url"),
        (["--url", "https://host:1"], "is no http://HOST:PORT"),
        (["--url", "http://host:1/path"], "is no http://HOST:PORT"),
    ],
)
def test_a_wrong_call_is_said(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code: Any = main(["conform", *words])
    except SystemExit as ended:
        code = ended.code
    assert code == 2
    assert said in capsys.readouterr().err


def test_the_command_works_in_its_own_environment(tmp_path: Path) -> None:
    done = slipway("conform", "--help")
    assert (done.returncode, "usage: slipway conform" in done.stdout) == (0, True)
    done = slipway("conform", "image:1", "--context", "nowhere")
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert "slipway conform: no cluster to run it in" in done.stderr


def test_the_pod_is_confined_and_its_prober_is_called_rightly() -> None:
    made = pod("conform-1", Order(**{**vars(ORDER), "log": True, "parts": ("serve", "judge", "log")}))
    spec, (server,), (prober,) = made["spec"], made["spec"]["initContainers"], made["spec"]["containers"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["shareProcessNamespace"] is True
    for container in (server, prober):
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        names = {volume["name"] for volume in spec["volumes"]}
        assert {mount["name"] for mount in container["volumeMounts"]} <= names
    assert all("emptyDir" in volume for volume in spec["volumes"])
    env = {one["name"]: one["value"] for one in server["env"]}
    assert (env["MODE"], env["SLIPWAY_ROLLOUT"]) == ("fast", "team/fraud")
    asked, log = _parsed(prober["args"]), read_log_settings(env)
    assert log is not None
    assert f"file://{asked.log}" == log.uri
    assert (asked.model, asked.rollout, asked.revision) == ("fraud", "team/fraud", env["SLIPWAY_REVISION"])
    assert (asked.latency_edge, asked.confined) == (env["SLIPWAY_LATENCY_EDGES"], True)


DENIED = "starting\nOSError: [Errno 30] Read-only file system: '/x'\n"


class Kubelet:
    """Pods that a list of states tells of, one a look: there is no kubelet here, and none fails on request."""

    def __init__(self, *states: dict[str, Any], log: str = "", server: str = DENIED) -> None:
        self._states, self._log, self._server = list(states), log, server
        self.deleted: list[str] = []

    def create(self, manifest: Any) -> None:
        pass

    def read(self, name: str) -> Any:
        return self._states.pop(0) if len(self._states) > 1 else self._states[0]

    def log(self, name: str, container: str, last: int | None = None, previous: bool = False) -> str:
        if container == SERVER and previous:
            raise CannotRun("there is no previous one")
        return self._log if container == PROBER else self._server

    def delete(self, name: str) -> None:
        self.deleted.append(name)


def seen(server: dict[str, Any], prober: dict[str, Any], last: dict[str, Any] | None = None) -> dict[str, Any]:
    status = {"name": SERVER, "state": server, **({"lastState": last} if last else {})}
    return {
        "status": {"initContainerStatuses": [status], "containerStatuses": [{"name": PROBER, "state": prober}]},
    }


RUNNING = {"running": {"startedAt": "now"}}
BROKEN = {"terminated": {"exitCode": 1, "reason": "Error", "message": "a\nValueError: no model"}}
PULLING = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
FOUND = '{"say": "waiting"}\n{"finding": {"clause": "ready", "outcome": "ok", "message": ""}}\n{"done": true}\n'


def trial(kubelet: Kubelet, monkeypatch: pytest.MonkeyPatch) -> tuple[Trial, list[str], list[Finding]]:
    monkeypatch.setattr(conform_pod.time, "sleep", lambda _: None)
    said: list[str] = []
    found: list[Finding] = []
    done = tried(ORDER, kubelet, said.append, found.append)
    return done, said, found


def test_a_trial_follows_the_prober_and_deletes_the_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    kubelet = Kubelet(seen({"waiting": {"reason": "PodInitializing"}}, {}), seen(RUNNING, RUNNING), log=FOUND)
    done, said, found = trial(kubelet, monkeypatch)
    assert done.findings == (Finding("ready", "ok"),) == tuple(found)
    assert "waiting" in said
    assert len(kubelet.deleted) == 1


def test_a_server_that_dies_is_blamed_on_its_confinement_where_its_log_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    kubelet = Kubelet(seen(RUNNING, RUNNING), seen({"waiting": {"reason": "CrashLoopBackOff"}}, RUNNING, BROKEN))
    done, _, _ = trial(kubelet, monkeypatch)
    assert [finding.clause for finding in done.findings if finding.outcome == "fail"] == ["confined"]
    assert {finding.outcome for finding in done.findings} == {"fail", "skipped"}
    assert done.log[-1].startswith("OSError")
    assert len(kubelet.deleted) == 1


def test_where_the_log_is_removed_already_the_last_words_stand_in_the_status(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = {"terminated": {"exitCode": 1, "reason": "Error", "message": DENIED + "the end"}}
    gone = "unable to retrieve container logs for containerd://d27fa0"
    done, _, _ = trial(Kubelet(seen(RUNNING, RUNNING, ended), server=gone), monkeypatch)
    assert [finding.clause for finding in done.findings if finding.outcome == "fail"] == ["confined"]
    assert done.log == ("starting", "OSError: [Errno 30] Read-only file system: '/x'", "the end")


@pytest.mark.parametrize(
    ("state", "log", "said"),
    [
        (seen(PULLING, {}), "", "no such image"),
        (seen(RUNNING, {"terminated": {"exitCode": 1}}), "No module named contract\n", "--prober must name"),
    ],
)
def test_what_cannot_be_run_is_no_verdict(
    state: dict[str, Any], log: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubelet = Kubelet(state, log=log)
    with pytest.raises(CannotRun, match=said):
        trial(kubelet, monkeypatch)
    assert len(kubelet.deleted) == 1


def test_the_words_of_kubelet_and_scheduler() -> None:
    assert death(seen(RUNNING, RUNNING, BROKEN)) == "its process ended with exit code 1: Error: ValueError: no model"
    assert death(seen(RUNNING, RUNNING)) == ""
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}
    assert waiting({"status": {"conditions": [condition]}}) == "Unschedulable: 0/1 nodes"


def test_one_line_says_what_was_asked_seen_and_what_to_do() -> None:
    said = conform.line(Finding("bad-json", "fail", "answered 500:\n  oops"))
    assert said.startswith("FAIL     bad-json ")
    assert "answered 500: oops; remedy: answer 400" in said
