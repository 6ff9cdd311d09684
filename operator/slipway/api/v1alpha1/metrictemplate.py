"""MetricTemplate: a metric that administrators define. Cluster-scoped: a query could read every tenant."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from slipway.api.v1alpha1.base import Rule, Spec, goes_with
from slipway.api.v1alpha1.conditions import ConditionedStatus
from slipway.api.v1alpha1.constraints import HttpUrl, Later, Line, ObjectName, Text, later_values
from slipway.api.v1alpha1.kind import AGE, Column, Kind, ready_column
from slipway.api.v1alpha1.references import NamespacedSecretReference, Strings
from slipway.api.v1alpha1.scalars import Duration

Expression = Annotated[str, Text(4096)]


_OTHER_SERVER = "only the installation's server is asked: a gate or experiment on this template stays Unknown"


class PrometheusProvider(Spec):
    """A server with the query API of Prometheus."""

    address: Annotated[HttpUrl | None, Later(_OTHER_SERVER)] = Field(
        None, description="URL of the server. Absent: the one of the installation."
    )
    secret_ref: Annotated[NamespacedSecretReference | None, Later(_OTHER_SERVER)] = Field(
        None, description="Secret with the keys username and password, or token."
    )


class HttpProvider(Spec):
    """A URL that answers with JSON."""

    url: HttpUrl = Field(description="What to get; rollout, revision and window in double braces are replaced.")
    path: Line = Field(description="JSONPath of the number in the answer.")
    secret_ref: NamespacedSecretReference | None = Field(
        None, description="Secret whose key `token` is sent as a bearer."
    )
    timeout: Duration = Field(Duration("10s"), description="How long to wait for the answer.")


class JobProvider(Spec):
    """A Job that prints a number."""

    image: Annotated[str, Text(512)] = Field(description="Image of the Job.")
    command: Strings = Field((), description="Command of the Job; its last line of output is the number.")
    namespace: ObjectName = Field(description="Where the Job runs.")
    every: Duration = Field(Duration("5m"), description="How often it runs.")


class Provider(Spec):
    """Where the numbers come from: `type` and the member that belongs to it."""

    laws = (
        goes_with("prometheus", "type", "Prometheus"),
        goes_with("http", "type", "HTTP", required=True),
        goes_with("job", "type", "Job", required=True),
    )

    type: Annotated[Literal["Prometheus", "HTTP", "Job"], later_values("only Prometheus is asked", "HTTP", "Job")] = (
        Field(
            "Prometheus",
            description="Prometheus: a query. HTTP: a URL that answers with JSON. Job: a Job that prints a number.",
        )
    )
    prometheus: PrometheusProvider | None = Field(
        None, description="With type Prometheus. Absent: the server of the installation."
    )
    http: HttpProvider | None = Field(None, description="With type HTTP.")
    job: JobProvider | None = Field(None, description="With type Job.")


def _one_form(spec: Any) -> bool:
    ratio = spec.numerator is not None and spec.denominator is not None
    neither = spec.numerator is None and spec.denominator is None
    return (ratio and spec.value is None) or (neither and spec.value is not None)


class MetricTemplateSpec(Spec):
    """A metric of one revision of one rollout."""

    laws = (
        Rule(
            "has(self.numerator) == has(self.denominator) && has(self.numerator) != has(self.value)",
            "set numerator and denominator (may decide an ABTest), or value alone (a guardrail only)",
            _one_form,
        ),
    )

    provider: Provider = Field(Provider(), description="Where the numbers come from.")
    numerator: Expression | None = Field(
        None,
        description="Query for what is counted, by revision and cluster; by rollout and epoch too, and 50 rollouts "
        "share one query. In double braces, selector becomes the labels of the rollout and window the time since "
        "evidence began.",
    )
    denominator: Expression | None = Field(
        None, description="Query for what it is counted of, by revision and cluster."
    )
    value: Annotated[Expression | None, Later("bare numbers are not queried: a gate on one stays Unknown")] = Field(
        None, description="Query for a bare number by revision; a guardrail only."
    )
    unit: Annotated[str, Text(32)] | None = Field(None, description="Unit for people, such as share, EUR or requests.")
    better: Literal["Higher", "Lower"] = Field("Higher", description="Which direction is good.")


class MetricTemplateStatus(ConditionedStatus):
    """Whether the template can be used."""


KIND = Kind(
    kind="MetricTemplate",
    plural="metrictemplates",
    short_names=("mtpl",),
    doc="MetricTemplate is a metric that administrators define, for gates, experiments and triggers.",
    spec=MetricTemplateSpec,
    status=MetricTemplateStatus,
    longest_name=63,
    why_name="it is the value of a label",
    columns=(
        Column("Provider", ".spec.provider.type", "Where the numbers come from."),
        Column("Unit", ".spec.unit", "Unit for people."),
        Column("Better", ".spec.better", "Which direction is good."),
        ready_column(),
        AGE,
    ),
    namespaced=False,
)
