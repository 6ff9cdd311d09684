"""Entries of the ledger on a real API server: immutable, made once, and all that the operator may write."""

from __future__ import annotations

import hashlib
import json
import shlex
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from slipway.api.v1alpha1.rollout_ledger import Ledger
from slipway.api.v1alpha1.rollout_status import ModelRolloutStatus, Target
from slipway.core.desired.names import Identity
from slipway.core.ledger.book import ENTRY, LEDGER_LABEL, appended, writes
from slipway.core.ledger.chain import verify
from slipway.core.ledger.entry import Decision, Inputs
from slipway.core.plan import Create

from tests.cluster.errors import ClusterError
from tests.controlplane.charted import OPERATOR, ROOT, Release, eventually, rollout

pytest_plugins = ("tests.controlplane.chart_fixtures",)
pytestmark = pytest.mark.controlplane

POLICY = "writes no ConfigMap but the immutable entries of an evidence ledger"
STRANGER = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs", "namespace": "default"}}


def entries(owner: Identity) -> tuple[Ledger, list[dict[str, Any]]]:
    """Two entries as the operator makes them."""
    status = ModelRolloutStatus(target=Target(version="2"))
    decided = [Decision("Started", "VersionAskedFor", "version 2 is being rolled out", status)] * 2
    ledger = appended(None, decided, Inputs(owner, 1, {}, datetime(2026, 11, 29, tzinfo=UTC)))
    assert ledger is not None
    made = [dict(each.manifest) for each in writes(ledger, owner, None) if isinstance(each, Create)]
    return ledger.model_copy(update={"pending": ()}), made


def documented_digest(release: Release, name: str) -> str:
    """What the command of docs/evidence-ledger.md prints."""
    text = (ROOT / "docs" / "evidence-ledger.md").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith("kubectl get configmap -n payments")]
    command, _, rest = line.partition(" | ")
    assert rest == "sha256sum"
    words = shlex.split(command.replace("-n payments", "-n default").replace("card-fraud", name))[1:]
    return hashlib.sha256(release.kubectl(*words).encode()).hexdigest()


def test_argo_cd_takes_the_patch(released: Release) -> None:
    text = (ROOT / "docs" / "argo-cd.md").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith("kubectl patch configmap argocd-cm")]
    released.kubectl("create", "namespace", "argocd")
    released.kubectl(
        "create", "configmap", "argocd-cm", "-n", "argocd", "--from-literal=url=https://argocd.example.com"
    )
    patch = ROOT / "docs" / "argo-cd" / "argocd-cm.yaml"
    released.kubectl(*line.replace("docs/argo-cd/argocd-cm.yaml", str(patch)).split()[1:])
    data = released.get("configmap", "argocd-cm", "-n", "argocd")["data"]
    assert data == {"url": "https://argocd.example.com", **yaml.safe_load(patch.read_text())["data"]}
    released.kubectl("delete", "namespace", "argocd", "--wait=false")


def test_the_operator_writes_entries_and_no_other_config_map(released: Release) -> None:
    released.create(STRANGER)
    operator = ("-n", "default", "configmap", "theirs")
    sneaky = {**STRANGER, "metadata": {"name": "ours", "namespace": "default", "labels": {LEDGER_LABEL: "u"}}}

    def refused() -> None:
        for manifest in ({**STRANGER, "metadata": {"name": "ours", "namespace": "default"}}, sneaky):
            with pytest.raises(ClusterError, match=POLICY):
                released.as_user(OPERATOR, (), "create", "-f", "-", stdin=json.dumps(manifest))
        with pytest.raises(ClusterError, match=POLICY):
            released.as_user(OPERATOR, (), "delete", "--wait=false", *operator)
        with pytest.raises(ClusterError, match=POLICY):
            released.as_user(OPERATOR, (), "patch", *operator, "-p", '{"data": {"a": "b"}}')

    eventually(refused)
    released.kubectl("delete", *operator)


def test_an_entry_stays_as_it_was_made_and_the_chain_verifies(released: Release) -> None:
    released.create(rollout("default", "ledgered"))
    uid = released.get("-n", "default", "modelrollout", "ledgered")["metadata"]["uid"]
    ledger, made = entries(Identity("default", "ledgered", uid))
    for manifest in made:
        released.as_user(OPERATOR, (), "create", "-f", "-", stdin=json.dumps(manifest))
    name = made[0]["metadata"]["name"]
    with pytest.raises(ClusterError, match="already exists"):
        released.as_user(OPERATOR, (), "create", "-f", "-", stdin=json.dumps(made[0]))
    with pytest.raises(ClusterError, match="immutable"):  # nor an administrator
        released.kubectl("patch", "-n", "default", "configmap", name, "-p", json.dumps({"data": {ENTRY: "{}"}}))
    orphaned = '{"metadata": {"ownerReferences": null}}'
    released.as_user(OPERATOR, (), "patch", "-n", "default", "configmap", name, "--type=merge", "-p", orphaned)
    found = released.get("-n", "default", "configmap", "-l", f"{LEDGER_LABEL}={uid}")["items"]
    texts = [(each["metadata"]["name"], each["data"][ENTRY]) for each in found]
    assert verify(texts, uid, ledger).problems == ()
    assert documented_digest(released, "ledgered") in (ledger.kept[0].digest, ledger.kept[1].digest)
    released.as_user(OPERATOR, (), "delete", "--wait=false", "-n", "default", "configmap", name)
    released.kubectl("delete", "-n", "default", "configmap", made[1]["metadata"]["name"])
    released.kubectl("delete", "-n", "default", "modelrollout", "ledgered")
