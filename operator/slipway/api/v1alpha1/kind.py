"""What a kind is, besides its spec: names, columns, and rules over the whole object."""

from __future__ import annotations

from dataclasses import dataclass

from slipway.api.v1alpha1.base import API_VERSION, Rule, Spec, Status
from slipway.api.v1alpha1.constraints import Later


@dataclass(frozen=True)
class Column:
    """One column of `kubectl get`; those of priority 1 appear with `-o wide` only."""

    name: str
    path: str
    description: str
    type: str = "string"
    priority: int = 0


@dataclass(frozen=True)
class Kind:
    """A kind of the group slipway.dev. `longest_name` keeps every derived name within 63 characters.

    `longest_host` bounds name and namespace together, which no CEL rule can see; 0 where nothing joins them.
    `later`: this version accepts objects of the kind and acts on none of them yet.
    """

    kind: str
    plural: str
    short_names: tuple[str, ...]
    doc: str
    spec: type[Spec]
    status: type[Status]
    longest_name: int
    why_name: str
    longest_host: int = 0
    why_host: str = ""
    columns: tuple[Column, ...] = ()
    rules: tuple[Rule, ...] = ()
    namespaced: bool = True
    later: Later | None = None

    api_version: str = API_VERSION

    @property
    def name_pattern(self) -> str:
        """What metadata.name must match; the API server alone would allow 253 characters, dots, a digit in front."""
        return rf"^[a-z]([-a-z0-9]{{0,{self.longest_name - 2}}}[a-z0-9])?$"

    @property
    def name_rule(self) -> Rule:
        """Bounds metadata.name."""
        return Rule(
            f"self.metadata.name.matches(r'{self.name_pattern}')",
            f"metadata.name must have at most {self.longest_name} characters, lower-case letters, digits and '-', and "
            f"begin with a letter: {self.why_name}",
        )

    def host_problem(self, name: str, namespace: str) -> str:
        """Why no host can be made of name and namespace; empty when one can."""
        if not self.longest_host or len(name) + len(namespace) <= self.longest_host:
            return ""
        return (
            f"metadata.name and the namespace {namespace!r} must have at most {self.longest_host} characters together, "
            f"have {len(name) + len(namespace)}: {self.why_host}"
        )


def ready_column(condition: str = "Ready", description: str = "Whether the object does what its spec asks.") -> Column:
    """A column that shows the status of one condition."""
    return Column(condition, f'.status.conditions[?(@.type=="{condition}")].status', description)


AGE = Column("Age", ".metadata.creationTimestamp", "Time since creation.", "date")


def immutable(field: str, why: str) -> Rule:
    """`spec.<field>` may not be set, changed or removed after creation."""
    new, old = f"self.spec.{field}", f"oldSelf.spec.{field}"
    cel = f"has({new}) == has({old}) && (!has({new}) || {new} == {old})"
    return Rule(cel, f"spec.{field} is immutable: {why}", field=f".spec.{field}")
