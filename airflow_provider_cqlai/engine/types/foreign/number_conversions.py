"""Converts integers, floats and decimals of any width in foreign files to the numbers that a CQL type has.

A type that is taken as it is, or not at all, has no `Conversion` (None). Note: a float counts as a whole number only
below 2^53 (2^24 for 32 bits), since beyond that it may stand for a neighbour that was rounded away, as pandas does to
integers beside a null.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_cqlai.engine.types.cells.number_arrays import null_mask
from airflow_provider_cqlai.engine.types.foreign.conversion_steps import (
    Conversion,
    ConversionTarget,
    Convert,
    cast,
    first_of,
)

INTEGERS = {
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "counter": pa.int64(),
}
FLOATS = {"float": pa.float32(), "double": pa.float64()}
# Whole numbers up to here have a float of their own that no other whole number rounds to.
_LARGEST_WHOLE = {16: 2**11 - 1, 32: 2**24 - 1, 64: 2**53 - 1}
_WIDEST = pa.decimal128(38, 0)


def plan_integer(target: ConversionTarget, arrow_type: Any) -> Conversion | None:
    """To tinyint, smallint, int and bigint, with a check of every value."""
    wanted = INTEGERS[target.name]
    if arrow_type == wanted:
        return None
    if pa.types.is_integer(arrow_type):
        return cast(wanted)
    if pa.types.is_floating(arrow_type):
        return Conversion(wanted, _float_to_integer(target, arrow_type, wanted))
    if pa.types.is_decimal(arrow_type):
        options = pc.CastOptions(wanted, allow_decimal_truncate=target.is_lossy_allowed)
        # Arrow holds a narrower decimal against the bounds of the integer in its own width.
        wide = pa.decimal128(arrow_type.precision, arrow_type.scale) if arrow_type.bit_width < 128 else arrow_type
        return Conversion(wanted, lambda array: pc.cast(array.cast(wide), options=options))
    return None


def plan_float(target: ConversionTarget, arrow_type: Any) -> Conversion | None:
    """To float and double: whole numbers where exact, shorter floats always, others where a loss is allowed."""
    wanted = FLOATS[target.name]
    if arrow_type == wanted:
        return None
    if pa.types.is_integer(arrow_type):
        return Conversion(wanted, lambda array: array.cast(wanted, safe=not target.is_lossy_allowed))
    if pa.types.is_floating(arrow_type):
        if arrow_type.bit_width < wanted.bit_width:
            return cast(wanted)
        target.check_lossy_allowed(arrow_type, "digits can be lost")
        return Conversion(wanted, lambda array: _shorten(array, wanted))
    if pa.types.is_decimal(arrow_type):
        target.check_lossy_allowed(arrow_type, "a binary fraction is not a decimal one")
        return Conversion(wanted, lambda array: _shorten(array.cast(pa.float64()), wanted))
    return None


def plan_decimal(target: ConversionTarget, arrow_type: Any) -> Conversion | None:
    """To decimal and varint; texts go as they are."""
    if pa.types.is_integer(arrow_type):
        # Only a varint takes int64 as it is.
        return cast(pa.int64() if target.name == "varint" and arrow_type != pa.uint64() else _WIDEST)
    if pa.types.is_decimal(arrow_type) and arrow_type.bit_width < 128:
        return _truncate(target, pa.decimal128(arrow_type.precision, arrow_type.scale), cast_first=True)
    if pa.types.is_decimal(arrow_type):
        return _truncate(target, arrow_type, cast_first=False)
    if not pa.types.is_floating(arrow_type):
        return None
    if target.name == "varint":
        if target.is_lossy_allowed:
            return Conversion(pa.string(), _truncated_texts)
        return Conversion(pa.int64(), _float_to_integer(target, arrow_type, pa.int64()))
    target.check_lossy_allowed(arrow_type, "a binary fraction is read as the shortest decimal that stands for it")
    return Conversion(pa.string(), _shortest_texts)


def _truncate(target: ConversionTarget, wanted: Any, *, cast_first: bool) -> Conversion | None:
    """A varint of a decimal with a fraction loses it only where that is allowed; else the encoder refuses it."""
    if target.name == "varint" and target.is_lossy_allowed and wanted.scale:
        whole = (pa.decimal256 if wanted.bit_width == 256 else pa.decimal128)(wanted.precision, 0)
        options = pc.CastOptions(whole, allow_decimal_truncate=True)
        return Conversion(whole, lambda array: pc.cast(array.cast(wanted), options=options))
    return cast(wanted) if cast_first else None


def _float_to_integer(target: ConversionTarget, arrow_type: Any, wanted: Any) -> Convert:
    largest = _LARGEST_WHOLE[arrow_type.bit_width]

    def convert(array: Any) -> Any:
        values = _doubles(array)
        if target.is_lossy_allowed:
            values = np.trunc(values)
            is_bad = ~((values >= -(2.0**63)) & (values < 2.0**63))
        else:
            # A comparison with NaN is false, so NaN is bad too.
            is_bad = ~((np.trunc(values) == values) & (np.abs(values) <= largest))
        bad = first_of(values, is_bad)
        if bad is not None:
            limit = "" if target.is_lossy_allowed else f" below {largest + 1:,}, beyond which floats are rounded"
            raise ValueError(f"{bad!r} is not a whole number{limit}")
        return pa.array(values.astype(np.int64), pa.int64(), mask=null_mask(array)).cast(wanted)

    return convert


def _doubles(array: Any) -> np.ndarray:
    doubles: np.ndarray = array.cast(pa.float64()).fill_null(0.0).to_numpy(zero_copy_only=False)
    return doubles


def _shorten(array: Any, wanted: Any) -> Any:
    """Rounded to the nearest; what was finite must stay so."""
    shorter = array.cast(wanted, safe=False)
    values = _doubles(array)
    bad = first_of(values, np.isfinite(values) & np.isinf(_doubles(shorter)))
    if bad is not None:
        raise ValueError(f"{bad!r} is beyond the range of a {wanted}")
    return shorter


def _shortest_texts(array: Any) -> Any:
    _check_finite(array)
    return array.cast(pa.string())


def _truncated_texts(array: Any) -> Any:
    _check_finite(array)
    return pa.array([None if value is None else str(int(value)) for value in array.to_pylist()], pa.string())


def _check_finite(array: Any) -> None:
    values = _doubles(array)
    bad = first_of(values, ~np.isfinite(values))
    if bad is not None:
        raise ValueError(f"{bad!r} is not a decimal number")
