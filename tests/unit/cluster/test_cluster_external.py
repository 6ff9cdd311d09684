"""What is found in a cluster that the user gives, and what is missing: by name, with what to do about it."""

from __future__ import annotations

import http.server
from typing import Any

import pytest

from tests.cluster.errors import ClusterError
from tests.cluster.external.describe import Findings, find
from tests.cluster.external.reach import Answer, Reach
from tests.cluster.images import Store
from tests.loopback import answering
from tests.unit.cluster import given

Object = dict[str, Any]


def search(
    objects: dict[str, Object] | None = None,
    answers: dict[str, Answer] | None = None,
    env: dict[str, str] | None = None,
    listening: set[str] | None = None,
) -> Findings:
    """A complete cluster, but for what is given otherwise."""
    reader = given.FakeReader({**given.OBJECTS, **(objects or {})})
    reach = given.FakeReach({**given.ANSWERS, **(answers or {})}, given.LISTENING | (listening or set()))
    return find(reader, env or {}, reach)


def the_one(findings: Findings) -> str:
    (sentence,) = findings.missing
    return sentence


def test_everything_is_found_where_it_usually_is() -> None:
    found = search()
    assert found.missing == []
    assert found.prometheus is not None
    assert (found.prometheus.inside, found.prometheus.outside) == (
        "http://prometheus-server.mon.svc:80",
        given.PROMETHEUS,
    )
    assert found.mlflow is not None
    assert (found.mlflow.inside, found.mlflow.outside) == ("http://mlflow.ml.svc:5000", given.MLFLOW)
    assert found.registry == Store("kind-registry:5000", "localhost:5001", plain_http=True)
    assert found.gateway is not None
    assert found.gateway.address == "172.18.0.5:80"


def test_an_empty_cluster_is_told_all_that_it_lacks_at_once() -> None:
    missing = find(given.FakeReader({}), {}, given.FakeReach({}, set())).missing
    assert len(missing) == 6
    for word in ("amd64", "KServe", "Gateway API", "Prometheus", "MLflow", "registry"):
        assert any(word in sentence for sentence in missing), word


@pytest.mark.parametrize(
    "deploy",
    [
        '{\n  "defaultDeploymentMode": "Standard"\n}',
        '{"defaultDeploymentMode": "RawDeployment", "deploymentRolloutStrategy": {"defaultRollout": {"mode": "x"}}}',
    ],
)
@pytest.mark.parametrize("namespace", ["kserve", "opendatahub"])
def test_kserve_in_standard_mode_will_do_under_either_name(deploy: str, namespace: str) -> None:
    configs = {"configmap --all-namespaces": {"items": [given.kserve_config(deploy, namespace)]}}
    assert search(configs).missing == []


@pytest.mark.parametrize(
    ("deploy", "said"),
    [
        ('{\n  "defaultDeploymentMode": "Serverless"\n}', "says Serverless"),
        ('{"defaultDeploymentMode": "Knative"}', "says Knative"),
        ('{"defaultDeploymentMode": ', "says nothing"),
        ("[]", "says nothing"),
        (None, "says nothing"),
    ],
)
def test_kserve_in_another_mode_is_told_where_and_what_to_set(deploy: str | None, said: str) -> None:
    sentence = the_one(search({"configmap --all-namespaces": {"items": [given.kserve_config(deploy)]}}))
    for words in ("kserve/inferenceservice-config", said, "defaultDeploymentMode", "Standard"):
        assert words in sentence


def test_kserves_own_configuration_counts_before_a_copy_elsewhere() -> None:
    copies = [
        given.kserve_config('{"defaultDeploymentMode": "Serverless"}', "a-copy"),
        given.kserve_config('{"defaultDeploymentMode": "Standard"}'),
    ]
    assert search({"configmap --all-namespaces": {"items": copies}}).missing == []


def test_kinds_without_a_controller_are_not_kserve() -> None:
    assert "inferenceservice-config" in the_one(search({"configmap --all-namespaces": {"items": []}}))


def test_kinds_registry_is_for_this_machine_only_until_somebody_says_more() -> None:
    found = search({"configmap local-registry-hosting": given.note(given.KIND_NOTE)})
    sentence = the_one(found)
    assert found.registry is None
    for words in ("localhost:5001", "hostFromClusterNetwork", "SLIPWAY_REGISTRY_HOST=localhost:5001"):
        assert words in sentence


def test_k3ds_registry_has_a_name_that_may_do_for_pods() -> None:
    sentence = the_one(search({"configmap local-registry-hosting": given.note(given.K3D_NOTE)}))
    assert "SLIPWAY_REGISTRY=k3d-demo-registry:5000" in sentence
    assert "SLIPWAY_REGISTRY_HOST=localhost:45123" in sentence


def test_nodes_and_pods_need_one_name_of_the_registry() -> None:
    text = given.KIND_NOTE + 'hostFromClusterNetwork: "kind-registry:5000"\n'
    sentence = the_one(search({"configmap local-registry-hosting": given.note(text)}))
    for words in ("kind-registry:5000", "localhost:5001", "hostFromContainerRuntime"):
        assert words in sentence


def test_a_note_that_cannot_be_read_is_named() -> None:
    with pytest.raises(ClusterError, match=r"(?s)kube-public/local-registry-hosting.*SLIPWAY_REGISTRY"):
        search({"configmap local-registry-hosting": given.note("host: [")})


def test_a_named_registry_is_pushed_to_where_this_machine_reaches_it() -> None:
    env = {"SLIPWAY_REGISTRY": "k3d-demo-registry:5000", "SLIPWAY_REGISTRY_HOST": "localhost:45123"}
    found = search(answers={"http://localhost:45123/v2/": Answer(200, "{}")}, env=env)
    assert found.missing == []
    assert found.registry == Store("k3d-demo-registry:5000", "localhost:45123", plain_http=True)


def test_a_registry_elsewhere_is_asked_with_tls_unless_told_otherwise() -> None:
    answers = {"https://r.example:443/v2/": Answer(200, "{}"), "http://r.example:443/v2/": Answer(200, "{}")}
    for given_plain, plain in (("", False), ("false", False), ("true", True)):
        env = {"SLIPWAY_REGISTRY": "r.example:443", "SLIPWAY_REGISTRY_PLAIN_HTTP": given_plain}
        assert search(answers=answers, env=env).registry == Store("r.example:443", "r.example:443", plain)
    with pytest.raises(ClusterError, match=r"(?s)SLIPWAY_REGISTRY_PLAIN_HTTP is 'yes'.*true or false"):
        search(env={"SLIPWAY_REGISTRY": "r.example:443", "SLIPWAY_REGISTRY_PLAIN_HTTP": "yes"})


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(0, "Name or service not known"), ("Name or service not known", "SLIPWAY_REGISTRY_HOST")),
        (Answer(401, ""), ("without login", "answers 401")),
        (Answer(404, ""), ("answers 404", "SLIPWAY_REGISTRY_HOST")),
    ],
)
def test_a_registry_that_this_machine_cannot_push_to_is_missing(answer: Answer, words: tuple[str, ...]) -> None:
    found = search(answers={f"{given.REGISTRY}/v2/": answer})
    assert found.registry is None
    assert all(word in the_one(found) for word in words)


def test_prometheus_must_scrape_annotated_pods() -> None:
    kube_stack = {
        f"{given.PROMETHEUS}/api/v1/status/config": given.config(given.NOT_SCRAPING),
        f"{given.PROMETHEUS}/api/v1/targets?state=active": given.targets("10.244.0.7:8080", "172.18.0.2:10250"),
    }
    found = search(answers=kube_stack)
    assert found.prometheus is None
    for words in (given.PROMETHEUS, "prometheus.io/scrape", "docs/own-cluster.md", "SLIPWAY_PROMETHEUS"):
        assert words in the_one(found)


@pytest.mark.parametrize(
    ("pod", "scraped"),
    [
        (given.pod("envoy", "10.244.0.7"), True),
        (given.pod("envoy", "10.244.0.70"), False),
        (given.pod("shy", "10.244.0.7", scrape="false"), False),
    ],
)
def test_a_target_that_asked_for_it_proves_whatever_discovery(pod: Object, scraped: bool) -> None:
    answers = {
        f"{given.PROMETHEUS}/api/v1/status/config": given.config(given.NOT_SCRAPING),
        f"{given.PROMETHEUS}/api/v1/targets?state=active": given.targets("10.244.0.7:19001"),
    }
    found = search({"pods --all-namespaces": {"items": [pod]}}, answers)
    assert (found.prometheus is not None) == scraped


def test_prometheus_that_tells_nothing_of_itself_is_not_taken_for_one_that_scrapes() -> None:
    for answer in (Answer(0, "timed out"), Answer(404, ""), Answer(200, "<html>"), Answer(200, "{}")):
        assert search(answers={f"{given.PROMETHEUS}/api/v1/status/config": answer}).prometheus is None


def test_services_that_this_machine_does_not_reach_are_told_their_variable() -> None:
    answers = {f"{given.PROMETHEUS}/-/healthy": Answer(0, "timed out"), f"{given.MLFLOW}/health": Answer(403, "")}
    missing = search(answers=answers).missing
    assert len(missing) == 2
    assert "does not answer (timed out)" in missing[0]
    assert "SLIPWAY_PROMETHEUS_HOST_URL" in missing[0]
    assert "answers 403" in missing[1]
    assert "SLIPWAY_MLFLOW_HOST_URL" in missing[1]


def test_what_is_forwarded_to_this_machine_is_used_from_here_only() -> None:
    forwarded = "http://127.0.0.1:9090"
    answers = {
        f"{forwarded}/-/healthy": Answer(200, ""),
        f"{forwarded}/api/v1/status/config": given.config(given.SCRAPING),
    }
    found = search(answers=answers, env={"SLIPWAY_PROMETHEUS_HOST_URL": f"{forwarded}/"})
    assert found.prometheus is not None
    assert (found.prometheus.inside, found.prometheus.outside) == ("http://prometheus-server.mon.svc:80", forwarded)


def test_a_load_balancers_address_is_this_machines() -> None:
    services = {"services --all-namespaces": {"items": [given.service("ml", "mlflow", 80, "10.96.0.9", "172.18.0.9")]}}
    env = {"SLIPWAY_PROMETHEUS": given.PROMETHEUS}
    found = search(services, {"http://172.18.0.9:80/health": Answer(200, "OK")}, env)
    assert found.missing == []
    assert found.mlflow is not None
    assert found.mlflow.outside == "http://172.18.0.9:80"


def test_what_the_user_names_comes_first() -> None:
    answers = {
        "http://p:9/-/healthy": Answer(200, ""),
        "http://p:9/api/v1/status/config": given.config(given.SCRAPING),
        "http://m:5/health": Answer(200, "OK"),
        "https://r:1/v2/": Answer(200, "{}"),
    }
    env = {"SLIPWAY_REGISTRY": "r:1", "SLIPWAY_PROMETHEUS": "http://p:9", "SLIPWAY_MLFLOW": "http://m:5"}
    found = search(answers=answers, env=env)
    assert found.missing == []
    assert found.registry == Store("r:1", "r:1", plain_http=False)
    assert found.prometheus is not None
    assert found.mlflow is not None
    assert (found.prometheus.inside, found.mlflow.inside) == ("http://p:9", "http://m:5")


def test_a_gateway_for_its_own_namespace_only_does_not_do_unless_it_is_named() -> None:
    gateways = {"gateways.gateway.networking.k8s.io --all-namespaces": {"items": [given.gateway("Same")]}}
    assert "SLIPWAY_GATEWAY" in the_one(search(gateways))
    assert search(gateways, env={"SLIPWAY_GATEWAY": "g/public"}).gateway is not None
    assert "g/private" in the_one(search(gateways, env={"SLIPWAY_GATEWAY": "g/private"}))


def test_a_gateway_without_a_way_from_here_is_told_the_variable() -> None:
    silent = given.gateway("All")
    silent["status"]["addresses"] = [{"value": "10.9.9.9"}]
    gateways = {"gateways.gateway.networking.k8s.io --all-namespaces": {"items": [silent]}}
    assert "SLIPWAY_GATEWAY_ADDRESS" in the_one(search(gateways))
    found = search(gateways, env={"SLIPWAY_GATEWAY_ADDRESS": "127.0.0.1:8080"}, listening={"127.0.0.1:8080"})
    assert found.gateway is not None
    assert (found.gateway.name, found.gateway.address) == ("public", "127.0.0.1:8080")


def test_a_gateway_that_has_no_address_yet_is_not_one() -> None:
    new = given.gateway("All")
    new["status"] = {}
    assert "Gateway" in the_one(search({"gateways.gateway.networking.k8s.io --all-namespaces": {"items": [new]}}))


def test_nodes_must_run_what_images_are_made_for() -> None:
    assert "arm64" in the_one(search({"nodes --all-namespaces": {"items": [given.node("arm64")]}}))
    mixed = {"nodes --all-namespaces": {"items": [given.node("arm64"), given.node("amd64")]}}
    assert search(mixed).missing == []


class Prometheus(http.server.BaseHTTPRequestHandler):
    """Healthy, and nothing else."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/-/healthy" else 404)
        self.end_headers()
        self.wfile.write(b"Prometheus Server is Healthy.\n")

    def log_message(self, *_: object) -> None:
        """Silent."""


def test_reach_tells_an_answer_from_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # where nobody listens: what is local is asked directly
    with answering(Prometheus) as address:
        assert Reach().get(f"http://{address}/-/healthy") == Answer(200, "Prometheus Server is Healthy.\n")
        assert Reach().get(f"http://{address}/health").status == 404
        assert Reach().connects(address)
    silence = Reach().get(f"http://{address}/-/healthy")
    assert silence.status == 0
    assert "refused" in silence.body
    assert not Reach().connects(address)
    assert Reach().get("no address").status == 0
    assert not Reach().connects("no address")
