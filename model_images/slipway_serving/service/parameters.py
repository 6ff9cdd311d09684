"""Inference parameters: a request may set what the model's signature declares, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slipway_serving.service.signature import ParameterSpec
from slipway_serving.service.values import InvalidInput, read_value, shown

# V2 calls them parameters, MLflow's own server params; V1 says nothing, so both names do in both protocols.
_MEMBERS = ("parameters", "params")
_MOST_VALUES = 1000


@dataclass(frozen=True)
class Parameters:
    """The parameters of one model."""

    specs: tuple[ParameterSpec, ...] = ()
    defaults: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        """Reads the defaults as a request's values are read. Raises ValueError for one that its own type refuses."""
        object.__setattr__(self, "defaults", {spec.name: _read(spec, spec.default) for spec in self.specs})

    def read(self, document: Mapping[str, Any]) -> Mapping[str, Any]:
        """A request's parameters, completed by the defaults. Raises InvalidInput naming the parameter."""
        members = [member for member in _MEMBERS if document.get(member) is not None]
        if not members:
            return dict(self.defaults)  # foreign code may change what it is given
        if len(members) > 1:
            raise InvalidInput(members[1], f"and {members[0]} are the same; give one of them")
        given = document[members[0]]
        if not isinstance(given, Mapping):
            raise InvalidInput(members[0], "must be an object of inference parameters")
        known = {spec.name: spec for spec in self.specs}
        for name in given:
            if name not in known:
                raise InvalidInput(shown(name), f"is no inference parameter of this model{_offer(list(known))}")
        return {**self.defaults, **{name: _read(known[name], value) for name, value in given.items()}}


def _offer(names: Sequence[str]) -> str:
    return f"; it has {', '.join(sorted(names))}" if names else ", which declares none in its signature"


def _read(spec: ParameterSpec, value: Any) -> Any:
    if value is None:
        if spec.default is None:
            return None
        raise InvalidInput(spec.name, f"must not be null; leave it out for its default, {spec.default!r}")
    if not spec.many:
        return read_value(spec.name, value, spec.type)
    if not isinstance(value, list):
        raise InvalidInput(spec.name, f"must be a list of {spec.type} values")
    if len(value) > _MOST_VALUES:
        raise InvalidInput(spec.name, f"holds {len(value)} values, at most {_MOST_VALUES} are taken", 413)
    return [read_value(spec.name, one, spec.type) for one in value]
