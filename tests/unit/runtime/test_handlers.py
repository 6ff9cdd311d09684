"""kopf as an informer: what it is told, and what it is not allowed to do."""

from __future__ import annotations

import asyncio
from typing import Any

import kopf
import pytest
from slipway import handlers
from slipway.runtime.kinds import MANAGED, WATCHED

from tests.unit.runtime.fakes import make


class Recorder:
    """Feed and sweeper in one."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []

    def seen(self, obj: Any) -> None:
        self.calls.append(("seen", obj))

    def gone(self, obj: Any) -> None:
        self.calls.append(("gone", obj))

    def ask(self) -> None:
        self.calls.append(("ask", None))


def test_events_go_to_the_feed_and_a_relist_asks_for_a_sweep() -> None:
    recorder = Recorder()
    kind = next(each for each in WATCHED if each.kind == "Pod")
    handle = handlers._handler(kind, recorder, recorder)
    pod = make("Pod", "p", "v1")
    bare = {"metadata": pod["metadata"]}  # as in the items of a list
    for event in ("ADDED", "MODIFIED", "DELETED", None):
        assert asyncio.run(handle(event={"type": event, "object": bare}, name="p")) is None
    assert [name for name, _ in recorder.calls] == ["seen", "seen", "gone", "seen", "ask"]
    assert recorder.calls[0][1] == pod


def test_kopf_may_not_write() -> None:
    settings = handlers.settings(WATCHED)
    assert not settings.posting.enabled
    assert settings.peering.standalone
    assert not settings.admission.managed
    registry = handlers.registry(WATCHED, Recorder(), Recorder())
    assert len(list(registry._watching.get_all_handlers())) == len(WATCHED)
    for other in (registry._changing, registry._spawning, registry._indexing):
        assert list(other.get_all_handlers()) == [], "these cost finalizers, annotations or quadratic time"
    essence = settings.persistence.diffbase_storage.build(body=kopf.Body({"spec": {"x": 1}}))
    assert essence == {}


def test_selectors_limit_what_the_api_server_sends() -> None:
    selectors = dict(handlers.settings(WATCHED).watching.label_selectors)
    assert set(selectors.values()) == {MANAGED}
    assert len(selectors) == sum(1 for kind in WATCHED if kind.selector)


@pytest.mark.parametrize(
    ("host", "server"), [("10.0.0.1", "https://10.0.0.1:6443"), ("fd00::1", "https://[fd00::1]:6443")]
)
def test_in_a_pod_the_api_server_is_found_without_dns(host: str, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    info = kopf.ConnectionInfo(server="https://kubernetes.default.svc", token="t")
    monkeypatch.setattr(kopf, "login_with_service_account", lambda **_: info)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "6443")
    found = handlers._login()
    assert found is not None
    assert (found.server, found.token) == (server, "t")
