"""Which kinds kopf watches: every one that the API server serves, however shortly after its CRD came."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence

import aiohttp
import kopf

# kopf has no public name for these; the versions that the locks allow have them here.
from kopf._cogs.clients.auth import vault_var
from kopf._cogs.clients.errors import APIError
from kopf._cogs.structs.credentials import Vault
from kopf._cogs.structs.references import Insights
from kopf._core.reactor.observation import process_discovered_resource_event

from slipway.runtime.kinds import Kind

_TRIES, _PAUSE = 10, 1.0

log = logging.getLogger(__name__)


class Discovery:
    """kopf asks what a group serves once, at the event of a CRD, and may ask a moment before the CRD is served.

    Then it would never watch that kind. A sweep that could list it knows better, and has kopf ask again.
    """

    def __init__(
        self,
        kinds: Sequence[Kind],
        registry: kopf.OperatorRegistry,
        settings: kopf.OperatorSettings,
        pause: float = _PAUSE,
    ) -> None:
        """`pause` is the time between two questions in seconds."""
        self._kinds, self._registry, self._settings, self._pause = kinds, registry, settings, pause
        self.insights, self.vault = Insights(), Vault()

    async def complete(self, missing: Collection[str]) -> None:
        """After a sweep that found all kinds but the `missing` ones."""
        if not self.insights.ready_resources.is_set():
            return  # kopf's own first look is still under way; the lists that follow it ask for a sweep
        vault_var.set(self.vault)  # kopf's tasks have it in their context; this is another task
        for _ in range(_TRIES):
            unwatched = self._unwatched(missing)
            if not unwatched:
                return
            try:
                await self._ask({kind.group for kind in unwatched})
            except (APIError, aiohttp.ClientError, TimeoutError) as error:
                log.warning("the API server did not say which kinds it serves: %s", error)
            await asyncio.sleep(self._pause)
        names = ", ".join(sorted(kind.kind for kind in self._unwatched(missing)))
        if names:
            log.warning("listed, but not offered for watching: %s; read at each sweep only", names)

    async def _ask(self, groups: Collection[str]) -> None:
        for group in sorted(groups):
            await process_discovered_resource_event(
                raw_event={"type": "MODIFIED", "object": {"spec": {"group": group}}},
                settings=self._settings,
                registry=self._registry,
                insights=self.insights,
            )

    def _unwatched(self, missing: Collection[str]) -> list[Kind]:
        watched = {(each.group, each.plural) for each in self.insights.watched_resources}
        return [each for each in self._kinds if each.kind not in missing and (each.group, each.plural) not in watched]
