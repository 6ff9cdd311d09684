"""Requests made from a signature: valid ones with what they say, and wrong ones with the fields an answer may blame."""

from __future__ import annotations

import json
import math
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from slipway_serving.service.signature import ColumnSpec, ParameterSpec, Signature

COLUMNS = ("double", "float", "long", "integer", "boolean", "string", "datetime")
V1, V2 = "/v1/models/m:predict", "/v2/models/m/infer"
MOST_BODY, MOST_INSTANCES = 32 << 10, 16
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


@dataclass(frozen=True)
class Request:
    """`fields` are those that a refusal may name, None for a valid request, whose rows say `said`."""

    path: str
    body: bytes
    fields: frozenset[str] | None = None
    statuses: tuple[int, ...] = (400,)
    said: tuple[Any, ...] = ()
    parameters: tuple[tuple[str, Any], ...] = ()


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
    """Draws requests for one signature of columns, always the same for a seed. `nullable` columns take null."""

    def __init__(self, signature: Signature, nullable: frozenset[str], seed: int) -> None:
        self._columns = {str(column.name): column for column in signature.columns}
        self._nullable = nullable
        self.draw = random.Random(seed)
        self._makes: dict[str, Callable[[], Any]] = {
            "double": self._number,
            "float": lambda: struct.unpack("f", struct.pack("f", self._number()))[0],
            "long": lambda: self.draw.choice((2**53, -(2**53), self.draw.randrange(-(2**40), 2**40), 4.0)),
            "integer": lambda: self.draw.choice((2**31 - 1, -(2**31), self.draw.randrange(-100, 100))),
            "boolean": lambda: self.draw.random() < 0.5,
            "string": lambda: self.draw.choice(_TEXTS),
            "datetime": self._time,
        }
        self.faults: dict[str, Callable[[], Request]] = {
            "column": self.wrong_column,
            "type": self.wrong_type,
            "count": self.wrong_count,
            "size": self.wrong_size,
            "json": self.wrong_json,
            "parameter": self.wrong_parameter,
        }

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
        return {name: self.value(column) for name, column in self._columns.items()}

    def valid(self) -> Request:
        """By name or by position in V1, or a tensor per feature in V2; sometimes with parameters."""
        rows = [self.instance() for _ in range(self.draw.randrange(1, 4))]
        parameters: dict[str, Any] = self.draw.choice(({}, {"top": 5}, {"words": ["b", "ü"], "at": None}))
        said = tuple(tuple(row.values()) for row in rows)
        kind = self.draw.randrange(4)
        if kind == 0:
            path, document = V2, self.tensors(rows)
        elif kind == 1:
            path, document = V1, {"instances": [list(row.values()) for row in rows]}
        else:
            for row in rows:
                if row["maybe"] is None:
                    del row["maybe"]  # an optional one may be left out
            path, document = V1, {"instances": rows}
        if parameters:
            document[self.draw.choice(("parameters", "params"))] = parameters
        return Request(path, _json(document), said=said, parameters=tuple(sorted(parameters.items())))

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
            for name, column in self._columns.items()
        ]
        return {"inputs": inputs}

    def _wrong_row(self, row: dict[str, Any], fields: set[str], statuses: tuple[int, ...] = (400,)) -> Request:
        """A wrong row among valid ones, in either protocol."""
        rows = [self.instance() for _ in range(self.draw.randrange(0, 3))]
        rows.insert(self.draw.randrange(len(rows) + 1), row)
        # A list among a tensor's data may be right: a tensor's values may come nested.
        flat = row.keys() == self._columns.keys() and not any(isinstance(value, list) for value in row.values())
        if flat and self.draw.random() < 0.3:
            return Request(V2, _json(self.tensors(rows)), frozenset(fields | {"inputs"}), statuses)
        return Request(V1, _json({"instances": rows}), frozenset(fields), statuses)

    def wrong_column(self) -> Request:
        """One missing, one too many, or one misspelt."""
        row, name = self.instance(), self.draw.choice([one for one in self._columns if one != "maybe"])
        kind = self.draw.randrange(3)
        if kind == 0:
            del row[name]
            return self._wrong_row(row, {name})
        if kind == 1:
            surplus = self.draw.choice((name.upper(), name + " ", "surplus", "ü" * 200, "\ud800"))
            return self._wrong_row({**row, surplus: 1}, {surplus.encode(errors="backslashreplace").decode()[:100]})
        row[name + "x"] = row.pop(name)
        return self._wrong_row(row, {name})

    def wrong_type(self) -> Request:
        """A value of another type, or null where none is tolerated."""
        row, name = self.instance(), self.draw.choice(list(self._columns))
        wrong: tuple[Any, ...] = _WRONG[self._columns[name].type]
        row[name] = self.draw.choice(wrong if name in self._nullable else (*wrong, None))
        return self._wrong_row(row, {name})

    def wrong_count(self) -> Request:
        """Rows too short or too long, no rows, tensors that disagree with their shape or each other."""
        rows = [self.instance() for _ in range(2)]
        kind = self.draw.randrange(5)
        if kind == 0:
            values = list(self.instance().values())
            wrong = self.draw.choice((values[:-1], [*values, 1], [], values * 2))
            return Request(V1, _json({"instances": [list(rows[0].values()), wrong]}), frozenset({"instances[1]"}))
        if kind == 1:
            document = self.draw.choice(({"instances": []}, {}, {"instances": {}}, {"instances": "all"}))
            return Request(V1, _json(document), frozenset({"instances"}))
        document, name = self.tensors(rows), self.draw.choice(list(self._columns))
        tensor = next(one for one in document["inputs"] if one["name"] == name)
        if kind == 2:
            tensor["shape"] = self.draw.choice(([3], [2, 2], [0], [], [-1], ["2"], None, [1, 1], [2.0]))
        elif kind == 3:
            tensor["data"] = self.draw.choice((tensor["data"] * 2, [], None, "text", tensor["data"][:1]))
        else:
            tensor["data"], tensor["shape"] = tensor["data"][:1], [1]
        return Request(V2, _json(document), frozenset({name, "inputs"}))

    def wrong_size(self) -> Request:
        """Too large a number, a body, or a batch."""
        kind = self.draw.randrange(3)
        if kind == 0:
            name = self.draw.choice(list(_TOO_LARGE))
            return self._wrong_row({**self.instance(), name: self.draw.choice(_TOO_LARGE[name])}, {name})
        if kind == 1:
            row = {**self.instance(), "string": "x" * (MOST_BODY + self.draw.randrange(40_000))}
            return Request(V1, _json({"instances": [row]}), frozenset({""}), (413,))
        path, rows = self.draw.choice((V1, V2)), [self.instance()] * (MOST_INSTANCES + self.draw.randrange(1, 9))
        document = {"instances": rows} if path == V1 else self.tensors(rows)
        return Request(path, _json(document), frozenset({"instances", "inputs"}), (413,))

    def wrong_json(self) -> Request:
        """Truncated, mutilated, of another encoding or shape, or with what JSON does not know."""
        good = _json({"instances": [self.instance()]})
        cut = self.draw.randrange(1, len(good) - 1)
        wrong = (
            good[:cut],
            good[:cut] + b"\xff\xfe" + good[cut:],
            good + good,
            b"",
            b"[" * self.draw.randrange(1, MOST_BODY),
            b'{"instances": [{"double": NaN}]}',
            b'{"instances": [[Infinity]]}',
            b'{"instances": [' + b"9" * 5000 + b"]}",
            self.draw.choice((b"[]", b"3", b"null", b'"text"', b"true")),
            self.draw.randbytes(self.draw.randrange(1, 60)),
        )
        return Request(self.draw.choice((V1, V2)), self.draw.choice(wrong), frozenset({"", "inputs", "instances"}))

    def wrong_parameter(self) -> Request:
        """One that is not declared, of another type, or no object at all."""
        fields, given = self.draw.choice(
            (
                ("temperature", {"temperature": 1}),
                ("top", {"top": "5"}),
                ("top", {"top": None}),
                ("words", {"words": "a"}),
                ("words", {"words": ["a", 1]}),
                ("at", {"at": "never"}),
                ("parameters", [1]),
                ("parameters", "top=5"),
            )
        )
        return Request(V1, _json({"instances": [self.instance()], "parameters": given}), frozenset({fields}))


def read_back(value: Any, kind: str) -> Any:
    """What a model should be given for `value`, in a form that compares."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if kind == "datetime":
        return str(datetime.fromisoformat(str(value)).replace(tzinfo=None))
    return str(value) if kind == "string" else bool(value) if kind == "boolean" else float(value)


def _json(document: Any) -> bytes:
    return json.dumps(document).encode()
