"""uuid and timeuuid: 16 bytes, as text of 36 characters or as Arrow's (and Parquet's) own UUID type.

Columns of texts are looked at all at once, at a small part of what a pattern for each would cost.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from airflow_provider_cqlai.engine.types.cells.cells import (
    Cells,
    ColumnReading,
    Decode,
    Encode,
    as_array,
    check_lengths,
    encode_each,
    validity,
)

UUID_BYTES = 16
_UUID_TEXT = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_CHARACTERS = 36
_HYPHENS = (8, 13, 18, 23)
# The version is the high half of the seventh byte.
_VERSION = 14
# What each character is (a digit, a hyphen or neither), and what a text must have.
_DIGIT, _HYPHEN, _OTHER = b"dho"
_KINDS = bytes(
    _DIGIT if character in b"0123456789abcdef" else _HYPHEN if character == ord("-") else _OTHER
    for character in range(256)
)
_WANTED = bytes(_HYPHEN if place in _HYPHENS else _DIGIT for place in range(_CHARACTERS))


def decode_uuid(cql_name: str, arrow_type: Any, path: str) -> Decode:
    """The bytes in their order; neither Arrow nor Parquet reorders them."""

    def decode(cells: Cells, reading: ColumnReading) -> Any:
        cells = reading.without_zero_length(cells, path)
        check_lengths(cells, frozenset({UUID_BYTES}), path, cql_name)
        if arrow_type == pa.string():
            return as_array(uuid_texts(cells), arrow_type, path)
        absent = bytes(UUID_BYTES)
        data = pa.py_buffer(b"".join([absent if cell is None else cell for cell in cells]))
        storage = pa.Array.from_buffers(pa.binary(UUID_BYTES), len(cells), [validity(cells), data])
        return pa.ExtensionArray.from_storage(arrow_type, storage)

    return decode


def uuid_texts(values: Sequence[bytes | None]) -> list[str | None]:
    """36 characters for each 16 bytes, lower-case and hyphenated."""
    return [None if value is None else _uuid_text(value.hex()) for value in values]


def _uuid_text(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def encode_uuid(cql_name: str, arrow_type: Any, path: str) -> Encode:
    """36 characters, or the 16 bytes as they are."""
    if arrow_type == pa.string():
        return lambda array: encode_each(
            array.to_pylist(), _uuid_bytes, path, "a text that is not a uuid of 36 characters"
        )
    return lambda array: array.storage.to_pylist()


def _uuid_bytes(text: str) -> bytes | None:
    return bytes.fromhex(text.replace("-", "")) if _UUID_TEXT.fullmatch(text) else None


def are_canonical(texts: Any) -> bool:
    """Whether all texts that are not null are lower-case and hyphenated uuids."""
    lines = _lines(texts)
    # Bytes, since numpy takes five times as long to look characters up.
    return lines is not None and lines.tobytes().translate(_KINDS) == _WANTED * len(lines)


def are_version_1(texts: Any) -> bool:
    """Whether all uuids of canonical texts are of time."""
    lines = _lines(texts)
    assert lines is not None, "the texts are canonical"
    return bool((lines[:, _VERSION] == ord("1")).all())


def _lines(texts: Any) -> np.ndarray | None:
    """The characters of the texts that are not null, one text a line; None where one has another length."""
    plain = texts.drop_null() if texts.null_count else texts
    if not len(plain):
        return np.zeros((0, _CHARACTERS), np.uint8)
    _, offsets_buffer, characters = plain.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int32)[plain.offset : plain.offset + len(plain) + 1]
    if characters is None or (offsets[1:] - offsets[:-1] != _CHARACTERS).any():
        return None
    return np.frombuffer(characters, np.uint8)[offsets[0] : offsets[-1]].reshape(-1, _CHARACTERS)
