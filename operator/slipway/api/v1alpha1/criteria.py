"""The language of criteria, stated once as a grammar: for the API server (CEL), for reconcile and for evaluation.

    metric[@k | /class | /slice | [average]] op bound [at metric op bound] [with confidence c]

where bound is a number, a percentage, or the same metric of a baseline: rules.net_value, linear.recall, champion.f1.
"""

from __future__ import annotations

import re
from typing import Annotated

from slipway.api.v1alpha1.constraints import Text

_METRIC = r"[a-z][a-z0-9_]*(@[1-9][0-9]{0,3}|/[A-Za-z0-9_.=-]{1,64}|\[(micro|macro|weighted)\])?"
_OP = r" *(>=|<=|>|<) *"
_BOUND = r"(-?[0-9]{1,12}(\.[0-9]{1,9})?%?|(rules|linear|champion)\.[a-z][a-z0-9_]*)"
_NUMBER = r"-?[0-9]{1,12}(\.[0-9]{1,9})?%?"
CRITERION = rf"^{_METRIC}{_OP}{_BOUND}( +at +{_METRIC}{_OP}{_NUMBER})?( +with +confidence +0\.[0-9]{{1,6}})?$"
_PLAIN = re.compile(
    rf"^[a-z][a-z0-9_]*{_OP}({_NUMBER}|(rules|linear)\.[a-z][a-z0-9_]*)"
    rf"( +at +[a-z][a-z0-9_]*{_OP}{_NUMBER})?( +with +confidence +0\.[0-9]{{1,6}})?$"
)

Criterion = Annotated[
    str,
    Text(
        300,
        CRITERION,
        "metric op bound, such as 'recall >= 0.95 at precision >= 0.80 with confidence 0.95' or "
        "'net_value >= rules.net_value' (op: >=, <=, >, <; metric may carry @k, /class or [macro])",
    ),
]


def is_plain(expression: str) -> bool:
    """Whether this version evaluates it: bare metrics (no @k, /class, [average]), bounds that are numbers or those of
    the rules or the linear model."""
    return _PLAIN.match(expression.strip()) is not None


def metric_of(expression: str) -> str:
    """The bare name of the metric that a criterion is about."""
    match = re.match(r"[a-z][a-z0-9_]*", expression.strip())
    return match.group(0) if match else ""
