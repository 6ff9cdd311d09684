"""MetricTemplate: a metric that administrators define. Cluster-scoped: a query could read every tenant."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from slipway.api.v1alpha1.base import Rule, Spec, goes_with
from slipway.api.v1alpha1.conditions import ConditionedStatus
from slipway.api.v1alpha1.constraints import HttpUrl, Text
from slipway.api.v1alpha1.kind import AGE, Column, Kind, ready_column
from slipway.api.v1alpha1.references import OperatorSecretReference, Strings
from slipway.api.v1alpha1.scalars import Duration

Expression = Annotated[str, Text(4096)]


class PrometheusProvider(Spec):
    """A server with the query API of Prometheus."""

    address: HttpUrl | None = Field(None, description="URL of the server. Absent: the one of the installation.")
    secret_ref: OperatorSecretReference | None = Field(
        None,
        description="Secret with the keys username and password, or token; its ca.crt, if any, is the only authority "
        "that the server's certificate is checked against.",
    )


class HttpProvider(Spec):
    """A webhook: it gets a question as JSON by POST, and answers with JSON (docs/gates.md)."""

    laws = (
        Rule(
            "!has(self.timeout) || (self.timeout >= duration('100ms') && self.timeout <= duration('30s'))",
            "timeout must be from 100ms to 30s",
            lambda http: 0.1 <= http.timeout.seconds <= 30,
        ),
        Rule(
            "!has(self.every) || (self.every >= duration('1s') && self.every <= duration('1h'))",
            "every must be from 1s to 1h",
            lambda http: 1 <= http.every.seconds <= 3600,
        ),
    )

    url: HttpUrl = Field(description="Where the question is sent. Redirects are not followed.")
    secret_ref: OperatorSecretReference | None = Field(
        None,
        description="Secret with any of: token, or username and password; hmac, the key that each question is signed "
        "with; ca.crt, the only authority that the server's certificate is checked against.",
    )
    timeout: Duration = Field(Duration("10s"), description="How long to wait for the answer.")
    every: Duration = Field(Duration("30s"), description="Least time between two questions of one rollout.")


class JobProvider(Spec):
    """A Job in the rollout's namespace: it finds a question in its environment (SLIPWAY_QUESTION) and leaves the answer
    in its termination message (docs/gates.md)."""

    laws = (
        Rule(
            "!has(self.every) || (self.every >= duration('10s') && self.every <= duration('24h'))",
            "every must be from 10s to 24h",
            lambda job: 10 <= job.every.seconds <= 86_400,
        ),
        Rule(
            "!has(self.deadline) || (self.deadline >= duration('1s') && self.deadline <= duration('24h'))",
            "deadline must be from 1s to 24h",
            lambda job: 1 <= job.deadline.seconds <= 86_400,
        ),
    )

    image: Annotated[str, Text(512)] = Field(description="Image of the Job.")
    command: Strings = Field((), description="Command of the Job. Absent: that of the image.")
    every: Duration = Field(Duration("5m"), description="How often it runs for one rollout.")
    deadline: Duration = Field(Duration("5m"), description="How long it may take, retries included.")


class Provider(Spec):
    """Where the numbers come from: `type` and the member that belongs to it."""

    laws = (
        goes_with("prometheus", "type", "Prometheus"),
        goes_with("http", "type", "HTTP", required=True),
        goes_with("job", "type", "Job", required=True),
    )

    type: Literal["Prometheus", "HTTP", "Job"] = Field(
        "Prometheus",
        description="Prometheus: a query. HTTP: a webhook that answers with JSON. Job: a Job that leaves JSON.",
    )
    prometheus: PrometheusProvider | None = Field(
        None, description="With type Prometheus. Absent: the server of the installation."
    )
    http: HttpProvider | None = Field(None, description="With type HTTP.")
    job: JobProvider | None = Field(None, description="With type Job.")


_QUERIED = "!has(self.provider) || !has(self.provider.type) || self.provider.type == 'Prometheus'"


def _one_form(spec: Any) -> bool:
    ratio = spec.numerator is not None and spec.denominator is not None
    neither = spec.numerator is None and spec.denominator is None
    if spec.provider.type != "Prometheus":
        return True
    return (ratio and spec.value is None) or (neither and spec.value is not None)


def _no_query(spec: Any) -> bool:
    texts = (spec.numerator, spec.denominator, spec.value)
    return spec.provider.type == "Prometheus" or all(text is None for text in texts)


class MetricTemplateSpec(Spec):
    """A metric of one revision of one rollout."""

    laws = (
        Rule(
            f"!({_QUERIED}) || (has(self.numerator) == has(self.denominator) && "
            "has(self.numerator) != has(self.value))",
            "set numerator and denominator (may decide an ABTest), or value alone (a guardrail only)",
            _one_form,
        ),
        Rule(
            f"({_QUERIED}) || !(has(self.numerator) || has(self.denominator) || has(self.value))",
            "numerator, denominator and value are queries: they are only legal with provider.type: Prometheus",
            _no_query,
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
    value: Expression | None = Field(
        None,
        description="Query for a bare number by revision, such as the depth of a queue; a guardrail only. A gate looks "
        "at it once in its window, which also stands for window in double braces.",
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
