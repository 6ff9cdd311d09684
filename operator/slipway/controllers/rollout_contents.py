"""What a rollout's predictor names of Secrets and ConfigMaps, as one digest."""

from __future__ import annotations

from slipway.core.named_contents import Found, contents_digest, named_by
from slipway.core.plan import ObjectKey, Unavailable
from slipway.core.rollout import Snapshot
from slipway.runtime.world import World


async def contents(snapshot: Snapshot, world: World) -> str | Unavailable:
    """Without a right to read Secrets theirs do not count; ConfigMaps always do."""
    if snapshot.spec is None:
        return ""
    readable = ("Secret", "ConfigMap") if snapshot.installation.read_secrets else ("ConfigMap",)
    named = tuple(each for each in named_by(snapshot.spec.predictor) if each.kind in readable)
    objects = sorted({(each.kind, each.name) for each in named})
    found: Found = {
        (kind, name): await world.content_digests(ObjectKey("v1", kind, snapshot.namespace, name))
        for kind, name in objects
    }
    return contents_digest(named, found)
