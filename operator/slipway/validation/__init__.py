"""What is wrong with a manifest, in words for its author: one set of pure checks for admission, reconcile and lint."""

from slipway.validation.findings import Finding, errors
from slipway.validation.manifest import check, check_spec
from slipway.validation.together import check_together

__all__ = ["Finding", "check", "check_spec", "check_together", "errors"]
