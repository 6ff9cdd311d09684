"""Laws of the generated CRDs, and that the files in crds/ are the generated ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from slipway.api.crds import main, rendered, stale
from slipway.api.v1alpha1 import KINDS

REPOSITORY = Path(__file__).resolve().parents[3]
DEFINITIONS = {name: yaml.safe_load(text) for name, text in rendered().items()}
SCHEMAS = {
    name: definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"] for name, definition in DEFINITIONS.items()
}


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every node of a schema with its path."""
    yield path, schema
    for key, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{key}")
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from nodes(schema[key], f"{path}[]")


def part(name: str, of: str) -> list[tuple[str, dict[str, Any]]]:
    return [*nodes(SCHEMAS[name]["properties"][of], of)]


def test_files_are_the_generated_ones() -> None:
    assert stale(REPOSITORY / "crds") == []


def test_check_fails_on_a_difference_and_writing_mends_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "leftover.yaml").write_text("a: 1")
    assert main(["--check", "--out", str(tmp_path)]) == 1
    assert "make crds" in capsys.readouterr().err
    assert main(["--out", str(tmp_path)]) == 0
    assert main(["--check", "--out", str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.iterdir()} == rendered().keys()


@pytest.mark.parametrize("name", SCHEMAS)
@pytest.mark.parametrize("of", ["spec", "status"])
def test_every_field_is_described(name: str, of: str) -> None:
    undescribed = [
        path
        for path, node in part(name, of)
        if not node.get("description", "").endswith(".") and not path.endswith("[]")
    ]
    assert undescribed == []


@pytest.mark.parametrize("name", SCHEMAS)
@pytest.mark.parametrize("of", ["spec", "status"])
def test_there_is_no_float_and_no_hole(name: str, of: str) -> None:
    for path, node in part(name, of):
        assert node.get("type") in ("object", "array", "string", "integer", "boolean") or (
            node.get("x-kubernetes-int-or-string") is True and "type" not in node
        ), path
        assert "x-kubernetes-preserve-unknown-fields" not in node, path
        assert not {"$ref", "title", "allOf", "oneOf", "nullable", "const", "x-later"} & node.keys(), path


@pytest.mark.parametrize("name", SCHEMAS)
def test_everything_in_a_spec_is_bounded(name: str) -> None:
    limits = {"array": ("maxItems",), "string": ("maxLength", "enum", "format"), "integer": ("maximum",)}
    for path, node in part(name, "spec"):
        wanted = limits.get(node.get("type", ""), ())
        if path.endswith(("delta.version", "sources[].delta.version")):
            continue  # a Delta table counts its versions without an end
        assert not wanted or any(key in node for key in wanted), path
        assert "additionalProperties" not in node or "maxProperties" in node, path


@pytest.mark.parametrize("name", SCHEMAS)
def test_lists_say_how_they_merge(name: str) -> None:
    for path, node in part(name, "spec"):
        if node.get("type") == "array":
            assert node.get("x-kubernetes-list-type") in ("map", "set", "atomic"), path
            if node["items"].get("properties", {}).get("name") and "parentRefs" not in path:
                assert node.get("x-kubernetes-list-map-keys") == ["name"] or "tolerations" in path, path


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_status_has_no_defaults(name: str) -> None:
    assert [path for path, node in part(name, "status") if "default" in node] == []


@pytest.mark.parametrize("name", SCHEMAS)
def test_rules_say_what_is_legal(name: str) -> None:
    rules = [rule for _, node in nodes(SCHEMAS[name]) for rule in node.get("x-kubernetes-validations", ())]
    assert rules
    for rule in rules:
        assert len(rule["message"]) > 15, rule
        assert rule["rule"].count("(") == rule["rule"].count(")"), rule


def test_names_are_unique_and_in_one_category() -> None:
    names = [definition["spec"]["names"] for definition in DEFINITIONS.values()]
    every = [name for each in names for name in (each["plural"], each["singular"], *each["shortNames"])]
    assert len(every) == len(set(every))
    assert all(each["categories"] == ["slipway"] for each in names)
    assert [kind.kind for kind in KINDS if not kind.namespaced] == ["MetricTemplate"]


def test_every_kind_has_a_status_subresource_and_columns_with_words() -> None:
    for definition in DEFINITIONS.values():
        version = definition["spec"]["versions"][0]
        assert version["subresources"] == {"status": {}}
        assert all(column["description"].endswith(".") for column in version["additionalPrinterColumns"])


def test_no_text_looks_like_a_template() -> None:
    """Charts copy these files, and Helm would take double braces for its own."""
    assert [name for name, text in rendered().items() if "{{" in text] == []
