"""Virtual columns for ``partition_by``: ``event_id.year``, ``.month``, ``.day``, ``.hour``, ``.date``, in UTC.

Each is an integer array (a year, a month, a day, an hour, or days since 1970), which `VirtualColumn.texts` turns into
zero-padded directory values. Note: a real column whose name is ``a.year`` wins over the virtual one of ``a``.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.files.write.row_names import HiveValueError
from airflow_provider_cqlai.engine.types.cells.moment_texts import date_texts, year_text
from airflow_provider_cqlai.engine.types.cells.number_arrays import null_mask, to_array, to_numpy
from airflow_provider_cqlai.engine.types.column import TIME_UNIT_METADATA_KEY

PARTS = ("year", "month", "day", "hour", "date")

# 100 ns ticks from 1582-10-15, where version 1 uuids begin, to 1970-01-01 (RFC 9562, section 5.1).
_UUID_EPOCH_TICKS = 0x01B21DD213814000
_TICKS_PER_HOUR = 36_000_000_000
_UNITS_PER_HOUR = {"s": 3_600, "ms": 3_600_000, "us": 3_600_000_000, "ns": 3_600_000_000_000}
# Where a uuid's text has the hex digits of its time: time_hi without the version, time_mid, time_low.
_TIME_DIGITS = (15, 16, 17, 9, 10, 11, 12, 0, 1, 2, 3, 4, 5, 6, 7)
_VERSION_DIGIT = 14
_UUID_TEXT_LENGTH = 36

# The value of a hex digit by its character code.
_HEX_VALUES = np.array([int(chr(code), 16) if chr(code) in string.hexdigits else 0 for code in range(256)])


@dataclass(frozen=True)
class VirtualColumn:
    """``part`` of the time that ``column`` holds."""

    name: str
    column: str
    part: str
    unit: str | None = None
    """What the column's numbers count; None where its type says it."""

    def values(self, record_batch: pa.RecordBatch) -> pa.Array:
        """One int64 a row, null where the column is null.

        Raises:
            HiveValueError: a timeuuid column holds a uuid of another version, which has no time.
        """
        array = record_batch.column(self.column)
        hours = self._hours_since_1970(array)
        days = hours // 24
        if self.part == "hour":
            numbers = hours - days * 24
        elif self.part == "date":
            numbers = days
        else:
            numbers = _calendar_part(days, self.part)
        storage = array.storage if isinstance(array, pa.ExtensionArray) else array
        return to_array(numbers, null_mask(storage) if storage.null_count else None)

    def texts(self, values: pa.Array) -> list[str]:
        """Directory values of what `values` returned, nulls left out before."""
        if self.part == "date":
            return date_texts(values, has_plus_sign=False).to_pylist()  # type: ignore[no-any-return]
        if self.part == "year":
            return [year_text(year, has_plus_sign=False) for year in values.to_pylist()]
        return [f"{number:02d}" for number in values.to_pylist()]

    def _hours_since_1970(self, array: pa.Array) -> np.ndarray:
        data_type = array.type
        if self.unit is not None:
            return np.asarray(to_numpy(array.cast(pa.int64()), np.int64) // _UNITS_PER_HOUR[self.unit])
        if pa.types.is_timestamp(data_type):
            return np.asarray(to_numpy(array, np.int64) // _UNITS_PER_HOUR[data_type.unit])
        if pa.types.is_date32(data_type):
            return to_numpy(array, np.int32).astype(np.int64) * 24
        if isinstance(array, pa.ExtensionArray):
            ticks = _ticks_of_bytes(array.storage, self)
        else:
            ticks = _ticks_of_text(array, self)
        return np.asarray((ticks - _UUID_EPOCH_TICKS) // _TICKS_PER_HOUR)


def find_virtual_column(name: str, arrow_schema: pa.Schema) -> VirtualColumn:
    """The virtual column that ``name`` asks for.

    Raises:
        OptionError: no such column, no such part, or a column that tells no time.
    """
    column, dot, part = name.rpartition(".")
    if not dot or column not in arrow_schema.names:
        raise OptionError(
            f"partition_by: no column {name!r}; known columns: {', '.join(arrow_schema.names)};"
            f" {_list_parts(PARTS)} of a timeuuid, timestamp or date can be added to its name",
            option="partition_by",
        )
    field = arrow_schema.field(column)
    parts = _parts_of(field)
    cql_type = _cql_type(field) or str(field.type)
    if not parts:
        raise OptionError(
            f"partition_by: {name!r} needs a timeuuid, timestamp or date, but {column!r} is {cql_type} written as"
            f" {field.type}",
            option="partition_by",
        )
    if part not in parts:
        raise OptionError(
            f"partition_by: {name!r}: a {cql_type} has {_list_parts(parts)}, not .{part}", option="partition_by"
        )
    return VirtualColumn(name, column, part, _time_unit(field))


def _time_unit(field: pa.Field) -> str | None:
    unit = (field.metadata or {}).get(TIME_UNIT_METADATA_KEY)
    return None if unit is None or not pa.types.is_integer(field.type) else unit.decode()


def _parts_of(field: pa.Field) -> Sequence[str]:
    if _time_unit(field) is not None:
        return PARTS
    if pa.types.is_timestamp(field.type):
        return PARTS
    if pa.types.is_date32(field.type):
        return tuple(part for part in PARTS if part != "hour")
    is_uuid_storage = field.type == pa.uuid() or pa.types.is_string(field.type)
    return PARTS if is_uuid_storage and _cql_type(field) == "timeuuid" else ()


def _cql_type(field: pa.Field) -> str:
    return (field.metadata or {}).get(b"cql_type", b"").decode()  # type: ignore[no-any-return]


def _list_parts(parts: Sequence[str]) -> str:
    return ", ".join(f".{part}" for part in parts)


def _calendar_part(days: np.ndarray, part: str) -> np.ndarray:
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    if part == "day":
        return np.asarray((dates - months).astype(np.int64) + 1)
    years = months.astype("datetime64[Y]")
    if part == "month":
        return np.asarray((months - years).astype(np.int64) + 1)
    return np.asarray(years.astype(np.int64) + 1970)


def _ticks_of_text(array: pa.Array, virtual_column: VirtualColumn) -> np.ndarray:
    ticks = np.zeros(len(array), np.int64)
    present = np.flatnonzero(~null_mask(array))
    if not len(present):
        return ticks
    texts = array.drop_null() if array.null_count else array
    _, offsets, data = texts.buffers()
    starts = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    is_right = np.ones(len(array), np.bool_)
    is_right[present] = np.diff(starts) == _UUID_TEXT_LENGTH
    _check_versions(is_right, virtual_column)
    # A sliced array's text starts where its first offset says, not at the beginning of the buffer.
    characters = np.frombuffer(data, np.uint8)[starts[0] : starts[-1]].reshape(-1, _UUID_TEXT_LENGTH)
    is_right[present] = characters[:, _VERSION_DIGIT] == ord("1")
    _check_versions(is_right, virtual_column)
    digits = np.zeros(len(present), np.int64)
    for position in _TIME_DIGITS:
        digits = (digits << 4) | _HEX_VALUES[characters[:, position]]
    ticks[present] = digits
    return ticks


def _ticks_of_bytes(array: pa.Array, virtual_column: VirtualColumn) -> np.ndarray:
    _, data = array.buffers()
    octets = np.frombuffer(data, np.uint8)[array.offset * 16 : (array.offset + len(array)) * 16].reshape(-1, 16)
    _check_versions((octets[:, 6] >> 4 == 1) | null_mask(array), virtual_column)
    ticks = (octets[:, 6].astype(np.int64) & 0x0F) << 8 | octets[:, 7]
    for position in (4, 5, 0, 1, 2, 3):
        ticks = (ticks << 8) | octets[:, position]
    return ticks


def _check_versions(is_right: np.ndarray, virtual_column: VirtualColumn) -> None:
    if not is_right.all():
        raise HiveValueError(
            virtual_column.name,
            "the uuid is not of version 1 and so tells no time",
            position=int(is_right.argmin()),
            column=virtual_column.column,
        )
