"""How requests reach the variants, who is assigned to which, and what is logged of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from slipway.api.v1alpha1.base import Rule, Spec, goes_with
from slipway.api.v1alpha1.constraints import (
    ColumnName,
    HeaderName,
    Later,
    ListOf,
    ObjectName,
    SetOf,
    Text,
    later_values,
)
from slipway.api.v1alpha1.references import LocalReference, SecretReference, VolumeClaim
from slipway.api.v1alpha1.scalars import Duration, Number, Share, share_cel

Hostname = Annotated[
    str,
    Text(
        253,
        r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        "a host name such as fraud.example.com",
    ),
]


class ParentReference(Spec):
    """A Gateway that the HTTPRoute attaches to, as in the Gateway API."""

    name: ObjectName = Field(description="Name of the Gateway.")
    namespace: ObjectName | None = Field(None, description="Its namespace. Absent: the namespace of the rollout.")
    section_name: Annotated[str, Text(253)] | None = Field(None, description="Name of one listener. Absent: all.")
    port: int | None = Field(None, ge=1, le=65535, description="Port of the listener.")
    group: Annotated[str, Text(253, shortest=0)] = Field(
        "gateway.networking.k8s.io", description="API group of the parent."
    )
    kind: Annotated[str, Text(63)] = Field("Gateway", description="Kind of the parent.")


class RouteTimeouts(Spec):
    """Time limits that the gateway enforces."""

    request: Duration | None = Field(
        None, description="For a whole request, such as 2s. Also how long a variant drains after its weight became 0."
    )
    backend_request: Duration | None = Field(None, description="For one attempt at a variant.")


class GatewayAPI(Spec):
    """The HTTPRoute of the rollout, which the operator owns."""

    parent_refs: Annotated[tuple[ParentReference, ...], ListOf(8, least=1)] = Field(
        description="Gateways that carry the traffic."
    )
    hostnames: Annotated[tuple[Hostname, ...], SetOf(16)] = Field(
        (), description="Host names of the service. Absent: those of the Gateway's listeners."
    )
    timeouts: RouteTimeouts = Field(RouteTimeouts(), description="Time limits that the gateway enforces.")
    http_route_ref: LocalReference | None = Field(
        None,
        description="With adopt: an HTTPRoute that exists, instead of one of the rollout's own. Of it only rules whose "
        "backends are all variants of this rollout are changed; it keeps its parents, host names and time limits, and "
        "outlives the rollout, whose deletionPolicy must be Orphan.",
    )


class Assignment(Spec):
    """Assigns entities (customers, cards) to variants, so that one entity always gets the same one."""

    header: HeaderName = Field(
        "x-slipway-bucket",
        description="Header that carries the 64 hex digits of the entity's SHA-256. The application or the gateway "
        "sets "
        "it. Requests without it go to stable and are no evidence.",
    )


class CostCap(Spec):
    """Stops exploration when it has cost too much."""

    amount: Number = Field(description="Largest cost, in the unit of ModelTask.spec.value.")
    per: Duration = Field(Duration("7d"), description="Within this time.")


class Exploration(Spec):
    """Lets some decisions through against the model, so that a Selective task gets labels for them."""

    share: Share = Field(description="Share of entities that are explored, such as 1%.")
    policy: Literal["Uniform", "NearThreshold"] = Field(
        "Uniform",
        description="Uniform: all alike. NearThreshold: mostly where the model is undecided. Propensities are logged.",
    )
    cost_cap: CostCap | None = Field(None, description="Stops exploration when it has cost too much.")


class Traffic(Spec):
    """How requests reach the variants: `type` and the member that belongs to it."""

    laws = (
        goes_with("gatewayAPI", "type", "GatewayAPI", required=True),
        goes_with("assignment", "type", "GatewayAPI"),
        Rule(
            "!has(self.exploration) || has(self.assignment)",
            "exploration needs assignment, since it explores entities",
            lambda traffic: traffic.exploration is None or traffic.assignment is not None,
        ),
        Rule(
            "!has(self.globalHoldout) || has(self.assignment)",
            "globalHoldout needs assignment, since it holds entities out",
            lambda traffic: traffic.global_holdout is None or traffic.assignment is not None,
        ),
        Rule(
            f"!has(self.globalHoldout) || ({share_cel('self.globalHoldout')} > 0.0 && "
            f"{share_cel('self.globalHoldout')} <= 0.5)",
            "globalHoldout must be more than 0% and at most 50%, such as 1%",
            lambda traffic: traffic.global_holdout is None or 0 < traffic.global_holdout.fraction <= Decimal("0.5"),
            field=".globalHoldout",
        ),
        Rule(
            "!has(self.globalHoldout) || !has(self.gatewayAPI) || !has(self.gatewayAPI.httpRouteRef)",
            "globalHoldout needs a route of the rollout's own, without gatewayAPI.httpRouteRef: other rules of it "
            "could send held-out entities past it",
            lambda traffic: (
                traffic.global_holdout is None
                or traffic.gateway_api is None
                or traffic.gateway_api.http_route_ref is None
            ),
            field=".globalHoldout",
        ),
    )

    type: Annotated[Literal["GatewayAPI", "Knative"], later_values("only GatewayAPI routes traffic", "Knative")] = (
        Field(
            description="GatewayAPI: an HTTPRoute in front of the variants. Knative: the weights of KServe's "
            "Knative mode."
        )
    )
    gateway_api: GatewayAPI | None = Field(None, alias="gatewayAPI", description="With type GatewayAPI.")
    assignment: Assignment | None = Field(
        None,
        description="Assigns by entity, which every comparison of people needs. Absent: weights split requests at "
        "random, "
        "gates are guardrails only, and an ABTest stage is refused.",
    )
    global_holdout: Share | None = Field(
        None,
        description="Share of entities that get the task's rules instead of a model, such as 1%: shows whether the "
        "model changes what it is asked (FeedbackSuspected), and what having one is worth. Others are held out after "
        "90 days each.",
    )
    exploration: Annotated[Exploration | None, Later("nothing is explored")] = Field(
        None, description="Lets some decisions through against the model, to get labels."
    )


class LogRotation(Spec):
    """When a file of the prediction log is closed and uploaded."""

    laws = (
        Rule(
            "self.every >= duration('1s')",
            "every must be at least 1s: each file is an object of the store",
            lambda rotate: rotate.every.milliseconds >= 1000,
            field=".every",
        ),
    )

    size: Annotated[str, Text(8, r"^[1-9][0-9]{0,3}(Ki|Mi)$", "a size between 1Ki and 9999Mi, such as 64Mi")] = Field(
        "64Mi", description="At this size, such as 64Mi."
    )
    every: Duration = Field(
        Duration("5m"), description="At the latest after this time; less than a second counts as one."
    )


LogUri = Annotated[
    str,
    Text(
        1024,
        r"^(s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]|file://)(/[^\s/?#]+)*/?$",
        "s3://bucket/prefix, or file:///directory of the volume that persistentVolumeClaim names",
    ),
]


class PredictionLog(Spec):
    """Keeps requests, answers and variants, for labels, backtests and skew checks."""

    laws = (
        Rule(
            "!self.uri.startsWith('s3://') || has(self.secretRef)",
            "secretRef is required with an s3:// uri: a Secret with the keys AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, and if need be AWS_ENDPOINT_URL, AWS_REGION and ca.crt",
            lambda log: not log.uri.startswith("s3://") or log.secret_ref is not None,
        ),
        Rule(
            "self.uri.startsWith('file://') == has(self.persistentVolumeClaim)",
            "persistentVolumeClaim is required with, and only legal with, a file:// uri, a path in that volume",
            lambda log: log.uri.startswith("file://") == (log.persistent_volume_claim is not None),
        ),
        Rule(
            "!has(self.hash) || self.hash.size() == 0 || has(self.secretRef)",
            "secretRef is required with hash: the key hash-key of that Secret is the key of the hash",
            lambda log: not log.hash or log.secret_ref is not None,
        ),
        Rule(
            "!self.uri.contains('/../') && !self.uri.endsWith('/..') && !self.uri.contains('/./')",
            "uri must not contain . or .. as a directory",
            lambda log: not {".", ".."} & set(log.uri.split("/")),
            field=".uri",
        ),
    )

    uri: LogUri = Field(
        description="Directory of the log: s3://lake/predictions/card-fraud/, or file:///card-fraud in the volume."
    )
    secret_ref: SecretReference | None = Field(
        None, description="Secret with the credentials of the store, and with hash-key where columns are hashed."
    )
    persistent_volume_claim: VolumeClaim | None = Field(
        None, description="With a file:// uri: the volume of the log, which all pods of the service mount."
    )
    rotate: LogRotation = Field(LogRotation(), description="When a file is closed and uploaded.")
    retention: Duration | None = Field(None, description="Delete entries of this age, such as 180d. Absent: keep all.")
    omit: Annotated[tuple[ColumnName, ...], SetOf(100)] = Field((), description="Columns that are never written.")
    hash: Annotated[tuple[ColumnName, ...], SetOf(100)] = Field(
        (), description="Columns that are written as a keyed hash."
    )


class QaHeader(Spec):
    """Sends requests with a header to the candidate, whatever the weights; they are no exposures and no evidence."""

    name: HeaderName = Field("x-slipway-variant", description="Name of the header.")
    value: Annotated[str, Text(253, r"^[!-~]([ -~]*[!-~])?$", "printable ASCII without blanks at its ends")] = Field(
        "candidate", description="Value of the header, which is compared exactly."
    )
