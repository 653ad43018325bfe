"""Reads Arrow types as users write them: ``"decimal128(12, 2)"``, ``"uuid"``, ``"timestamp[us, UTC]"``.

Blanks and case do not matter; a text that names no type gives None.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pyarrow as pa

_ARROW_TYPES: Mapping[str, Any] = MappingProxyType(
    {
        "binary": pa.binary(),
        "bool": pa.bool_(),
        "date32": pa.date32(),
        "double": pa.float64(),
        "float": pa.float32(),
        "int16": pa.int16(),
        "int32": pa.int32(),
        "int64": pa.int64(),
        "int8": pa.int8(),
        "string": pa.string(),
        "time32[ms]": pa.time32("ms"),
        "time64[ns]": pa.time64("ns"),
        "time64[us]": pa.time64("us"),
        "timestamp[ms,utc]": pa.timestamp("ms", "UTC"),
        "timestamp[ns,utc]": pa.timestamp("ns", "UTC"),
        "timestamp[us,utc]": pa.timestamp("us", "UTC"),
        "uuid": pa.uuid(),
    }
)
_DECIMAL = re.compile(r"(decimal128|decimal256)\((\d+),(\d+)\)")
_DECIMAL_TYPES = {"decimal128": (pa.decimal128, 38), "decimal256": (pa.decimal256, 76)}


def read_arrow_type(text: str) -> Any | None:
    """The Arrow type, None where the text is none or its precision or scale is out of range."""
    plain = re.sub(r"\s|tz=", "", text.lower())
    decimal = _DECIMAL.fullmatch(plain)
    if decimal is None:
        return _ARROW_TYPES.get(plain)
    make, most_digits = _DECIMAL_TYPES[decimal[1]]
    precision, scale = int(decimal[2]), int(decimal[3])
    return make(precision, scale) if scale <= precision and 1 <= precision <= most_digits else None
