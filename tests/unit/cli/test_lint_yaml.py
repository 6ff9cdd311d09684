"""YAML that no API server would take: an error with its line, and never a crash or a hang."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from slipway.cli import documents, lint
from slipway.cli.__main__ import main
from slipway.cli.documents import MOST_VALUES, Document, Unreadable

from tests.unit.cli.manifests import ROLLOUT, TASK

LAUGHS = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))


def read(tmp_path: Path, text: str) -> list[Document]:
    (tmp_path / "x.yaml").write_text(text)
    return list(documents.read(str(tmp_path / "x.yaml")))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &x\n  b: *x\n", "x.yaml:1: not YAML: an anchor contains itself"),
        ("&x [1, [*x]]\n", "x.yaml:1: not YAML: an anchor contains itself"),
        ("a: &x {b: &y {c: *x, d: *y}}\n", "an anchor contains itself"),
        ("a: &x\n  <<: *x\n", "an anchor contains itself"),
        ("a0: &a0 lol\n" + LAUGHS, f"more than {MOST_VALUES} values"),
        ("a: " + "[" * 200 + "]" * 200, "nested more than 100 deep"),
        ("[" * 100_000, "nested more than 100 deep"),
        ("{a: " * 5_000, "nested more than 100 deep"),
        ("a: " + "9" * 5_000, "a value does not fit its type"),
        ("a: !!int x", "a value does not fit its type"),
        ("a: !!bool 7", "a value does not fit its type"),
        ("a: !!set {b}", "the type 'set' is none of JSON"),
        ("a: !!timestamp 2026-99-99", "the type 'timestamp' is none of JSON"),
        ("a: !!python/object:os.system {}", "is none of JSON"),
        ("a: .nan", ".nan is no number of JSON"),
        ("? [a, b]\n: 1", "a key is no text"),
        ("? {a: b}\n: 1", "a key is no text"),
        ("a: *nothing", "undefined alias"),
    ],
)
def test_it_is_refused_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(Unreadable, match=r"x\.yaml") as refused:
        read(tmp_path, text)
    assert said in str(refused.value)


def test_the_command_ends_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.yaml").write_text("kind: ModelRollout\nspec: &x {stages: [*x]}\n")
    assert main(["lint", "--no-kserve", str(tmp_path / "x.yaml")]) == 2
    assert "x.yaml:2: not YAML: an anchor contains itself" in capsys.readouterr().err


def test_anchors_may_be_used_where_they_end(tmp_path: Path) -> None:
    (document,) = read(
        tmp_path, "usual: &usual\n  a: 1\n  b: 2\nother:\n  b: 3\n  <<: *usual\nlist: [*usual, *usual]\n"
    )
    assert document.value["other"] == {"a": 1, "b": 3}
    assert document.line(("other",)) == 4
    assert document.line(("other", "b")) == 5
    assert document.line(("other", "a")) == 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
PLACES = [
    ("spec", *path) for path in ((), ("model",), ("stages",), ("gates",), ("traffic",), ("features",), ("label",))
]


@settings(max_examples=150, deadline=None)
@given(base=st.sampled_from([ROLLOUT, TASK]), place=st.sampled_from([("metadata",), ("kind",), *PLACES]), value=JSON)
def test_any_value_in_any_place_is_told_and_never_raises(
    base: dict[str, Any], place: tuple[str, ...], value: object
) -> None:
    manifest = yaml.safe_load(yaml.safe_dump(base))
    inner = manifest
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    for reported in lint.lint([Document("x", manifest, {})], kserve=False):
        assert str(reported)


@pytest.mark.parametrize(("name", "place"), [("[", "[[]"), ("int", ".int"), ("str", ".str"), ("list[x]", "[list[x]]")])
def test_an_unknown_field_is_named_also_where_its_name_looks_like_a_type(name: str, place: str) -> None:
    manifest = yaml.safe_load(yaml.safe_dump(ROLLOUT))
    manifest["spec"]["stages"][0] |= {name: None}
    (reported,) = lint.lint([Document("x", manifest, {})], kserve=False)
    assert f"spec.stages[0]{place}: unknown field" in str(reported)
