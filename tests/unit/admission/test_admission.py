"""What an admission review answers, and that a fault of ours refuses nothing."""

from __future__ import annotations

import asyncio
from copy import deepcopy
from typing import Any

import kopf
import pytest
from slipway import admission
from slipway.runtime import options

from tests.unit.cli.manifests import GATEWAY, rollout

WRONG = {"traffic": {**GATEWAY, "assignment": {"header": "Host"}}}


def test_refuses_with_path_and_remedy() -> None:
    refused, odd = admission.review(rollout(**WRONG), None)
    assert refused == [
        "spec.traffic.assignment.header: 'Host' has a meaning of its own on the way to the model; name the header that"
        " carries the entity's digest, such as x-slipway-bucket"
    ]
    assert odd == []


def test_warns_of_what_is_odd_and_of_what_is_not_acted_on() -> None:
    refused, odd = admission.review(rollout(gates=[], rollback={"window": {"revisions": 2}}), None)
    assert refused == []
    assert any("no gate is enforced" in each for each in odd)
    assert any("spec.rollback.window: accepted, but not acted on" in each for each in odd)


def test_an_old_mistake_does_not_block_an_update_of_something_else() -> None:
    refused, odd = admission.review(rollout(**WRONG, paused=True), rollout(**WRONG))
    assert refused == []
    assert any("has a meaning of its own" in each for each in odd)
    refused, _ = admission.review(rollout(**WRONG), rollout())
    assert len(refused) == 1


def test_what_is_being_deleted_is_let_go() -> None:
    manifest = rollout(**WRONG)
    manifest["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert admission.review(manifest, rollout())[0] == []


def test_a_fault_of_ours_refuses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Any) -> Any:
        raise RuntimeError("a bug")

    monkeypatch.setattr(admission, "check", broken)
    refused, odd = admission.review(rollout(), None)
    assert refused == []
    assert odd == ["slipway could not check this object (RuntimeError); its conditions will say more"]


@pytest.mark.parametrize("spec", [None, [], "x", {}, {"stages": 1}, {"stages": [None]}, {"gates": {"a": 1}}])
def test_no_shape_of_a_spec_is_a_fault(spec: Any) -> None:
    refused, _ = admission.review({**deepcopy(rollout()), "spec": spec}, None)
    assert refused


def test_the_handler_speaks_as_kopf_expects() -> None:
    warnings: list[str] = []
    with pytest.raises(kopf.AdmissionError) as refused:
        asyncio.run(admission.review_request(body=rollout(**WRONG), old=None, warnings=warnings))
    assert refused.value.code == 422
    asyncio.run(admission.review_request(body=rollout(gates=[]), old=rollout(), warnings=warnings))
    assert "no gate is enforced" in warnings[0]


def test_installs_a_server_for_every_kind_that_the_chart_sends() -> None:
    registry, settings = kopf.OperatorRegistry(), kopf.OperatorSettings()
    admission.install(registry, settings, options.Options(webhook_cert="tls.crt", webhook_key="tls.key"))
    server = settings.admission.server
    assert isinstance(server, kopf.WebhookServer)
    assert (server.certfile, server.pkeyfile, server.port) == ("tls.crt", "tls.key", 9443)
    assert settings.admission.managed is None
    handlers = registry._webhooks.get_all_handlers()
    assert [each.id for each in handlers] == [admission.HANDLER] * len(admission.PLURALS)
