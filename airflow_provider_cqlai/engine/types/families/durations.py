"""duration: months, days and nanoseconds, which CQL keeps apart since no one of them can be told in another.

Cells to structs, structs to cells, and the texts that Cassandra reads: ``1y2mo3d4h5m6s7ms8us9ns`` and three forms of
ISO 8601. The rules of texts are those of ``org.apache.cassandra.cql3.Duration`` (Cassandra 5.0): units of the first
form in any case (so ``1M`` is a minute), each at most once, the longest first. Two differences: a ``P`` with nothing
behind it is refused, and seconds of the ISO form may have a fraction, as pandas writes it.
"""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa

from airflow_provider_cqlai.engine.types.cells.cells import (
    Cells,
    ColumnReading,
    Decode,
    Encode,
    MalformedCellError,
    MisfitCellError,
    encode_each,
    validity,
)
from airflow_provider_cqlai.engine.types.cells.vints import read_vint, write_vint

ARROW_TYPE = pa.struct(
    [
        pa.field("months", pa.int32()),
        pa.field("days", pa.int32()),
        pa.field("nanoseconds", pa.int64()),
    ]
)
_INT32 = range(-(2**31), 2**31)
_NANOSECONDS = {
    "h": 3_600_000_000_000,
    "m": 60_000_000_000,
    "s": 1_000_000_000,
    "ms": 1_000_000,
    "us": 1_000,
    "ns": 1,
}
_STANDARD = re.compile(
    r"(?:(?P<y>[0-9]+)y)?(?:(?P<mo>[0-9]+)mo)?(?:(?P<w>[0-9]+)w)?(?:(?P<d>[0-9]+)d)?(?:(?P<h>[0-9]+)h)?"
    r"(?:(?P<m>[0-9]+)m)?(?:(?P<s>[0-9]+)s)?(?:(?P<ms>[0-9]+)ms)?(?:(?P<us>[0-9]+)[uµ]s)?(?:(?P<ns>[0-9]+)ns)?",
    re.IGNORECASE,
)
_ISO = re.compile(
    r"P(?:(?P<y>[0-9]+)Y)?(?:(?P<mo>[0-9]+)M)?(?:(?P<d>[0-9]+)D)?"
    r"(?:T(?=[0-9])(?:(?P<h>[0-9]+)H)?(?:(?P<m>[0-9]+)M)?(?:(?P<s>[0-9]+)(?:\.(?P<fraction>[0-9]{1,9}))?S)?)?"
)
_ISO_WEEKS = re.compile(r"P(?P<w>[0-9]+)W")
_ISO_ALTERNATIVE = re.compile(
    r"P(?P<y>[0-9]{4})-(?P<mo>[0-9]{2})-(?P<d>[0-9]{2})T(?P<h>[0-9]{2}):(?P<m>[0-9]{2}):(?P<s>[0-9]{2})"
)
_FORMS = (_STANDARD, _ISO, _ISO_WEEKS, _ISO_ALTERNATIVE)
_MOST_INT32 = 2**31 - 1
_MOST_INT64 = 2**63 - 1


def decode_duration(cql_name: str, arrow_type: Any, path: str) -> Decode:
    """Three signed integers of variable length."""

    def decode_texts(cells: Cells, reading: ColumnReading) -> Any:
        cells = reading.without_zero_length(cells, path)
        texts: list[str | None] = []
        for position, cell in enumerate(cells):
            parts = (0, 0, 0) if cell is None else _parts(cell, position, path)
            if min(parts) < 0 < max(parts):
                raise MisfitCellError(position, path, "a duration with parts of different signs", ("binary",))
            if parts[0] < -_MOST_INT32 or parts[1] < -_MOST_INT32 or parts[2] < -_MOST_INT64:
                # Cassandra reads no text of it either.
                raise MisfitCellError(position, path, "a duration beyond what texts can tell", ("binary",))
            texts.append(None if cell is None else duration_text(*parts))
        return pa.array(texts, pa.string())

    if arrow_type == pa.string():
        return decode_texts

    def decode(cells: Cells, reading: ColumnReading) -> Any:
        cells = reading.without_zero_length(cells, path)
        parts = [(0, 0, 0) if cell is None else _parts(cell, position, path) for position, cell in enumerate(cells)]
        children = [pa.array([part[index] for part in parts], field.type) for index, field in enumerate(arrow_type)]
        return pa.Array.from_buffers(arrow_type, len(cells), [validity(cells)], children=children)

    return decode


def _parts(cell: bytes, position: int, path: str) -> tuple[int, int, int]:
    try:
        months, offset = read_vint(cell, 0)
        days, offset = read_vint(cell, offset)
        nanoseconds, offset = read_vint(cell, offset)
    except IndexError:
        raise MalformedCellError(position, path, f"{len(cell)} bytes are not a value of type duration") from None
    if offset != len(cell) or months not in _INT32 or days not in _INT32:
        raise MalformedCellError(position, path, f"{len(cell)} bytes are not a value of type duration")
    return months, days, nanoseconds


def encode_duration(cql_name: str, arrow_type: Any, path: str) -> Encode:
    """Three signed integers of variable length."""

    def encode(parts: dict[str, int | None]) -> bytes | None:
        numbers = [parts[field.name] for field in ARROW_TYPE]
        return None if None in numbers else b"".join(write_vint(number) for number in numbers if number is not None)

    return lambda array: encode_each(array.to_pylist(), encode, path, "a duration with a part that is null")


def duration_text(months: int, days: int, nanoseconds: int) -> str:
    """As Cassandra writes it, ``-1y2mo3d4h``, of parts that have one sign; nothing is ``0s``."""
    years, months_left = divmod(abs(months), 12)
    amounts = {"y": years, "mo": months_left, "d": abs(days)}
    rest = abs(nanoseconds)
    for unit, factor in _NANOSECONDS.items():
        amounts[unit], rest = divmod(rest, factor)
    text = "".join(f"{amount}{unit}" for unit, amount in amounts.items() if amount)
    return ("-" if min(months, days, nanoseconds) < 0 else "") + (text or "0s")


def read_duration(text: str) -> tuple[int, int, int]:
    """Months, days and nanoseconds of a text, all of one sign.

    Raises:
        ValueError: no duration, or one beyond 32 bits of months or days or 64 bits of nanoseconds.
    """
    sign, unsigned = (-1, text[1:]) if text.startswith("-") else (1, text)
    found = next((match for form in _FORMS if (match := form.fullmatch(unsigned))), None)
    numbers = {} if found is None else {unit: number for unit, number in found.groupdict().items() if number}
    if not numbers:
        raise ValueError("a text that is not a duration")
    fraction = numbers.pop("fraction", "").ljust(9, "0")
    amounts = {unit: int(number) for unit, number in numbers.items() if len(number) < 20}
    if len(amounts) < len(numbers):
        raise ValueError("a duration out of range")
    months = amounts.get("y", 0) * 12 + amounts.get("mo", 0)
    days = amounts.get("w", 0) * 7 + amounts.get("d", 0)
    nanoseconds = int(fraction) + sum(amounts.get(unit, 0) * factor for unit, factor in _NANOSECONDS.items())
    if months > _MOST_INT32 or days > _MOST_INT32 or nanoseconds > _MOST_INT64:
        raise ValueError("a duration out of range")
    return sign * months, sign * days, sign * nanoseconds
