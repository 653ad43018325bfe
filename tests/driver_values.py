"""Values as the driver gives them, as JSON has them and as CSV has them, in one form that compares exactly.

They become plain Python values: floats as their bits (NaN then equals itself, -0.0 differs from 0.0), decimals with
their scale, sets in an order of their own, maps as lists of pairs.
"""

from __future__ import annotations

import base64
import datetime
import decimal
import json
import struct
import uuid
from collections.abc import Callable
from typing import Any

from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType

_INTEGERS = ("tinyint", "smallint", "int", "bigint", "counter")


def driver_plain(value: Any, cql_type: CqlType) -> Any:
    """A value of a driver's row."""
    if value is None:
        return None
    scalar: dict[str, Callable[[Any], Any]] = {
        "timestamp": lambda moment: moment.replace(tzinfo=datetime.timezone.utc),
        "date": lambda date: date.date(),
        "time": lambda time: time.nanosecond_time,
        "duration": lambda duration: [duration.months, duration.days, duration.nanoseconds],
        "inet": str,
    }
    if not cql_type.children:
        return _plain_scalar(scalar.get(cql_type.name, _unchanged)(value), cql_type)
    if cql_type.name in ("tuple", "udt"):
        return _join(cql_type, list(value), driver_plain)
    if cql_type.name == "map":
        value = list(value.items())
    return _join(cql_type, list(value), driver_plain)


def json_plain(value: Any, cql_type: CqlType) -> Any:
    """What Python's own json made of a value."""
    if value is None:
        return None
    if not cql_type.children:
        return _plain_scalar(_from_json(value, cql_type), cql_type)
    if cql_type.name in ("tuple", "udt"):
        assert list(value) == [name for name, _ in cql_type.children]
        return _join(cql_type, list(value.values()), json_plain)
    if cql_type.name == "map":
        key_type = cql_type.children[0][1]
        pairs = [(_read_key(key, key_type), each) for key, each in value.items()]
        return _join(cql_type, pairs, json_plain)
    return _join(cql_type, value, json_plain)


def csv_plain(cell: str | None, cql_type: CqlType) -> Any:
    """What a reader of CSV that knows no types made of a value; None for a null."""
    if cell is None:
        return None
    if cql_type.children or cql_type.name == "duration" or cql_type.name == "boolean":
        return json_plain(json.loads(cell), cql_type)
    return json_plain(int(cell) if cql_type.name in _INTEGERS else cell, cql_type)


def _unchanged(value: Any) -> Any:
    return value


def _from_json(value: Any, cql_type: CqlType) -> Any:
    name = cql_type.name
    if name in ("decimal", "varint"):
        # As a number, readers would make a float of it.
        assert isinstance(value, str)
        return decimal.Decimal(value) if name == "decimal" else int(value)
    if name in _INTEGERS:
        assert isinstance(value, int)
        return value
    if name == "timestamp":
        assert value.endswith("Z")
        return datetime.datetime.fromisoformat(value)
    if name == "date":
        return datetime.date.fromisoformat(value)
    if name == "time":
        clock, nanoseconds = value.split(".")
        seconds = sum(int(part) * unit for part, unit in zip(clock.split(":"), (3_600, 60, 1), strict=True))
        return seconds * 1_000_000_000 + int(nanoseconds)
    if name == "duration":
        assert list(value) == ["months", "days", "nanoseconds"]
        return list(value.values())
    if name in ("uuid", "timeuuid"):
        return uuid.UUID(value)
    if name == "blob":
        return base64.b64decode(value, validate=True)
    return value


def _plain_scalar(value: Any, cql_type: CqlType) -> Any:
    if cql_type.name in ("float", "double"):
        return struct.pack(">d", float(value))
    if cql_type.name == "decimal":
        return value.as_tuple()
    return value


def _read_key(key: str, key_type: CqlType) -> Any:
    """A member's name as the JSON value that it stands for."""
    is_text_in_json = not key_type.children and key_type.name not in (*_INTEGERS, "boolean", "duration")
    return key if is_text_in_json else json.loads(key)


def _join(cql_type: CqlType, values: list[Any], plain: Callable[[Any, CqlType], Any]) -> Any:
    children = [child for _, child in cql_type.children]
    if cql_type.name in ("tuple", "udt"):
        return [plain(value, child) for value, child in zip(values, children, strict=True)]
    if cql_type.name == "map":
        pairs = [(plain(key, children[0]), plain(value, children[1])) for key, value in values]
        return sorted(pairs, key=repr)
    plains = [plain(value, children[0]) for value in values]
    return sorted(plains, key=repr) if cql_type.name == "set" else plains
