"""A model that is continued with new rows instead of being trained anew."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from slipway.api.v1alpha1.base import Rule, Spec, Status
from slipway.api.v1alpha1.constraints import ListOf, Text, Uri
from slipway.api.v1alpha1.scalars import Share

CONTINUED = ("StochasticGradient", "NeuralNetwork", "NaiveBayes")
"""Estimators of a built-in trainer that learn from further rows without forgetting what they are (partial_fit)."""

MOST_BATCHES = 100
_LISTED = ", ".join(f"'{name}'" for name in CONTINUED)
_LEGAL = ", ".join(CONTINUED)

Base = Annotated[
    str, Text(300, r"^models:/[^/\s]+/[1-9][0-9]*$", "a registered version, such as models:/card-fraud/7, no alias")
]


class Incremental(Spec):
    """Continues an earlier version with new rows. Each batch is tested on before it is learnt from."""

    base: Base = Field(description="The registered version to continue, such as models:/card-fraud/7.")
    batches: Annotated[tuple[Uri, ...], ListOf(MOST_BATCHES)] = Field(
        (),
        description="Files of new rows, each one batch, in the order of their rows; read with the credentials of the "
        "source on the same server. Absent: one batch, of all rows of data.sources that are newer than what the base "
        "has seen.",
    )
    tolerance: Share = Field(
        Share("1%"),
        description="How much of the base's primary metric may be lost on the rows that validated the first version, "
        "before the condition Forgetting says so.",
    )


def continues(field: str) -> tuple[Rule, ...]:
    """What a run that continues a model cannot be asked for. `field` is how the message calls what asks for it."""
    return tuple(
        Rule(f"!has(self.incremental) || ({cel})", f"{field} {message}", _held(check))
        for cel, message, check in _DEMANDS
    )


def policy_continues() -> tuple[Rule, ...]:
    """The same of the runs of a policy with mode Incremental, which sets the base of each of them."""
    spec = "self.runTemplate.spec"
    own = Rule(
        f"!has({spec}.incremental)",
        "runTemplate.spec.incremental is set by the policy: take it out, and set mode: Incremental",
        lambda policy: policy.run_template.spec.incremental is None,
    )
    return own, *(
        Rule(
            f"self.mode != 'Incremental' || ({cel.replace('self.', f'{spec}.')})",
            f"mode: Incremental {message}",
            _held_by_policy(check),
        )
        for cel, message, check in _DEMANDS
    )


def _built_in(spec: Any) -> bool:
    return spec.trainer.built_in is not None and spec.trainer.built_in.estimator in CONTINUED


_DEMANDS = (
    (
        f"has(self.trainer.builtIn) && self.trainer.builtIn.estimator in [{_LISTED}]",
        f"needs an estimator with partial_fit: trainer.type BuiltIn with builtIn.estimator {_LEGAL}",
        _built_in,
    ),
    (
        "!has(self.tuning)",
        "keeps the parameters of the first version: take tuning out, and search in a run that trains in full",
        lambda spec: spec.tuning is None,
    ),
    (
        "!has(self.reproduces)",
        "cannot stand beside reproduces: a run that continues a version is not trained from its rows alone",
        lambda spec: spec.reproduces is None,
    ),
    (
        "!has(self.folds) || (type(self.folds) == string ? self.folds == 'Auto' : self.folds == 0)",
        "tests each row before it learns from it, so there are no folds: set folds to Auto or 0",
        lambda spec: spec.folds in ("Auto", 0),
    ),
    (
        "has(self.register)",
        "needs register: each run makes a version that the next one continues",
        lambda spec: spec.registration is not None,
    ),
    (
        "!self.data.sources.exists(s, has(s.origin) && s.origin == 'Synthetic')",
        "is tested on each row that it learns, and made rows prove nothing: take sources of origin Synthetic out",
        lambda spec: all(source.origin != "Synthetic" for source in spec.data.sources),
    ),
)  # fmt: skip


def _held(check: Any) -> Any:
    return lambda spec: spec.incremental is None or check(spec)


def _held_by_policy(check: Any) -> Any:
    return lambda policy: policy.mode != "Incremental" or check(policy.run_template.spec)


class LearntBatch(Status):
    """One batch that a run has learnt from."""

    digest: str = Field("", description="Digest of its rows.")
    rows: int = Field(0, description="Rows that were learnt.")
    judged: int = Field(0, description="Those of them that were predicted first, and count in the metrics.")
    since: datetime | None = Field(None, description="Time of its oldest row.")
    until: datetime | None = Field(None, description="Time of its newest row.")


class Increment(Status):
    """What a run with spec.incremental has added to its base."""

    base: str = Field("", description="The version that it continued.")
    lineage: str = Field("", description="Digest of the first version's rows and of all batches since, in their order.")
    batches: Annotated[tuple[LearntBatch, ...], Field(max_length=MOST_BATCHES)] = Field(
        (), description="The batches of this run, in order."
    )
    before: int = Field(0, description="Batches that the base had learnt from before.")
    waiting: str = Field("", description="Why no version was made, where there was nothing to learn from yet.")


NOTHING_NEW = "NothingNew"
"""Reason of a run that has ended well without a version: there was nothing to learn from yet."""

UNCONTINUABLE = (
    "BaseNotFound", "BaseChanged", "BaseNotContinuable", "TaskChanged", "FeatureDefinitionChanged", "EstimatorChanged",
    "ParametersChanged", "ClassUnknown",
)  # fmt: skip
"""Reasons of a run that failed since its base cannot be continued, today or ever: a training in full mends them."""
