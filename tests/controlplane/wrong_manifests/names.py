"""Names and parts that the API server refuses; the models do not see a name."""

from __future__ import annotations

from tests.controlplane.wrong_manifests.manifest import ABSENT, Wrong

_SMALL = "modelrollout-phishing"
_POLICY = "retrainpolicy-card-fraud"
_RUN = "trainingrun-function"
_DIGITS = "4" * 40

NAMES = (
    Wrong("long rollout", _SMALL, "metadata/name", "r" * 36, ("metadata.name must have at most 35",)),
    Wrong("rollout with a digit", _SMALL, "metadata/name", "4you", ("begin with a letter",)),
    Wrong("rollout with a dot", _SMALL, "metadata/name", "a.b", ("letters, digits and '-'",)),
    Wrong("long policy", _POLICY, "metadata/name", "p" + _DIGITS, ("metadata.name must have at most 40",)),
    Wrong("long run", _RUN, "metadata/name", "r" + _DIGITS + "123456789012", ("metadata.name must have at most 52",)),
    Wrong("no spec", _SMALL, "spec", ABSENT, ("spec", "Required value")),
)
