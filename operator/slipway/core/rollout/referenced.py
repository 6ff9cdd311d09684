"""What the condition ReferencesResolved says of the Secrets and ConfigMaps that the predictor names."""

from __future__ import annotations

from slipway.core.named_contents import MISSING, named_by
from slipway.core.plan import Unavailable
from slipway.core.rollout.turn import Turn


def references_resolved(turn: Turn) -> dict[str, tuple[str, str, str]]:
    """Nothing is said where nothing is named. Never a word of what stands in them."""
    named, contents = named_by(turn.spec.predictor), turn.snapshot.contents
    if not named:
        return {}
    if isinstance(contents, Unavailable):
        status = "False" if contents.reason == MISSING else "Unknown"
        return {"ReferencesResolved": (status, contents.reason, contents.message)}
    secrets = sorted({each.name for each in named if each.kind == "Secret"})
    if secrets and not turn.snapshot.installation.read_secrets:
        message = (
            f"the installation lets the operator read no Secrets (secrets.read of the chart): changed contents of "
            f"{', '.join(secrets)} make no revision and reach a pod when it starts"
        )
        return {"ReferencesResolved": ("False", "SecretsNotRead", message)}
    names = sorted({f"{each.kind} {each.name}" for each in named})
    return {"ReferencesResolved": ("True", "Resolved", f"their contents count into the revision: {', '.join(names)}")}
