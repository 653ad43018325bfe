"""One query of a capture, prepared: a SELECT, its values, its result columns.

A `CaptureQuery` is read like any planned SELECT. Its columns come from the server's result metadata, so that functions,
aliases and casts are what the server says they are.
"""

from __future__ import annotations

import datetime
import struct
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from cassandra.cluster import Session
from cassandra.query import PreparedStatement
from cassandra.util import Date

from airflow_provider_cqlai.engine.cassandra.connect.driver_errors import DRIVER_EXCEPTIONS, translate_driver_error
from airflow_provider_cqlai.engine.cassandra.connect.prepare import prepare_statement
from airflow_provider_cqlai.engine.cassandra.connect.system_query import read_system_rows
from airflow_provider_cqlai.engine.cassandra.cql_text import is_select, read_tokens
from airflow_provider_cqlai.engine.cassandra.metadata.server_release import name_server
from airflow_provider_cqlai.engine.cassandra.plan.export_plan import PlannedRead
from airflow_provider_cqlai.engine.cassandra.plan.window_bounds import (
    FIRST_TIMEUUID_MILLISECOND,
    LAST_TIMEUUID_MILLISECOND,
    to_milliseconds,
)
from airflow_provider_cqlai.engine.errors import OptionError, TimeWindowError
from airflow_provider_cqlai.engine.options.window import TimeWindow
from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType
from airflow_provider_cqlai.engine.verbs.capture.parameter_values import read_parameter

WINDOW_START, WINDOW_END = "window_start", "window_end"
_AGGREGATES = frozenset({"count", "min", "max", "sum", "avg"})
_DAY = datetime.timedelta(days=1)
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


@dataclass(frozen=True)
class CaptureQuery:
    """A prepared SELECT."""

    text: str
    number: int
    """Its place among the queries, from 1."""
    description: str
    """``query 2 of 3``, for messages."""
    table: str
    columns: tuple[tuple[str, CqlType], ...]
    driver_columns: tuple[tuple[str, type], ...]
    read: PlannedRead
    row_limit: int | None = None
    """Its LIMIT; None where it has none."""
    is_aggregate: bool = False
    """Its rows are made of others, which the server reads page by page of the size that it is asked for."""

    @property
    def keyspace_and_table(self) -> tuple[str, str]:
        """Of the table that is read, as the server spells them."""
        keyspace, table = self.read.statement.result_metadata[0][:2]
        return keyspace, table


def prepare_query(
    session: Session, text: str, number: int, description: str, parameters: Mapping[str, Any], window: TimeWindow | None
) -> CaptureQuery:
    """Prepare ``text``, one statement without comments before it, and bind its markers; nothing is read.

    Raises:
        OptionError: no SELECT, a marker without a value or with one of another type, a value without a marker, or two
            result columns of one name.
        QueryError: the server refuses it.
        TimeWindowError: a window marker of a type that tells no time, or without a window.
    """
    if not is_select(text):
        raise OptionError(f"{description} is not a SELECT: {_shorten(text)}", option="queries")
    try:
        statement = prepare_statement(session, text)
    except DRIVER_EXCEPTIONS as error:
        what = f"preparing {description}, {_shorten(text)}, on {name_server(session)}"
        raise translate_driver_error(error, what) from error
    names = [column[2] for column in statement.result_metadata]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise OptionError(
            f"{description} returns {', '.join(repeated)} more than once: give each an alias of its own, as in"
            f" SELECT {repeated[0]} AS other_name: {_shorten(text)}",
            option="queries",
        )
    values = bind_parameters(statement, description, parameters, window)
    keyspace, table = statement.result_metadata[0][:2]
    return CaptureQuery(
        text=text,
        number=number,
        description=description,
        table=f"{keyspace}.{table}",
        columns=tuple((column[2], CqlType.from_driver_type(column[3])) for column in statement.result_metadata),
        driver_columns=tuple((column[2], column[3]) for column in statement.result_metadata),
        read=PlannedRead(statement, values, description, 1.0, None),
        row_limit=_find_limit(
            text, dict(zip((marker.name for marker in statement.column_metadata), values, strict=True))
        ),
    )


def bind_parameters(
    statement: PreparedStatement, description: str, parameters: Mapping[str, Any], window: TimeWindow | None
) -> tuple[Any, ...]:
    """A value for each marker of ``statement``, which messages call ``description``; raises as `prepare_query`."""
    markers = statement.column_metadata
    unknown = sorted(set(parameters) - {marker.name for marker in markers})
    if unknown and isinstance(parameters, _OwnParameters):
        raise OptionError(f"{description} has no marker :{', :'.join(unknown)}", option="parameters")
    values = tuple(
        _bind_marker(marker.name, CqlType.from_driver_type(marker.type), description, parameters, window)
        for marker in markers
    )
    _check_values(statement, values, description)
    return values


def _find_limit(text: str, values: Mapping[str, Any]) -> int | None:
    """What follows LIMIT, which is a number or a marker, but not that of PER PARTITION LIMIT."""
    tokens = [token.group() for token in read_tokens(text)]
    words = [token.upper() for token in tokens]
    for place, word in enumerate(words[:-1]):
        if word == "LIMIT" and (place == 0 or words[place - 1] != "PARTITION"):
            named = tokens[place + 2].strip('"') if tokens[place + 1] == ":" else tokens[place + 1]
            value = values.get(named, values.get(named.lower())) if tokens[place + 1] == ":" else named
            return int(value) if value is not None else None
    return None


def is_aggregate(session: Session, text: str, keyspace: str) -> bool:
    """Whether the SELECT ``text`` returns groups or different values of rows; ``session`` gives rows, not pages."""
    words = [token.group().lower() for token in read_tokens(text)]
    if "distinct" in words or ("group" in words and "by" in words):
        return True
    called = {word.strip('"') for word, following in pairwise(words) if following == "("}
    if not called or called & _AGGREGATES:
        return bool(called)
    own = "SELECT aggregate_name FROM system_schema.aggregates WHERE keyspace_name = %s"
    found = read_system_rows(session, own, keyspace, what="reading which functions are aggregates")
    return any(name in called for (name,) in found)


class _OwnParameters(dict[str, Any]):
    """Values given for one query alone: each must have its marker."""


def own_parameters(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """``values`` as those of one query alone."""
    return _OwnParameters(values)


def check_same_columns(queries: Sequence[CaptureQuery]) -> None:
    """Raise unless all queries return the same columns in the same order (specification, "Schema Limitation").

    Raises:
        OptionError: names the first difference and the two queries.
    """
    first = queries[0]
    for query in queries[1:]:
        if query.columns == first.columns:
            continue
        if len(query.columns) != len(first.columns):
            difference = f"{len(first.columns)} columns and {len(query.columns)}"
        else:
            (name, cql_type), (other_name, other_type) = next(
                (one, other) for one, other in zip(first.columns, query.columns, strict=True) if one != other
            )
            difference = f"{name} {cql_type} and {other_name} {other_type}"
        raise OptionError(
            f"{first.description} and {query.description} do not return the same columns: {difference}. A Parquet file"
            " has one schema, a CSV file one header; aliases (AS) and CAST make columns alike, and JSON or a directory"
            " of CSV takes columns that differ:"
            f"\n{_shorten(first.text)}\n{_shorten(query.text)}",
            option="queries",
        )


def _bind_marker(
    name: str, cql_type: CqlType, description: str, parameters: Mapping[str, Any], window: TimeWindow | None
) -> Any:
    if name in parameters and name in (WINDOW_START, WINDOW_END):
        raise OptionError(
            f"{description}: parameters: :{name} is the window's own; give the parameter another name",
            option="parameters",
        )
    if name in parameters:
        return read_parameter(parameters[name], cql_type, name, description)
    if name not in (WINDOW_START, WINDOW_END):
        raise OptionError(f"{description}: the marker :{name} has no value", option="parameters")
    if window is None:
        raise TimeWindowError(f"{description} uses :{name}, but there is no window: give start and end, or period")
    return _convert_moment(window.start if name == WINDOW_START else window.end, name, cql_type, description)


def _convert_moment(moment: datetime.datetime, name: str, cql_type: CqlType, description: str) -> Any:
    if cql_type.name == "timestamp":
        return to_milliseconds(moment)
    if cql_type.name == "date":
        if (moment - _EPOCH) % _DAY:
            raise TimeWindowError(f"{description}: :{name} is a date, but {moment.isoformat()} is not midnight UTC")
        return Date((moment - _EPOCH) // _DAY)
    if cql_type.name == "timeuuid":
        # The smallest of its moment, so that >= start and < end hold each timeuuid once.
        return _smallest_timeuuid(to_milliseconds(moment), description)
    raise TimeWindowError(f"{description}: :{name} stands for a {cql_type}, not a timestamp, date or timeuuid")


def _check_values(statement: PreparedStatement, values: Sequence[Any], description: str) -> None:
    for marker, value in zip(statement.column_metadata, values, strict=True):
        try:
            if value is not None:
                marker.type.serialize(value, statement.protocol_version)
        # What the driver's types raise for values of other types, or too large ones.
        except (TypeError, ValueError, AttributeError, ArithmeticError, struct.error) as error:
            raise OptionError(
                f"{description}: the value of :{marker.name}, of type {type(value).__name__}, is not a"
                f" valid {CqlType.from_driver_type(marker.type)}: {error}",
                option="parameters",
            ) from error


def _smallest_timeuuid(milliseconds: int, description: str) -> uuid.UUID:
    """As `minTimeuuid`: the driver's own leads through floating point."""
    if not FIRST_TIMEUUID_MILLISECOND <= milliseconds <= LAST_TIMEUUID_MILLISECOND:
        raise TimeWindowError(f"{description}: a timeuuid only holds times from 1582-10-15 to the year 5236")
    ticks = (milliseconds - FIRST_TIMEUUID_MILLISECOND) * 10_000
    low, middle, high = ticks & 0xFFFFFFFF, ticks >> 32 & 0xFFFF, ticks >> 48
    # Cassandra compares the rest as signed bytes, of which 0x80 is the smallest.
    return uuid.UUID(int=low << 96 | middle << 80 | (0x1000 | high) << 64 | 0x8080808080808080)


def _shorten(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 200 else f"{flat[:200]}..."
