"""Names of hive directories: ``key=value`` escaped the way Hive and Spark do, and values as text.

`parse_hive_partition` reads a name back. A null is ``key=__HIVE_DEFAULT_PARTITION__`` everywhere. Note: an empty text
becomes ``key=``, which pyarrow, DuckDB and Polars read as an empty text, while Hive's convention would fold it into
null and Spark refuses to list such a directory.
"""

from __future__ import annotations

import decimal
import re
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

import pyarrow as pa

from airflow_provider_cqlai.engine.errors import SourceFileError
from airflow_provider_cqlai.engine.files.write.row_names import HiveValueError
from airflow_provider_cqlai.engine.types.cells.moment_texts import date_texts, timestamp_texts
from airflow_provider_cqlai.engine.types.families.uuids import uuid_texts

HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"

# What Spark's ExternalCatalogUtils and Hive's FileUtils escape; NUL besides, which no file system takes.
_ESCAPED = re.compile(r"""[\x00-\x1f\x7f"#%'*/:=?\\{\[\]^]""")
# A run of them, since readers that escape more than ASCII (pyarrow, DuckDB) write one for each byte of UTF-8.
_ESCAPE_SEQUENCES = re.compile(r"(?:%[0-9a-fA-F]{2})+")
# Readers take a directory whose name starts so for a hidden one and skip it: pyarrow silently.
_HIDDEN_PREFIXES = ("_", ".")
# A file name's limit on Linux and macOS.
MAX_NAME_BYTES = 255


def escape_name(text: str) -> str:
    """``text`` with the characters that Hive and Spark escape written as ``%XX``."""
    return _ESCAPED.sub(lambda match: f"%{ord(match.group()):02X}", text)


def unescape_name(name: str) -> str:
    """The text that `escape_name` was given, or that pyarrow and DuckDB escaped as bytes of UTF-8.

    A ``%`` that starts no escape stays as it is, as in Spark.

    Raises:
        SourceFileError: the escaped bytes are not UTF-8.
    """
    try:
        return _ESCAPE_SEQUENCES.sub(lambda match: unquote_to_bytes(match.group()).decode(), name)
    except UnicodeDecodeError as error:
        raise SourceFileError(f"the directory name {name!r} escapes bytes that are not UTF-8") from error


def escape_key(key: str) -> str:
    """``key`` as the left side of a directory name; a leading ``_`` or ``.`` is escaped, or readers would hide it."""
    if key.startswith(_HIDDEN_PREFIXES):
        return f"%{ord(key[0]):02X}{escape_name(key[1:])}"
    return escape_name(key)


def hive_directory(key: str, text: str | None) -> str:
    """The directory name for ``key`` and a value's text, None being null.

    Raises:
        HiveValueError: the name would be longer than file systems take, or the text is the very word that
            stands for null.
    """
    if text is None:
        return f"{escape_key(key)}={HIVE_NULL}"
    if text == HIVE_NULL:
        raise HiveValueError(key, f"the text {HIVE_NULL} stands for null in a directory name")
    name = f"{escape_key(key)}={escape_name(text)}"
    byte_count = len(name.encode())
    if byte_count > MAX_NAME_BYTES:
        raise HiveValueError(
            key, f"the value makes a directory name of {byte_count} bytes, and file systems take {MAX_NAME_BYTES}"
        )
    return name


def parse_hive_partition(path: str) -> list[tuple[str, str | None]]:
    """Keys and value texts of the ``key=value`` directories in ``path``; other directories are passed over.

    Raises:
        SourceFileError: the escaped bytes of a name are not UTF-8.
    """
    pairs = [directory.split("=", 1) for directory in path.split("/") if "=" in directory]
    try:
        return [(unescape_name(key), None if value == HIVE_NULL else unescape_name(value)) for key, value in pairs]
    except SourceFileError as error:
        raise SourceFileError(f"{path}: {error}") from error


def value_texts(data_type: pa.DataType) -> Callable[[pa.Array], list[str]] | None:
    """A function from an array without nulls to exact texts, or None for a type that makes no directory names.

    Floats are refused since -0.0 and NaN have no one text, binary since a directory name is text, nested values since
    they have none.
    """
    if isinstance(data_type, pa.BaseExtensionType):
        return _uuid_texts if data_type == pa.uuid() else None
    if pa.types.is_string(data_type) or pa.types.is_large_string(data_type) or pa.types.is_string_view(data_type):
        return pa.Array.to_pylist  # type: ignore[no-any-return]
    if pa.types.is_integer(data_type):
        return lambda array: [str(value) for value in array.to_pylist()]
    if pa.types.is_boolean(data_type):
        return lambda array: ["true" if value else "false" for value in array.to_pylist()]
    if pa.types.is_decimal(data_type):
        # Without the zeros that the type's scale adds: an import reads digits, and writes no zeros from files either.
        return lambda array: [format(_without_zeros(value), "f") for value in array.to_pylist()]
    if pa.types.is_date32(data_type):
        return _date_texts
    if pa.types.is_timestamp(data_type):
        return _timestamp_texts
    if pa.types.is_time(data_type):
        return lambda array: array.cast(pa.string()).to_pylist()
    return None


def _without_zeros(value: decimal.Decimal) -> decimal.Decimal:
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    kept = list(digits)
    while exponent < 0 and len(kept) > 1 and kept[-1] == 0:
        kept.pop()
        exponent += 1
    return decimal.Decimal((sign, kept if any(kept) else [0], min(exponent, 0) if any(kept) else 0))


def _date_texts(array: pa.Array) -> list[str]:
    return date_texts(array, has_plus_sign=False).to_pylist()  # type: ignore[no-any-return]


def _timestamp_texts(array: pa.Array) -> list[str]:
    return timestamp_texts(array, has_plus_sign=False).to_pylist()  # type: ignore[no-any-return]


def _uuid_texts(array: pa.Array) -> list[str]:
    storage = array.storage if isinstance(array, pa.ExtensionArray) else array
    return [text for text in uuid_texts(storage.to_pylist()) if text is not None]
