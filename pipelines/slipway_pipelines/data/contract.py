"""The contract of the data: a Pandera schema in YAML, checked on the rows as they were read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from slipway_pipelines.faults import DataFault

if TYPE_CHECKING:
    import pandas as pd

VARIABLE = "SLIPWAY_CONTRACT"
_MOST_SHOWN = 5
_NUMBERS = ("int", "uint", "float", "double")


def contract_columns(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns that a contract names, and those of them that it calls numbers.

    Raises:
        DataFault: it is no YAML with columns.
    """
    try:
        columns = {str(name): dict(rules) for name, rules in dict(yaml.safe_load(text)["columns"]).items()}
    except (yaml.YAMLError, LookupError, TypeError, ValueError) as error:
        raise DataFault("ContractInvalid", f"schema.yaml of the contract has no `columns`: {error}") from error
    numbers = tuple(name for name, rules in columns.items() if str(rules.get("dtype")).startswith(_NUMBERS))
    return tuple(columns), numbers


def check_contract(table: pd.DataFrame, text: str) -> None:
    """Checks the rows.

    Raises:
        DataFault: the contract is no schema, or the rows break it; the message names columns, checks and examples.
    """
    from pandera.errors import SchemaErrors
    from pandera.pandas import DataFrameSchema  # seconds: a run without a contract does not pay them

    try:
        schema = DataFrameSchema.from_yaml(text)
    except Exception as error:  # whatever YAML and the schema's constructors raise
        message = f"schema.yaml of the contract is no Pandera schema: {type(error).__name__}: {error}"
        raise DataFault("ContractInvalid", message) from error
    try:
        schema.validate(_with_whole_numbers(table, schema), lazy=True)
    except SchemaErrors as error:
        raise DataFault("ContractBroken", _told(error)) from error


def _with_whole_numbers(table: pd.DataFrame, schema: Any) -> pd.DataFrame:
    """CSV knows no integers: numbers that all are whole are what the contract calls int."""
    wanted = {name: str(column.dtype) for name, column in schema.columns.items() if name in table.columns}
    whole = {
        name: dtype
        for name, dtype in wanted.items()
        if dtype.startswith(("int", "uint")) and table[name].dtype == float and (table[name] % 1 == 0).all()
    }
    return table.astype(whole)


def _told(error: Any) -> str:
    """Failures by column and check, with their number and a few of the values."""
    cases = error.failure_cases
    parts = []
    for (column, check), group in cases.groupby(["column", "check"], dropna=False, sort=False):
        values = ", ".join(repr(value) for value in group["failure_case"].head(3))
        where = group["index"].dropna()
        row = f", first in data row {int(where.iloc[0]) + 1}" if len(where) else ""
        parts.append(f"{column!r} breaks {check}: {len(group)} times, such as {values}{row}")
    more = f" and {len(parts) - _MOST_SHOWN} more" if len(parts) > _MOST_SHOWN else ""
    return f"the rows break the contract: {'; '.join(parts[:_MOST_SHOWN])}{more}"
