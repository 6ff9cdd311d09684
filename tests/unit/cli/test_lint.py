"""`slipway lint` in process, without the kserve SDK."""

from __future__ import annotations

from pathlib import Path

import pytest
from slipway.cli.__main__ import main

from tests.unit.cli.manifests import CANARY, ERRORS, SHADOW, TASK, rollout, task_with_rule, text

EXAMPLES = Path(__file__).parents[3] / "examples"
WRONG = """\
# a comment first, so that lines are counted
apiVersion: slipway.dev/v1alpha1
kind: ModelRollout
metadata: {name: card-fraud}
spec:
  taskRef: {name: card-fraud}
  model: {type: MLflow, mlflow: {name: card-fraud, alias: candidate}}
  trafic: {}
  stages:
  - name: canary-5
    type: Canry
    canary:
      weight: "5"
    minDuration: 1x
"""


def lint(tmp_path: Path, written: str, *flags: str) -> int:
    """The exit code for one file."""
    path = tmp_path / "rollout.yaml"
    path.write_text(written)
    return main(["lint", "--no-kserve", *flags, str(path)])


def test_a_good_manifest_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lint(tmp_path, text(rollout(), TASK)) == 0
    assert capsys.readouterr().out == "2 manifests, 0 errors, 0 warnings\n"


def test_a_field_that_the_schema_asks_for_is_noted_and_never_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = {**TASK, "spec": {**TASK["spec"], "justification": "Complex"}}
    assert lint(tmp_path, text(task), "--strict") == 0
    notes = [line for line in capsys.readouterr().out.splitlines() if ": note: " in line]
    assert [line.split(": ")[2] for line in notes] == ["spec.justification"]


def test_errors_name_line_field_legal_values_and_remedy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lint(tmp_path, WRONG) == 1
    lines = {line.partition(": error: ")[0].rpartition(":")[2]: line for line in capsys.readouterr().out.splitlines()}
    assert "spec.trafic: unknown field; did you mean traffic?" in lines["8"]
    assert "spec.stages[0].type: 'Canry' must be one of 'Backtest', 'Shadow', 'Canary'" in lines["11"]
    assert "spec.stages[0].canary.weight: '5' must be a share" in lines["13"]
    assert "spec.stages[0].minDuration: '1x' must be a duration such as" in lines["14"]


def test_a_missing_field_is_described(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = rollout()
    del wrong["spec"]["taskRef"]
    assert lint(tmp_path, text(wrong)) == 1
    assert "spec.taskRef: is required: The ModelTask" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"stages": [SHADOW, {**CANARY, "gates": [ERRORS]}]}, "spec.stages: gates of a stage must have other names"),
        ({"traffic": {**rollout()["spec"]["traffic"], "assignment": {"header": "X-Slipway-Revision"}}}, "header"),
        ({"predictor": {"env": [{"name": "SLIPWAY_REVISION", "value": "x"}]}}, "set by the operator"),
        ({"predictor": {"env": [{"name": "WEB_CONCURRENCY", "value": "4"}]}}, "raise minReplicas"),
        ({"gates": [{**ERRORS, "metric": "error_rte"}]}, "metric must be one of error_rate, latency_p50"),
        ({"gates": [ERRORS, ERRORS]}, "name must be unique, found twice: errors"),
        (
            {"gates": [{**ERRORS, "ratioToStable": "1.1"}]},
            "set exactly one of bound, ratioToStable",
        ),
        (
            {"stages": [{**CANARY, "name": "b"}, {**CANARY, "canary": {"weight": "1%"}}]},
            "weights that do not fall from one to the next",
        ),
    ],
)
def test_what_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, object], expected: str
) -> None:
    assert lint(tmp_path, text(rollout(**changes))) == 1
    assert expected in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"stages": [CANARY, SHADOW]}, "Shadow after canary-5"),
        ({"stages": [SHADOW]}, "no stage of type Canary or ABTest"),
        ({"gates": []}, "no gate is enforced"),
        ({"gates": [{**ERRORS, "enforcement": "DryRun"}]}, "no gate is enforced"),
        ({"gates": [{"name": "e", "metric": "error_rate", "op": "<=", "ratioToStable": "1.5"}]}, "first revision"),
        ({"gates": [{**ERRORS, "op": ">="}]}, "did you mean <=?"),
        ({"stages": [SHADOW, {**CANARY, "canary": {"weight": "0.01%"}}]}, "0.01% becomes 0.024%"),
        ({"stages": [{**SHADOW, "minDuration": "0s"}, CANARY]}, "no time at all"),
        (
            {"rollback": {"window": {"revisions": 2}}},
            "spec.rollback.window: accepted, but not acted on by this version",
        ),
        (
            {"promotion": {"keepPrevious": {"atMost": "30d"}}},
            "spec.promotion.keepPrevious.atMost: acted on only in part by this version",
        ),
    ],
)
def test_what_is_odd(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, object], expected: str
) -> None:
    assert lint(tmp_path, text(rollout(**changes))) == 0
    assert expected in capsys.readouterr().out
    assert lint(tmp_path, text(rollout(**changes)), "--strict") == 1


def test_a_gate_is_held_against_the_type_of_its_task(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gate = {"name": "error", "metric": "rmse", "op": "<=", "bound": "3"}
    assert lint(tmp_path, text(TASK, rollout(gates=[ERRORS, gate]))) == 1
    said = capsys.readouterr().out
    assert "spec.gates[1].metric: 'rmse' is no metric of a BinaryClassification" in said
    assert "average_precision" in said


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("amount > '5'", "character 10: '5' is a text where a number is needed"),
        ("country == 5", "character 12: 5 is a number where a text is needed"),
        ("note == 'x'", "character 1: 'note' is no feature that can be used here"),
        ("amount >", "character 9: cannot be read here; legal are and, or, not"),
        ("open('x') == 'x'", "character 1: open('x') is not allowed; legal are and, or, not, comparisons"),
    ],
)
def test_a_rule_that_cannot_be_read_is_refused_with_its_name_and_the_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], condition: str, expected: str
) -> None:
    assert lint(tmp_path, text(task_with_rule(**{"if": condition}))) == 1
    assert f"error: spec.rules.when[0].if: rule 'large', {expected}" in capsys.readouterr().out


def test_a_good_rule_is_no_error_and_a_regressions_rule_predicts_a_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lint(tmp_path, text(task_with_rule())) == 0
    assert "spec.rules" not in capsys.readouterr().out
    regression = task_with_rule(predict="much")
    regression["spec"] |= {"type": "Regression", "label": {"column": "y"}, "metrics": {"primary": "rmse"}}
    regression["spec"]["criteria"] = [{"name": "near", "expression": "rmse <= 3"}]
    assert lint(tmp_path, text(regression)) == 1
    assert "spec.rules.when[0].predict: 'much' must be a number: the task is a Regression" in capsys.readouterr().out


def test_an_unknown_kind_and_a_wrong_version(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        lint(tmp_path, text({**rollout(), "kind": "ModelRollot"}, {**rollout(), "apiVersion": "slipway.dev/v1"})) == 1
    )
    said = capsys.readouterr().out
    assert "'ModelRollot' is no kind of slipway.dev; legal: ModelTask, TrainingRun, ModelRollout" in said
    assert "'slipway.dev/v1' must be 'slipway.dev/v1alpha1'" in said


def test_a_name_too_long_for_what_is_derived_from_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lint(tmp_path, text({**rollout(), "metadata": {"name": "x" * 36}})) == 1
    assert "metadata.name must have at most 35 characters" in capsys.readouterr().out


def test_a_name_too_long_for_its_namespace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lint(tmp_path, text({**rollout(), "metadata": {"name": "x" * 30, "namespace": "n" * 10}})) == 1
    said = capsys.readouterr().out
    assert "metadata.name and the namespace 'nnnnnnnnnn' must have at most 39 characters together, have 40" in said
    batch = {**rollout(), "metadata": {"name": "x" * 30, "namespace": "n" * 10}}
    del batch["spec"]["traffic"]
    lint(tmp_path, text(batch))
    assert "characters together" not in capsys.readouterr().out, "no host without requests"


def test_one_object_written_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lint(tmp_path, text(rollout(), rollout())) == 1
    assert "ModelRollout 'card-fraud' is written a second time, see" in capsys.readouterr().out


def test_other_groups_are_passed_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lint(tmp_path, text({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}, TASK)) == 0
    assert "1 manifest, 0 errors, 0 warnings, 1 of other groups passed over" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("spec: {a: 1\n", "rollout.yaml:2: not YAML"),
        ("a: 1\nb: 2\na: 3\n", "rollout.yaml:3: not YAML: the key 'a' is written twice"),
        ("a: \x00", "rollout.yaml"),
    ],
)
def test_what_is_no_yaml(tmp_path: Path, capsys: pytest.CaptureFixture[str], written: str, expected: str) -> None:
    assert lint(tmp_path, written) == 2
    assert expected in capsys.readouterr().err


def test_a_missing_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "--no-kserve", str(tmp_path / "absent.yaml")]) == 2
    assert "absent.yaml: No such file or directory" in capsys.readouterr().err


@pytest.mark.parametrize(
    "directory", sorted({path.parent for path in EXAMPLES.rglob("*.yaml")}), ids=lambda path: path.name
)
def test_the_examples_are_clean(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = sorted(str(each) for each in directory.glob("*.yaml"))
    assert main(["lint", "--no-kserve", *files]) == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    ("bound", "change", "warned"),
    [
        ("0.04%", {}, True),
        ("0", {}, True),
        ("0.041%", {}, False),
        ("0.04%", {"initialRevision": "ServeDirectly"}, False),
        ("0.04%", {"enforcement": "DryRun"}, False),
    ],
)
def test_a_bound_that_no_first_revision_can_prove_is_warned_of_with_the_smallest_that_one_can(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], bound: str, change: dict[str, object], warned: bool
) -> None:
    gate = ERRORS | {"bound": bound, "enforcement": change.get("enforcement", "Enforce")}
    spec = {key: value for key, value in change.items() if key != "enforcement"}
    assert lint(tmp_path, text(rollout(gates=[ERRORS | {"name": "first"}, gate], **spec), TASK)) == 0
    said = [line for line in capsys.readouterr().out.splitlines() if "spec.gates[1].bound" in line]
    assert bool(said) is warned
    for line in said:
        assert "warning" in line
        assert f"{bound} can be proved of no first revision" in line
        assert "0.041%" in line
        assert "ServeDirectly" in line


def test_the_manifests_of_a_list_are_checked_each_at_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    indented = "".join(f"  {line}\n" for line in WRONG.splitlines()[1:])
    listed = "apiVersion: v1\nkind: List\nitems:\n- " + indented.removeprefix("  ")
    other = "- {apiVersion: v1, kind: ConfigMap, metadata: {name: x}}\n"
    assert lint(tmp_path, listed + other) == 1
    out = capsys.readouterr().out
    assert "rollout.yaml:10: error: spec.trafic: unknown field" in out
    assert "1 manifest," in out
    assert "1 of other groups passed over" in out
    assert lint(tmp_path, "apiVersion: v1\nkind: List\nitems: []\n") == 0
