"""References to other objects, and pieces of the core API that specs embed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from slipway.api.v1alpha1.base import Rule, Spec, at_most_one, exactly_one
from slipway.api.v1alpha1.constraints import ListOf, MapBy, ObjectName, Text

_QUANTITY = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(([KMGTPE]i)|[numkMGTPE]|([eE][+-]?[0-9]+))?$"


class _Quantity:
    """A Kubernetes quantity; a bare integer is kept as its text, as the API server does."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        text = core_schema.str_schema(pattern=_QUANTITY, max_length=32)
        return core_schema.no_info_before_validator_function(
            lambda value: str(value) if isinstance(value, int) and not isinstance(value, bool) else value, text
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "x-kubernetes-int-or-string": True,
            "pattern": _QUANTITY,
            "maxLength": 32,
        }


Quantity = Annotated[str, _Quantity()]
Quantities = Annotated[dict[Annotated[str, Text(253)], Quantity], Field(max_length=16)]


class LocalReference(Spec):
    """Names an object of the same namespace."""

    name: ObjectName = Field(description="Name of the object, in the same namespace.")


class SecretReference(LocalReference):
    """Names a Secret of the same namespace."""


class OperatorSecretReference(Spec):
    """Names a Secret of the operator's namespace: what is cluster-scoped must not lead into a tenant's namespace."""

    name: ObjectName = Field(description="Name of the Secret, in the namespace of the operator.")


class VolumeClaim(Spec):
    """A PersistentVolumeClaim."""

    claim_name: ObjectName = Field(description="Name of the claim, in the same namespace.")


class ConfigMapKey(Spec):
    """Names one key of a ConfigMap of the same namespace."""

    name: ObjectName = Field(description="Name of the ConfigMap, in the same namespace.")
    key: Annotated[str, Text(253)] = Field("ca.crt", description="Key within the ConfigMap.")


class ConfigMapText(Spec):
    """Names a text that a ConfigMap of the same namespace holds."""

    name: ObjectName = Field(description="Name of the ConfigMap, in the same namespace.")
    key: Annotated[str, Text(253)] = Field(description="Key within the ConfigMap.")


class KeySelector(Spec):
    """One key of a Secret or ConfigMap."""

    name: ObjectName = Field(description="Name of the Secret or ConfigMap, in the same namespace.")
    key: Annotated[str, Text(253)] = Field(description="Key within it.")
    optional: bool = Field(False, description="Start without the variable when the object or key is missing.")


class EnvVarSource(Spec):
    """Where the value of an environment variable comes from."""

    laws = (exactly_one("secretKeyRef", "configMapKeyRef"),)

    secret_key_ref: KeySelector | None = Field(None, description="A key of a Secret.")
    config_map_key_ref: KeySelector | None = Field(None, description="A key of a ConfigMap.")


class EnvVar(Spec):
    """One environment variable of the model's container."""

    laws = (at_most_one("value", "valueFrom"),)

    name: Annotated[str, Text(253, r"^[-._a-zA-Z][-._a-zA-Z0-9]*$", "the name of an environment variable")] = Field(
        description="Name of the variable."
    )
    value: Annotated[str, Text(4096, shortest=0)] | None = Field(None, description="Its value, literally.")
    value_from: EnvVarSource | None = Field(
        None, description="Its value from a Secret or ConfigMap, whose contents count into the revision."
    )


EnvVars = Annotated[tuple[EnvVar, ...], MapBy(50)]


class EnvFromSource(Spec):
    """A Secret or ConfigMap whose keys all become environment variables."""

    laws = (exactly_one("secretRef", "configMapRef"),)

    prefix: Annotated[str, Text(63, shortest=0)] | None = Field(None, description="Put before each key.")
    secret_ref: SecretReference | None = Field(None, description="A Secret of the same namespace.")
    config_map_ref: LocalReference | None = Field(None, description="A ConfigMap of the same namespace.")


class ResourceRequirements(Spec):
    """Compute resources of one container, as in a Pod."""

    requests: Quantities | None = Field(None, description="What the scheduler sets aside, such as cpu: 500m.")
    limits: Quantities | None = Field(None, description="What the container may not exceed, such as memory: 1Gi.")


class Toleration(Spec):
    """Lets the pods onto nodes that carry a matching taint, as in a Pod."""

    laws = (
        Rule(
            "has(self.key) || (has(self.operator) && self.operator == 'Exists')",
            "key is required unless operator is Exists, which then tolerates every taint",
            lambda toleration: toleration.key is not None or toleration.operator == "Exists",
        ),
        Rule(
            "!has(self.value) || self.value == '' || !has(self.operator) || self.operator == 'Equal'",
            "value goes with operator Equal: Exists tolerates every value",
            lambda toleration: not toleration.value or toleration.operator == "Equal",
        ),
        Rule(
            "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
            "tolerationSeconds goes with effect NoExecute",
            lambda toleration: toleration.toleration_seconds is None or toleration.effect == "NoExecute",
        ),
    )

    key: Annotated[str, Text(316)] | None = Field(None, description="Key of the taint; absent matches every key.")
    operator: Literal["Exists", "Equal"] = Field("Equal", description="How the key relates to the value.")
    value: Annotated[str, Text(63, shortest=0)] | None = Field(None, description="Value of the taint, with Equal.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        None, description="Effect of the taint; absent matches all effects."
    )
    toleration_seconds: int | None = Field(
        None, ge=0, le=31_536_000, description="Seconds to stay after a NoExecute taint appeared."
    )


Strings = Annotated[tuple[Annotated[str, Text(1024)], ...], ListOf(50)]
