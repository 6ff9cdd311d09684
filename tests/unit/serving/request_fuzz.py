"""Requests made from a signature: valid ones with what they say, and wrong ones with the fields an answer may blame."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from slipway_serving.service.signature import ColumnSpec, ParameterSpec, Signature

from tests.unit.serving.fuzz_protocol import wrong_protocol
from tests.unit.serving.fuzz_request import Request, as_json

COLUMNS = ("double", "float", "long", "integer", "boolean", "string", "datetime")


@dataclass(frozen=True)
class Bounds:
    """What the server under test is set to: bytes of a body and instances in it.

    One in `every` requests of a wrong size goes beyond them, the others hold a number that is too large: with the usual
    bounds, thousands of such bodies would measure the network, and some at once would meet the bound of all together.
    """

    body: int
    instances: int
    every: int = 1


SMALL = Bounds(32 << 10, 16)
OF_A_POD = Bounds(4 << 20, 4096, every=40)
"""Those of a ModelRollout's pods (docs/models.md): about 17 of 10,000 requests go beyond, with less than 100 MiB."""

_MOST_NESTED = 32 << 10
NAME = "m"
SHARES = {"column": 10, "type": 10, "count": 10, "size": 10, "json": 10, "parameter": 10, "protocol": 10, "valid": 30}
"""Requests of each kind in a hundred."""

_TEXTS = ("", "it", "Zoë", "naïve \U0001f600", 'quote " and \\', "line\nfeed", "x" * 200, "1", "null")
_WRONG: dict[str, tuple[Any, ...]] = {
    "double": ("1.5", True, [], {}, [1.0], "", "NaN"),
    "float": ("1", False, [[]], {"a": 1}),
    "long": (1.5, "2", True, [3], -0.25),
    "integer": ("7", 0.1, False, {}),
    "boolean": (0, 1, "true", [], 0.0),
    "string": (1, 2.5, True, ["a"], {"a": "b"}),
    "datetime": ("yesterday", 3, True, "", "2026-13-01", []),
}
_TOO_LARGE: dict[str, tuple[Any, ...]] = {
    "double": (10**400, -(10**39)),
    "float": (3.5e38, -(10**60)),
    "long": (2**63, -(2**63) - 1, 10**30),
    "integer": (2**31, -(2**31) - 1, 2**40),
    "datetime": ("0001-01-01", "9999-12-31T00:00:00"),
}


def all_types() -> Signature:
    """A column of each type, required and not, and a parameter of each shape."""
    columns = (*(ColumnSpec(kind, kind) for kind in COLUMNS), ColumnSpec("maybe", "double", required=False))
    parameters = (
        ParameterSpec("top", "long", 3),
        ParameterSpec("words", "string", ["a"], many=True),
        ParameterSpec("at", "datetime", None),
    )
    return Signature(columns=columns, parameters=parameters)


class RequestFuzz:
    """Draws requests to the model `name` for one signature of columns, always the same for a seed.

    `nullable` columns take null; `bounds` are the server's.
    """

    def __init__(
        self, signature: Signature, nullable: frozenset[str], seed: int, name: str = NAME, bounds: Bounds = SMALL
    ) -> None:
        self.columns = {str(column.name): column for column in signature.columns}
        self._nullable = nullable
        self._parameters = signature.parameters
        self._bounds, self._sizes = bounds, 0
        self.draw = random.Random(seed)
        self.v1, self.v2 = f"/v1/models/{name}:predict", f"/v2/models/{name}/infer"
        self._makes: dict[str, Callable[[], Any]] = {
            "double": self._number,
            "float": lambda: struct.unpack("f", struct.pack("f", self._number()))[0],
            "long": lambda: self.draw.choice((2**53, -(2**53), self.draw.randrange(-(2**40), 2**40), 4.0)),
            "integer": lambda: self.draw.choice((2**31 - 1, -(2**31), self.draw.randrange(-100, 100))),
            "boolean": lambda: self.draw.random() < 0.5,
            "string": lambda: self.draw.choice(_TEXTS),
            "datetime": self._time,
        }
        self.kinds: dict[str, Callable[[], Request]] = {
            "valid": self.valid,
            "column": self.wrong_column,
            "type": self.wrong_type,
            "count": self.wrong_count,
            "size": self.wrong_size,
            "json": self.wrong_json,
            "parameter": self.wrong_parameter,
            "protocol": lambda: wrong_protocol(self),
        }

    def requests(self, count: int) -> Iterator[tuple[str, Request]]:
        """So many requests with their kinds, each kind by its share, interleaved; `count` is a multiple of 100."""
        kinds = [kind for kind, share in SHARES.items() for _ in range(share * count // 100)]
        self.draw.shuffle(kinds)
        return ((kind, self.kinds[kind]()) for kind in kinds)

    def value(self, column: ColumnSpec) -> Any:
        """A value that the column takes."""
        if str(column.name) in self._nullable and self.draw.random() < 0.2:
            return None
        return self._makes[column.type]()

    def _number(self) -> float:
        return float(self.draw.choice((0.0, -1.5, 1e-30, 3.4e38, self.draw.randrange(-5, 5), self.draw.gauss(0, 1e6))))

    def _time(self) -> str:
        moment = datetime(2026, 1, 1) + timedelta(seconds=self.draw.randrange(10**8))
        return self.draw.choice((moment.isoformat(), moment.isoformat() + "Z", moment.date().isoformat()))

    def instance(self) -> dict[str, Any]:
        return {name: self.value(column) for name, column in self.columns.items()}

    def valid(self) -> Request:
        """By name or by position in V1, or a tensor per feature in V2; sometimes with parameters."""
        rows = [self.instance() for _ in range(self.draw.randrange(1, 4))]
        given = ({}, {"top": 5}, {"words": ["b", "ü"], "at": None}) if self._parameters else ({},)
        parameters: dict[str, Any] = self.draw.choice(given)
        said = tuple(tuple(row.values()) for row in rows)
        kind = self.draw.randrange(4)
        if kind == 0:
            path, document = self.v2, self.tensors(rows)
        elif kind == 1:
            path, document = self.v1, {"instances": [list(row.values()) for row in rows]}
        else:
            for row in rows:
                for name, column in self.columns.items():
                    if not column.required and row[name] is None:
                        del row[name]  # an optional one may be left out
            path, document = self.v1, {"instances": rows}
        if parameters:
            document[self.draw.choice(("parameters", "params"))] = parameters
        return Request(path, as_json(document), said=said, parameters=tuple(sorted(parameters.items())))

    def tensors(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """The same rows as a V2 document."""
        datatypes = {"double": "FP64", "float": "FP32", "long": "INT64", "integer": "INT32", "boolean": "BOOL"}
        inputs = [
            {
                "name": name,
                "shape": self.draw.choice(([len(rows)], [len(rows), 1])),
                "datatype": datatypes.get(column.type, "BYTES"),
                "data": [row[name] for row in rows],
            }
            for name, column in self.columns.items()
        ]
        return {"inputs": inputs}

    def _wrong_row(self, row: dict[str, Any], fields: set[str], statuses: tuple[int, ...] = (400,)) -> Request:
        """A wrong row among valid ones, in either protocol."""
        rows = [self.instance() for _ in range(self.draw.randrange(0, 3))]
        rows.insert(self.draw.randrange(len(rows) + 1), row)
        # A list among a tensor's data may be right: a tensor's values may come nested.
        flat = row.keys() == self.columns.keys() and not any(isinstance(value, list) for value in row.values())
        if flat and self.draw.random() < 0.3:
            return Request(self.v2, as_json(self.tensors(rows)), frozenset(fields | {"inputs"}), statuses)
        return Request(self.v1, as_json({"instances": rows}), frozenset(fields), statuses)

    def wrong_column(self) -> Request:
        """One missing, one too many, or one misspelt."""
        row, name = self.instance(), self.draw.choice([one for one in self.columns if self.columns[one].required])
        kind = self.draw.randrange(4)
        if kind == 0:
            del row[name]
            return self._wrong_row(row, {name})
        if kind == 1:
            surplus = self.draw.choice((name.upper(), name + " ", "surplus", "ü" * 200, "\ud800"))
            return self._wrong_row({**row, surplus: 1}, {surplus.encode(errors="backslashreplace").decode()[:100]})
        if kind == 2:
            twice = as_json(row)[:-1] + b", " + as_json({name: row[name]})[1:]
            return Request(self.v1, b'{"instances": [' + twice + b"]}", frozenset({name}))
        row[name + "x"] = row.pop(name)
        return self._wrong_row(row, {name})

    def wrong_type(self) -> Request:
        """A value of another type, or null where none is tolerated."""
        row, name = self.instance(), self.draw.choice(list(self.columns))
        wrong: tuple[Any, ...] = _WRONG[self.columns[name].type]
        row[name] = self.draw.choice(wrong if name in self._nullable else (*wrong, None))
        return self._wrong_row(row, {name})

    def wrong_count(self) -> Request:
        """Rows too short or too long, no rows, tensors that disagree with their shape or each other."""
        rows = [self.instance() for _ in range(2)]
        kind = self.draw.randrange(5)
        if kind == 0:
            values = list(self.instance().values())
            wrong = self.draw.choice((values[:-1], [*values, 1], [], values * 2))
            return Request(
                self.v1, as_json({"instances": [list(rows[0].values()), wrong]}), frozenset({"instances[1]"})
            )
        if kind == 1:
            document = self.draw.choice(({"instances": []}, {}, {"instances": {}}, {"instances": "all"}))
            return Request(self.v1, as_json(document), frozenset({"instances"}))
        document, name = self.tensors(rows), self.draw.choice(list(self.columns))
        tensor = next(one for one in document["inputs"] if one["name"] == name)
        if kind == 2:
            tensor["shape"] = self.draw.choice(([3], [2, 2], [0], [], [-1], ["2"], None, [1, 1], [2.0]))
        elif kind == 3:
            tensor["data"] = self.draw.choice((tensor["data"] * 2, [], None, "text", tensor["data"][:1]))
        else:
            tensor["data"], tensor["shape"] = tensor["data"][:1], [1]
        return Request(self.v2, as_json(document), frozenset({name, "inputs"}))

    def wrong_size(self) -> Request:
        """Too large a number, a body, or a batch."""
        self._sizes += 1
        kind = self.draw.randrange(3)
        if kind == 0 or self._sizes % self._bounds.every:
            name = self.draw.choice([one for one, column in self.columns.items() if column.type in _TOO_LARGE])
            wrong = self.draw.choice(_TOO_LARGE[self.columns[name].type])
            return self._wrong_row({**self.instance(), name: wrong}, {name})
        if kind == 1:
            row = {**self.instance(), next(iter(self.columns)): "x" * (self._bounds.body + self.draw.randrange(40_000))}
            return Request(self.v1, as_json({"instances": [row]}), frozenset({""}), (413,))
        path, count = self.draw.choice((self.v1, self.v2)), self._bounds.instances + self.draw.randrange(1, 9)
        rows = [self.instance()] * count
        document = {"instances": rows} if path == self.v1 else self.tensors(rows)
        return Request(path, as_json(document), frozenset({"instances", "inputs"}), (413,))

    def wrong_json(self) -> Request:
        """Truncated, mutilated, of another encoding or shape, or with what JSON does not know."""
        good = as_json({"instances": [self.instance()]})
        cut = self.draw.randrange(1, len(good) - 1)
        wrong = (
            good[:cut],
            good[:cut] + b"\xff\xfe" + good[cut:],
            good + good,
            b"",
            b"[" * self.draw.randrange(1, _MOST_NESTED),
            b'{"instances": [{"double": NaN}]}',
            b'{"instances": [[Infinity]]}',
            b'{"instances": [' + b"9" * 5000 + b"]}",
            self.draw.choice((b"[]", b"3", b"null", b'"text"', b"true")),
            self.draw.randbytes(self.draw.randrange(1, 60)),
        )
        return Request(
            self.draw.choice((self.v1, self.v2)), self.draw.choice(wrong), frozenset({"", "inputs", "instances"})
        )

    def wrong_parameter(self) -> Request:
        """One that is not declared, of another type, or no object at all."""
        undeclared = (("temperature", {"temperature": 1}), ("parameters", [1]), ("parameters", "top=5"))
        declared = (
            ("top", {"top": "5"}),
            ("top", {"top": None}),
            ("words", {"words": "a"}),
            ("words", {"words": ["a", 1]}),
            ("at", {"at": "never"}),
        )
        fields, given = self.draw.choice((*undeclared, *declared) if self._parameters else undeclared)
        return Request(self.v1, as_json({"instances": [self.instance()], "parameters": given}), frozenset({fields}))


def read_back(value: Any, kind: str) -> Any:
    """What a model should be given for `value`, in a form that compares."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if kind == "datetime":
        return str(datetime.fromisoformat(str(value)).replace(tzinfo=None))
    return str(value) if kind == "string" else bool(value) if kind == "boolean" else float(value)
