"""From an object as the API server holds it to its typed spec, with what is wrong or without effect in it."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from slipway.api.support import inactive_fields
from slipway.runtime.world import Object
from slipway.validation import check_spec, errors
from slipway.validation.schema import read

S = TypeVar("S", bound=BaseModel)


def read_spec(kind: str, model: type[S], obj: Object) -> tuple[S | None, str, tuple[str, ...]]:
    """The spec (None when it is not legal), why it is not, and the fields that this version does not act on.

    Checked at every reconcile: admission may have been bypassed, or have known other rules.
    """
    raw = obj.get("spec") or {}
    spec, findings = check_spec(kind, raw)
    wrong = "; ".join(str(finding) for finding in errors(findings))
    found = tuple(str(field) for field in inactive_fields(kind, raw)) if spec is not None else ()
    return (spec if isinstance(spec, model) and not wrong else None), wrong, found


def read_status(model: type[S], obj: Object) -> tuple[S, str]:
    """The status, and what of it this version cannot read; the status is the empty one then."""
    raw = obj.get("status") or {}
    try:
        return model.model_validate(raw), ""
    except ValidationError:
        return model(), "; ".join(str(finding) for finding in read(model, raw, ("status",))[1])


def invalidity(kind: str, obj: Object) -> str:
    """What is wrong with another object's spec; empty when nothing is."""
    return "; ".join(str(finding) for finding in errors(check_spec(kind, obj.get("spec") or {})[1]))
