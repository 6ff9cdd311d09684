"""Models of the simulated registry with the fingerprints that a training gives them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from slipway.api.v1alpha1.fingerprints import DefinedFeature, Fingerprints, Inputs
from slipway.api.v1alpha1.modeltask import ModelTaskSpec
from slipway.features.definitions import FORMAT, definitions

from tests.unit.core.jobs_model import TASK_SPEC

EACH = {"name": "each", "expression": "amount / items"}
FEATURES = [{"name": "amount", "type": "Numeric"}, {"name": "items", "type": "Numeric"}, EACH]


def task(*features: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """The spec of the simulated task, with other features."""
    return {**copy.deepcopy(TASK_SPEC), "features": copy.deepcopy(list(features or FEATURES)), **changes}


def fingerprints(spec: Mapping[str, Any]) -> Fingerprints:
    """What a model carries that is trained now."""
    found = definitions(ModelTaskSpec.model_validate(spec))
    return Fingerprints(format=FORMAT, digests={one.name: one.digest for one in found})


def inputs(spec: Mapping[str, Any], **changes: Any) -> Inputs:
    """What its run records."""
    found = definitions(ModelTaskSpec.model_validate(spec))
    return Inputs(format=FORMAT, features=tuple(DefinedFeature(**vars(one)) for one in found), **changes)


def redefined(expression: str) -> list[dict[str, Any]]:
    """The features with another expression."""
    return [*copy.deepcopy(FEATURES[:2]), {"name": "each", "expression": expression}]
