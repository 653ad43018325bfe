"""Compares a column that a file has with what its directories say of the same column."""

from __future__ import annotations

import decimal
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType
from airflow_provider_cqlai.engine.types.foreign.conversion import (
    CONVERSION_ERRORS,
    Conversion,
    plan_conversion,
    plan_field_conversion,
)
from airflow_provider_cqlai.engine.types.foreign.conversion_steps import DefiniteError
from airflow_provider_cqlai.engine.types.foreign.directory_numbers import plan_directory_number
from airflow_provider_cqlai.engine.types.type_map import open_encode


def plan_directory_conversion(cql_type: CqlType, column: str, time_unit: str | None = None) -> Conversion:
    """How the text of a directory becomes a value of ``column``: with ``time_unit`` a timestamp is a whole number."""
    counts_time = time_unit is not None and cql_type.name == "timestamp"
    number = plan_directory_number("bigint" if counts_time else cql_type.name)
    if counts_time and number is not None:
        field = pa.field(column, number.arrow_type)
        return plan_field_conversion(cql_type, field, column, time_unit=time_unit).after(number)
    return number if number is not None else plan_conversion(cql_type, pa.string(), column)


def check_directory_value(
    cql_type: CqlType, arrow_type: Any, column: str, text: str | None, time_unit: str | None
) -> Callable[[Any], Any]:
    """A function that gives a converted column back as it is, and raises ValueError for a value that its directories
    do not name.

    Args:
        cql_type: of the table's column.
        arrow_type: of the converted values.
        column: its name.
        text: of the directories; None is null.
        time_unit: what a whole number of them counts, where they stand for a timestamp.
    """
    conversion = plan_directory_conversion(cql_type, column, time_unit)
    encode = open_encode(cql_type, arrow_type, column)
    encode_text = open_encode(cql_type, conversion.arrow_type, column)

    def read_directory() -> Any:
        try:
            [cell] = encode_text(conversion(pa.array([text], pa.string())))
        except CONVERSION_ERRORS as error:
            raise DefiniteError(f"the directories say {column}={text}, which is no {cql_type}: {error}") from error
        return _comparable(cql_type, cell)

    def check(array: Any) -> Any:
        # Few values, as a rule one; those of extension types cannot be told apart so.
        values = array if isinstance(array, pa.ExtensionArray) else array.unique()
        expected = None if text is None else read_directory()
        for place, cell in enumerate(encode(values)):
            if _comparable(cql_type, cell) != expected:
                raise DefiniteError(
                    f"the file has {values[place].as_py()}, where its directories say {column}={text}"
                    " (on_directory_difference='ignore' writes what the file has)"
                )
        return array

    return check


def _comparable(cql_type: CqlType, cell: Any) -> Any:
    """The server's bytes; of a decimal, which 1.5 and 1.50 are the same as, the number."""
    if cell is None or cql_type.name != "decimal":
        return cell if cell is None else bytes(cell)
    scale, unscaled = (int.from_bytes(part, "big", signed=True) for part in (cell[:4], cell[4:]))
    sign, digits, _ = decimal.Decimal(unscaled).as_tuple()
    return decimal.Decimal((sign, digits, -scale))
