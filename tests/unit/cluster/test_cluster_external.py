"""What is found in, and what is missing from, a cluster that the user gives."""

from __future__ import annotations

from typing import Any

from tests.cluster.external import Reader, find


class FakeReader(Reader):
    """Answers from a dictionary by the first words of the question."""

    def __init__(self, answers: dict[str, dict[str, Any]]) -> None:
        self._answers = answers

    def get(self, *arguments: str) -> dict[str, Any]:
        return self._answers.get(" ".join(arguments[:2]), {})


def service(namespace: str, name: str, port: int, ip: str) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": name}, "spec": {"clusterIP": ip, "ports": [{"port": port}]}}


def gateway(origin: str) -> dict[str, Any]:
    listener = {"protocol": "HTTP", "port": 80, "allowedRoutes": {"namespaces": {"from": origin}}}
    return {
        "metadata": {"namespace": "g", "name": "public"},
        "spec": {"listeners": [listener]},
        "status": {"addresses": [{"value": "10.1.2.3"}]},
    }


COMPLETE: dict[str, dict[str, Any]] = {
    "customresourcedefinition inferenceservices.serving.kserve.io": {"kind": "CustomResourceDefinition"},
    "customresourcedefinition httproutes.gateway.networking.k8s.io": {"kind": "CustomResourceDefinition"},
    "gateways.gateway.networking.k8s.io --all-namespaces": {"items": [gateway("All")]},
    "services --all-namespaces": {
        "items": [service("mon", "prometheus-server", 80, "10.0.0.1"), service("ml", "mlflow", 5000, "10.0.0.2")]
    },
    "configmap local-registry-hosting": {"data": {"localRegistryHosting.v1": 'host: "localhost:5001"\nhelp: "x"\n'}},
}


def test_everything_is_found_where_it_usually_is() -> None:
    found = find(FakeReader(COMPLETE), {})
    assert found.missing == []
    assert found.prometheus == ("http://prometheus-server.mon.svc:80", "http://10.0.0.1:80")
    assert found.mlflow == ("http://mlflow.ml.svc:5000", "http://10.0.0.2:5000")
    assert found.registry == "localhost:5001"
    assert found.gateway is not None
    assert found.gateway.address == "10.1.2.3:80"


def test_an_empty_cluster_is_told_all_that_it_lacks_at_once() -> None:
    missing = find(FakeReader({}), {}).missing
    for word in ("KServe", "Gateway API", "Prometheus", "MLflow", "registry"):
        assert any(word in sentence for sentence in missing), word


def test_a_gateway_for_its_own_namespace_only_does_not_do() -> None:
    answers = {**COMPLETE, "gateways.gateway.networking.k8s.io --all-namespaces": {"items": [gateway("Same")]}}
    assert any("SLIPWAY_GATEWAY" in sentence for sentence in find(FakeReader(answers), {}).missing)
    assert find(FakeReader(answers), {"SLIPWAY_GATEWAY": "g/public"}).gateway is not None


def test_what_the_user_names_is_taken_at_his_word() -> None:
    env = {"SLIPWAY_REGISTRY": "r:1", "SLIPWAY_PROMETHEUS": "http://p:9", "SLIPWAY_MLFLOW": "http://m:5"}
    found = find(FakeReader({}), env)
    assert (found.registry, found.prometheus[0], found.mlflow[0]) == ("r:1", "http://p:9", "http://m:5")
