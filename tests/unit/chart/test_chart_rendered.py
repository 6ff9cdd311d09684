"""What the chart renders to, by the real helm."""

from __future__ import annotations

import pytest
from slipway import uninstall
from slipway.core.desired.network_policy import read_reachable
from slipway.runtime import options
from slipway.runtime.kinds import WATCHED, Kind

from tests.unit.chart.rendering import CHART, Manifest, helm, is_hook, named, of_kind, render

pytestmark = pytest.mark.long

PODS = (("Deployment", "slipway"), ("Job", "slipway-uninstall"))


def test_lint_finds_nothing() -> None:
    done = helm("lint", str(CHART), "--strict")
    assert done.returncode == 0, done.stdout


def test_needs_no_flags_and_installs_every_kind() -> None:
    manifests = render()
    crds = {each["metadata"]["name"] for each in of_kind(manifests, "CustomResourceDefinition")}
    assert len(crds) == 6
    assert "modelrollouts.slipway.dev" in crds
    assert of_kind(manifests, "Deployment")[0]["spec"]["template"]["spec"]["containers"][0]["image"] == "slipway:0.1.0"


@pytest.mark.parametrize(("kind", "name"), PODS)
def test_pods_keep_the_level_restricted(kind: str, name: str) -> None:
    pod = named(render(), kind, name)["spec"]["template"]["spec"]
    assert pod["enableServiceLinks"] is False, "the Service slipway-webhook would set SLIPWAY_WEBHOOK_PORT"
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["readOnlyRootFilesystem"] is True
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert set(container["resources"]["requests"]) == {"cpu", "memory"}
        assert {"name": "tmp", "mountPath": "/tmp"} in container["volumeMounts"]


def test_policies_of_served_pods_are_made_with_a_right_and_not_without() -> None:
    rule = "servedPods.networkPolicy.egress[0].to[0].ipBlock.cidr=10.1.0.0/16"
    for enabled, verbs in ((True, {"create", "patch"}), (False, set())):
        manifests = render(f"servedPods.networkPolicy.enabled={str(enabled).lower()}", rule)
        reachable = read_reachable(options.parse([], environment(manifests)).settings.serving_egress)
        assert (reachable is not None) is enabled
        if reachable is not None:
            assert [str(one.to[0].ip_block.cidr) for one in reachable.rules if one.to[0].ip_block] == ["10.1.0.0/16"]
            assert reachable.store_ports == (443,)
        (granted,) = (
            set(each["verbs"])
            for each in named(manifests, "ClusterRole", "slipway")["rules"]
            if "networkpolicies" in each["resources"]
        )
        assert granted == {"get", "list", "watch", "delete"} | verbs


def test_the_operator_reads_every_setting() -> None:
    manifests = render(
        "prometheus.url=http://prometheus:9090",
        "mlflow.url=http://mlflow:5000",
        "images.builder=builder:1",
        "images.buildah=buildah:1",
        "images.buildahSeccompProfile=profiles/buildah.json",
        "images.pipelines=pipelines:1",
        "images.base=python:3.11-slim",
        "registry.default=registry.example.com/ml",
        "registry.plainHTTP=true",
        "namespaces={b,a}",
        "outbound.allow={10.1.2.3/32}",
        "outbound.deny={10.0.0.0/8,fd00::/8}",
        "logLevel=DEBUG",
    )
    read = options.parse([], environment(manifests))
    assert read.settings.prometheus == "http://prometheus:9090"
    assert read.settings.mlflow == "http://mlflow:5000"
    assert read.settings.builder_image == "builder:1"
    assert read.settings.buildah_image == "buildah:1"
    assert read.settings.buildah_seccomp_profile == "profiles/buildah.json"
    assert read.settings.pipelines_image == "pipelines:1"
    assert read.settings.base_image == "python:3.11-slim"
    assert read.settings.registry == "registry.example.com/ml"
    assert read.settings.registry_plain_http is True
    assert read.namespaces == ("a", "b")
    assert (read.outbound_allow, read.outbound_deny) == (("10.1.2.3/32",), ("10.0.0.0/8", "fd00::/8"))
    assert read.lease_namespace == "slipway-system"
    assert read.log_level == "DEBUG"
    assert read.webhook_cert.startswith("/etc/slipway/webhook/")
    assert read.webhook_key.startswith("/etc/slipway/webhook/")


def environment(manifests: list[Manifest]) -> dict[str, str]:
    """The environment of the operator's container."""
    container = named(manifests, "Deployment", "slipway")["spec"]["template"]["spec"]["containers"][0]
    return {each["name"]: each["value"] for each in container["env"] if "value" in each}


def test_a_secret_of_mlflow_is_read_by_the_kubelet_and_named_to_the_operator() -> None:
    manifests = render("mlflow.secretName=mlflow-login")
    assert options.parse([], environment(manifests)).settings.mlflow_secret == "mlflow-login"
    container = named(manifests, "Deployment", "slipway")["spec"]["template"]["spec"]["containers"][0]
    found = {each["name"]: each["valueFrom"]["secretKeyRef"] for each in container["env"] if "valueFrom" in each}
    assert found == {
        "MLFLOW_TRACKING_USERNAME": {"name": "mlflow-login", "key": "username"},
        "MLFLOW_TRACKING_PASSWORD": {"name": "mlflow-login", "key": "password"},
    }


def test_probes_and_ports_are_those_of_the_process() -> None:
    manifests = render()
    container = named(manifests, "Deployment", "slipway")["spec"]["template"]["spec"]["containers"][0]
    read = options.parse([], environment(manifests))
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    assert ports == {"http": read.port, "webhook": read.webhook_port}
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    annotations = named(manifests, "Deployment", "slipway")["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(read.port)


def test_a_digest_wins_over_the_tag() -> None:
    digest = "sha256:" + "a" * 64
    pod = named(render(f"image.digest={digest}", "image.tag=v2"), "Deployment", "slipway")["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == f"slipway@{digest}"


def allowed(roles: list[Manifest], name: str, group: str, resource: str) -> set[str]:
    """The verbs that a ClusterRole grants."""
    rules = named(roles, "ClusterRole", name)["rules"]
    return {
        verb for rule in rules if group in rule["apiGroups"] and resource in rule["resources"] for verb in rule["verbs"]
    }


@pytest.mark.parametrize("kind", WATCHED, ids=lambda kind: kind.plural)
def test_every_watched_kind_may_be_watched(kind: Kind) -> None:
    role = "slipway" if kind.namespaced else "slipway-cluster"
    verbs = allowed(render(only=("rbac",)), role, kind.group, kind.plural)
    assert verbs >= {"get", "list", "watch"}


def test_secrets_are_read_by_name_where_the_values_name_them_and_nowhere_else() -> None:
    manifests = render("metricTemplates.secrets={reader}", "secrets.read=false")
    roles = of_kind(manifests, "Role") + of_kind(manifests, "ClusterRole")
    rules = [(role["metadata"].get("namespace"), rule) for role in roles for rule in role["rules"]]
    found = [each for each in rules if "secrets" in each[1]["resources"]]
    expected = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["reader"], "verbs": ["get"]}
    own = {**expected, "resourceNames": ["slipway-digest-key"], "verbs": ["get", "patch"]}
    assert found == [("slipway-system", expected), ("slipway-system", own)]


@pytest.mark.parametrize("read", [True, False])
def test_secrets_are_read_by_name_and_only_the_own_key_is_written(read: bool) -> None:
    manifests = render(f"secrets.read={str(read).lower()}")
    granted = [
        (role["kind"], rule.get("resourceNames"), rule["verbs"])
        for role in of_kind(manifests, "ClusterRole") + of_kind(manifests, "Role")
        for rule in role["rules"]
        if "secrets" in rule["resources"]
    ]
    own = ("Role", ["slipway-digest-key"], ["get", "patch"])
    assert granted == ([("ClusterRole", None, ["get"]), own] if read else [own])
    kept = named(manifests, "Secret", "slipway-digest-key")
    assert "data" not in kept, "the operator fills it: what Helm renders is new at each rendering"
    assert kept["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    found = options.parse([], environment(manifests))
    assert (found.settings.read_secrets, found.digest_key) == (read, "slipway-digest-key")


def test_no_wildcards_no_secrets_no_escalation() -> None:
    manifests = render("secrets.read=false")
    for role in of_kind(manifests, "ClusterRole") + of_kind(manifests, "Role"):
        for rule in role["rules"]:
            assert "*" not in rule["verbs"] + rule["resources"] + rule["apiGroups"]
            assert "secrets" not in rule["resources"] or rule["resourceNames"] == ["slipway-digest-key"]
            assert not {"roles", "clusterroles", "pods/exec"} & set(rule["resources"])
            assert not {"escalate", "bind", "impersonate"} & set(rule["verbs"])


def test_chosen_namespaces_get_no_rights_elsewhere() -> None:
    manifests = render("namespaces={team-a,team-b}")
    bindings = [each for each in of_kind(manifests, "RoleBinding") if each["roleRef"]["name"] == "slipway"]
    assert sorted(each["metadata"]["namespace"] for each in bindings if each["roleRef"]["kind"] == "ClusterRole") == [
        "team-a",
        "team-b",
    ]
    wide = {each["roleRef"]["name"] for each in of_kind(manifests, "ClusterRoleBinding")}
    assert wide == {"slipway-cluster"}
    webhook = of_kind(manifests, "ValidatingWebhookConfiguration")[0]["webhooks"][0]
    assert webhook["namespaceSelector"]["matchExpressions"][0]["values"] == ["team-a", "team-b"]


def test_a_second_replica_is_protected_from_a_drain() -> None:
    assert not of_kind(render(), "PodDisruptionBudget")
    assert of_kind(render("replicas=2"), "PodDisruptionBudget")


def test_the_uninstall_hook_is_a_command_that_exists() -> None:
    manifests = render("namespaces={team-a}")
    hooks = [each for each in manifests if is_hook(each)]
    assert {each["metadata"]["annotations"]["helm.sh/hook"] for each in hooks} == {"pre-delete"}
    container = named(hooks, "Job", "slipway-uninstall")["spec"]["template"]["spec"]["containers"][0]
    assert container["command"] == ["python3", "-m", uninstall.__name__]
    read = uninstall.arguments(container["args"])
    assert read.namespace == "slipway-system"
    assert read.deployment == "slipway"
    assert read.watched == ["team-a"]
    selector = dict(part.split("=") for part in read.selector.split(","))
    operator = named(manifests, "Deployment", "slipway")["spec"]["template"]["metadata"]["labels"]
    job = named(hooks, "Job", "slipway-uninstall")["spec"]["template"]["metadata"]["labels"]
    assert selector.items() <= operator.items()
    assert not selector.items() <= job.items()


def test_the_uninstall_hook_may_touch_every_kind_that_it_releases() -> None:
    roles = render(only=("uninstall",))
    for kind in uninstall.KINDS:
        assert allowed(roles, "slipway-uninstall", kind.group, kind.plural) == {"list", "patch"}


def test_long_release_names_stay_within_63_characters() -> None:
    for manifest in render(release="a-release-name-of-fifty-three-characters-is-the-most"):
        assert len(manifest["metadata"]["name"]) <= 63


REFUSED = (
    ("replicas=two", "/replicas"),
    ("replicas=-1", "/replicas"),
    ("logLevel=LOUD", "/logLevel"),
    ("prometheus.url=prometheus:9090", "/prometheus/url"),
    ("registry.default=https://registry.example.com", "/registry/default"),
    ("image.digest=latest", "/image/digest"),
    ("image.pullPolicy=Sometimes", "/image/pullPolicy"),
    ("namespaces={Team_A}", "/namespaces/0"),
    ("webhook.certManager.issuerRef.kind=Authority", "/webhook/certManager/issuerRef/kind"),
    ("webhok.enabled=false", "webhok"),
    ("images.bulider=x", "bulider"),
)


@pytest.mark.parametrize(("setting", "named_as"), REFUSED)
def test_wrong_values_are_refused_by_name(setting: str, named_as: str) -> None:
    done = helm("template", "slipway", str(CHART), "--kube-version", "1.34.4", "--set", setting)
    assert done.returncode != 0
    assert named_as in done.stderr
