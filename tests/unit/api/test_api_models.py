"""The models read what the API server accepts, refuse what it refuses, and cannot be changed."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError
from slipway.api.v1alpha1 import KINDS, ModelRolloutSpec, TrainingRunSpec
from slipway.api.v1alpha1.conditions import Condition
from slipway.api.v1alpha1.rollout_status import ModelRolloutStatus

from tests.controlplane.wrong_manifests import SPECS, Wrong, all_good, good

SPEC_OF = {kind.kind: kind.spec for kind in KINDS}
GOOD = all_good()


@pytest.mark.parametrize("name", GOOD)
def test_good_manifests_are_read_and_written_back(name: str) -> None:
    manifest = GOOD[name]
    spec = SPEC_OF[manifest["kind"]].model_validate(manifest["spec"])
    written = spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert SPEC_OF[manifest["kind"]].model_validate(written) == spec


@pytest.mark.parametrize("wrong", SPECS, ids=lambda wrong: f"{wrong.base}: {wrong.name}")
def test_wrong_manifests_are_refused_by_the_models_too(wrong: Wrong) -> None:
    manifest = wrong.manifest()
    with pytest.raises(ValidationError):
        SPEC_OF[manifest["kind"]].model_validate(manifest["spec"])


def test_a_union_says_which_members_there_are() -> None:
    spec = good("modelrollout-phishing")[0]["spec"]
    spec["stages"][0]["type"] = "Canary"
    with pytest.raises(ValidationError, match=r"Shadow \(shadow\), Canary \(canary\)"):
        ModelRolloutSpec.model_validate(spec)


def test_an_unknown_field_is_an_error_in_a_spec_and_none_in_a_status() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        ModelRolloutSpec.model_validate(good("modelrollout-phishing")[0]["spec"] | {"weight": "5%"})
    assert ModelRolloutStatus.model_validate({"phase": "Canary", "somethingNewer": 1}).phase == "Canary"


def test_a_spec_cannot_be_changed() -> None:
    spec = ModelRolloutSpec.model_validate(good("modelrollout-phishing")[0]["spec"])
    with pytest.raises(ValidationError, match="frozen"):
        spec.paused = True  # type: ignore[misc]


def test_defaults_of_the_smallest_rollout() -> None:
    spec = ModelRolloutSpec.model_validate(good("modelrollout-phishing")[0]["spec"])
    assert spec.model is not None
    assert (spec.model.on_new_version, spec.initial_revision, spec.on_breach) == ("Queue", "Gated", "Rollback")
    assert spec.warm_up.seconds == 30
    assert spec.promotion.keep_previous.at_least.seconds == 7 * 86_400
    assert spec.rollback.scale_down_delay.seconds == 600
    assert spec.predictor.min_replicas == 1
    assert spec.gates[0].on_unknown.after.seconds == 1800
    assert spec.traffic is not None
    assert spec.traffic.assignment is not None
    assert spec.traffic.assignment.header == "x-slipway-bucket"
    assert spec.stages[0].shadow is not None
    assert spec.stages[0].shadow.percent.fraction == 1


def test_a_run_reads_its_awkward_fields() -> None:
    spec = TrainingRunSpec.model_validate(good("trainingrun-builtin")[0]["spec"])
    assert spec.folds == 5
    assert spec.registration is not None
    assert (spec.registration.model, spec.registration.alias) == ("phishing", "candidate")
    assert spec.data.split.train.fraction + spec.data.split.validation.fraction + spec.data.split.test.fraction == 1


def test_quantities_may_be_numbers() -> None:
    spec = TrainingRunSpec.model_validate(good("trainingrun-function")[0]["spec"])
    assert spec.resources is not None
    assert spec.resources.train is not None
    assert spec.resources.train.limits == {"nvidia.com/gpu": "1"}


@pytest.mark.parametrize("reason", ["", "two words", "1st", "ends,"])
def test_a_condition_has_a_reason_that_a_program_can_compare(reason: str) -> None:
    with pytest.raises(ValidationError):
        Condition(type="Ready", status="True", last_transition_time="2026-01-01T00:00:00Z", reason=reason, message="")  # type: ignore[arg-type]


def test_every_model_reads_by_attribute_name_as_well() -> None:
    spec = ModelRolloutSpec.model_validate(good("modelrollout-card-fraud")[0]["spec"])
    assert ModelRolloutSpec.model_validate(_by_name(spec)) == spec


def _by_name(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return {name: _by_name(getattr(value, name)) for name in type(value).model_fields}
    return tuple(_by_name(item) for item in value) if isinstance(value, tuple) else value
