"""Validating webhooks: the findings of `slipway.validation` at the moment of `kubectl apply`, on every replica.

They are a convenience: structure is the API server's own check (CRD, CEL), the configuration is the chart's and fails
open, and every reconcile checks everything again. So a fault of ours lets the object pass, and never refuses it.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any

import kopf

from slipway.api.v1alpha1.base import GROUP, VERSION
from slipway.runtime import options
from slipway.validation import Finding, check

PLURALS = ("modeltasks", "trainingruns", "modelrollouts", "retrainpolicies", "rolloutrequests", "metrictemplates")
# kopf runs the handlers whose id is the request's path, and none for another path: the chart's configuration names it.
HANDLER = "validate"
UNPROCESSABLE = 422
log = logging.getLogger(__name__)


def install(
    registry: kopf.OperatorRegistry, settings: kopf.OperatorSettings, chosen: options.Options | None = None
) -> None:
    """Adds the handlers and the server that calls them. Without `chosen`: the options of this process.

    kopf reads the certificate's files again when they change, so a renewal needs no restart.
    """
    chosen = chosen or options.parse(sys.argv[1:])
    settings.admission.managed = None
    settings.admission.server = kopf.WebhookServer(
        port=chosen.webhook_port, certfile=chosen.webhook_cert, pkeyfile=chosen.webhook_key
    )
    for plural in PLURALS:
        kopf.on.validate(GROUP, VERSION, plural, id=HANDLER, operations=["CREATE", "UPDATE"], registry=registry)(
            review_request
        )


async def review_request(*, body: Mapping[str, Any], warnings: list[str], **review_of: Any) -> None:
    """One admission review, as kopf hands it over."""
    old = review_of.get("old")
    refused, odd = review(dict(body), None if old is None else dict(old))
    warnings.extend(odd)
    if refused:
        raise kopf.AdmissionError("; ".join(refused), code=UNPROCESSABLE)


def review(new: Mapping[str, Any], old: Mapping[str, Any] | None) -> tuple[list[str], list[str]]:
    """What to refuse, and what to warn of.

    What was wrong before an update is no reason to refuse it: somebody may be mending something else, or deleting.
    """
    try:
        found = check(new)
        known = set(check(old)) if old is not None else set()
    except Exception as failed:
        log.exception("admission: %s %s was not checked", new.get("kind"), _name(new))
        return [], [f"slipway could not check this object ({type(failed).__name__}); its conditions will say more"]
    deleting = "deletionTimestamp" in new.get("metadata", {})
    refused = [str(each) for each in found if _is_error(each) and each not in known and not deleting]
    return refused, [str(each) for each in found if str(each) not in refused]


def _is_error(finding: Finding) -> bool:
    return finding.severity == "Error"


def _name(obj: Mapping[str, Any]) -> str:
    metadata = obj.get("metadata", {})
    return f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"
