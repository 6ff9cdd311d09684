"""Proves that the kserve SDK accepts an InferenceService as we write it.

The SDK's own `deserialize` knows no type of the core API (`V1ObjectMeta`) and drops fields that it does not know
without a word. So the models are filled here, by their own tables of types, and what they give back is compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_LIST = re.compile(r"^list\[(.*)\]$")
_MAP = re.compile(r"^dict[(\[]([^,]*), (.*)[)\]]$")
_PRIMITIVES: Mapping[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "datetime": (str,),
    "date": (str,),
}
# Names that kserve's generator wrote for types of the core API which the kubernetes client calls otherwise.
_ALIASES = {
    "K8sIoApiAppsV1DeploymentStrategy": "V1DeploymentStrategy",
    "K8sIoApiAutoscalingV2HorizontalPodAutoscalerBehavior": "V2HorizontalPodAutoscalerBehavior",
}
_OPAQUE = ("object", "IntOrString", "ResourceQuantity", "KnativeURL", "KnativeAddressable")
ROOT = "V1beta1InferenceService"


class Refused(Exception):
    """The SDK has no place for something; the message begins with its path."""


class Models:
    """The generated classes of kserve, and of the kubernetes client for what kserve embeds."""

    def __init__(self) -> None:
        import kserve.models
        import kubernetes.client.models
        from kserve import ApiClient

        self._modules = (kserve.models, kubernetes.client.models)
        self._client = ApiClient()

    def accept(self, manifest: Mapping[str, Any]) -> list[str]:
        """The reasons why the manifest would not pass through the SDK whole; empty when it does."""
        try:
            model = self._fill(manifest, ROOT, "")
        except Refused as refused:
            return [str(refused)]
        return list(differences(manifest, self._client.sanitize_for_serialization(model), ""))

    def _class(self, name: str) -> Any:
        name = _ALIASES.get(name, name)
        found = (getattr(module, name, None) for module in self._modules)
        chosen = next((each for each in found if each is not None), None)
        if chosen is None:
            raise Refused(f"{name}: a type that neither kserve nor the kubernetes client has")
        return chosen

    def _fill(self, value: Any, kind: str, path: str) -> Any:
        if value is None or kind in _OPAQUE:
            return value
        if match := _LIST.match(kind):
            _expect(value, (list,), path, kind)
            return [self._fill(each, match.group(1), f"{path}[{index}]") for index, each in enumerate(value)]
        if match := _MAP.match(kind):
            _expect(value, (dict,), path, kind)
            return {key: self._fill(each, match.group(2), f"{path}.{key}") for key, each in value.items()}
        if kind in _PRIMITIVES:
            _expect(value, _PRIMITIVES[kind], path, kind)
            return value
        _expect(value, (dict,), path, kind)
        return self._fill_model(value, kind, path)

    def _fill_model(self, value: Mapping[str, Any], kind: str, path: str) -> Any:
        chosen = self._class(kind)
        attributes = {json_name: name for name, json_name in chosen.attribute_map.items()}
        unknown = sorted(set(value) - set(attributes))
        if unknown:
            raise Refused(f"{_join(path, unknown[0])}: {kind} of the SDK has no such field")
        filled = {
            attributes[key]: self._fill(each, chosen.openapi_types[attributes[key]], _join(path, key))
            for key, each in value.items()
        }
        try:
            return chosen(**filled)
        except ValueError as error:
            raise Refused(f"{path or '(root)'}: {error}") from error


def _expect(value: Any, types: tuple[type, ...], path: str, kind: str) -> None:
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        raise Refused(f"{path or '(root)'}: {value!r} is not {kind}")


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def differences(written: Any, returned: Any, path: str) -> Iterator[str]:
    """What is in `written` and not, or not the same, in `returned`."""
    if isinstance(written, Mapping) and isinstance(returned, Mapping):
        for key in sorted(set(written) | set(returned)):
            if key not in returned:
                yield f"{_join(path, key)}: lost by the SDK"
            elif key not in written:
                yield f"{_join(path, key)}: added by the SDK"
            else:
                yield from differences(written[key], returned[key], _join(path, key))
    elif isinstance(written, list) and isinstance(returned, list) and len(written) == len(returned):
        for index, (one, other) in enumerate(zip(written, returned, strict=True)):
            yield from differences(one, other, f"{path}[{index}]")
    elif written != returned:
        yield f"{path}: {written!r} became {returned!r}"
