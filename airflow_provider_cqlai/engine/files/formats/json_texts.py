"""Writes Arrow arrays as JSON, one text per value: whole columns at once, nested values from the inside out.

`open_json_texts` chooses the function once per column; a null is ``null``. A map is an object, as in Cassandra's own
JSON: a key that is not a text is the text of its JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_cqlai.engine.errors import UnsupportedTypeError
from airflow_provider_cqlai.engine.files.formats.text_values import NoTextError, Texts, is_json_number, open_scalar_text
from airflow_provider_cqlai.engine.options.text import TextOptions
from airflow_provider_cqlai.engine.types.cells.number_arrays import to_offsets

_SHORT_ESCAPES = {"\b": r"\b", "\t": r"\t", "\n": r"\n", "\f": r"\f", "\r": r"\r"}
_CONTROL_CHARACTERS = "[\\x00-\\x1f]"


def open_json_texts(arrow_type: Any, path: str, options: TextOptions) -> Texts:
    """The function that writes arrays of ``arrow_type``, nulls among them.

    Raises:
        UnsupportedTypeError: of a type handler's own type, which cannot be written as text.
    """
    return _with_nulls(_open_present(arrow_type, path, options))


def quote_json(texts: Any) -> Any:
    """Texts as JSON strings."""
    # The backslash first: the others bring theirs.
    escaped = pc.replace_substring(pc.replace_substring(texts, "\\", "\\\\"), '"', '\\"')
    if pc.any(pc.match_substring_regex(escaped, _CONTROL_CHARACTERS)).as_py():
        for character in map(chr, range(32)):
            escape = _SHORT_ESCAPES.get(character, f"\\u{ord(character):04x}")
            escaped = pc.replace_substring(escaped, character, escape)
    return pc.binary_join_element_wise('"', escaped, '"', "")


def _with_nulls(present: Texts) -> Texts:
    def write(array: Any) -> Any:
        if not array.null_count:
            return present(array)
        # What lies below a null of a list or struct is nobody's value, and never looked at.
        texts = pa.repeat(pa.scalar("null"), len(array))
        return pc.replace_with_mask(texts, array.is_valid(), present(array.drop_null()))

    return write


def _open_present(arrow_type: Any, path: str, options: TextOptions) -> Texts:
    if pa.types.is_struct(arrow_type):
        return _open_struct(arrow_type, path, options)
    if pa.types.is_map(arrow_type):
        return _open_map(arrow_type, path, options)
    if pa.types.is_list(arrow_type) or pa.types.is_fixed_size_list(arrow_type):
        return _open_list(arrow_type, path, options)
    return _open_scalar(arrow_type, path, options)


def _open_scalar(arrow_type: Any, path: str, options: TextOptions) -> Texts:
    non_finite = options.non_finite or "error"
    scalar = open_scalar_text(arrow_type, path, blob_encoding=options.blob_encoding, non_finite=non_finite)
    if scalar is None:
        raise UnsupportedTypeError(
            f"{path!r} is {arrow_type}, which JSON and CSV cannot hold; types={{{path!r}: 'binary'}} writes its bytes",
            column=path,
        )
    if not is_json_number(arrow_type):
        return lambda array: quote_json(scalar(array))
    if not pa.types.is_floating(arrow_type) or non_finite == "error":
        return scalar

    def write_floats(array: Any) -> Any:
        other = pa.scalar("null") if non_finite == "null" else quote_json(scalar(array))
        return pc.if_else(pc.is_finite(array), scalar(array), other)

    return write_floats


def _open_struct(arrow_type: Any, path: str, options: TextOptions) -> Texts:
    fields = [open_json_texts(field.type, f"{path}.{field.name}", options) for field in arrow_type]
    names = json_keys([field.name for field in arrow_type])

    def write(array: Any) -> Any:
        texts = [field(array.field(index)) for index, field in enumerate(fields)]
        return join_object(names, texts, before="{", after="}")

    return write


def _open_list(arrow_type: Any, path: str, options: TextOptions) -> Texts:
    element = open_json_texts(arrow_type.value_type, f"{path}.element", options)

    def write(array: Any) -> Any:
        if pa.types.is_fixed_size_list(arrow_type):
            offsets = np.arange(len(array) + 1) * arrow_type.list_size
        else:
            offsets = _offsets(array)
        return _join(element(array.flatten()), offsets, "[", "]")

    return write


def _open_map(arrow_type: Any, path: str, options: TextOptions) -> Texts:
    key = _open_key(arrow_type.key_type, f"{path}.key", options)
    value = open_json_texts(arrow_type.item_type, f"{path}.value", options)

    def write(array: Any) -> Any:
        offsets = _offsets(array)
        first, count = int(array.offsets[0].as_py()), int(offsets[-1])
        keys, items = key(array.keys.slice(first, count)), array.items.slice(first, count)
        if pa.types.is_nested(arrow_type.key_type):
            _check_distinct(keys, offsets, path)
        return _join(pc.binary_join_element_wise(keys, value(items), ":"), offsets, "{", "}")

    return write


def _check_distinct(keys: Any, offsets: np.ndarray, path: str) -> None:
    """Cells of zero bytes inside of keys are nulls in Arrow, which can make two keys one: a reader keeps the last."""
    map_numbers = pa.array(np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))).cast(pa.string())
    if pc.count_distinct(pc.binary_join_element_wise(map_numbers, keys, ":")).as_py() < len(keys):
        raise NoTextError(path, "a map with two keys of the same text", "types", "'binary' for this column")


def _open_key(arrow_type: Any, path: str, options: TextOptions) -> Texts:
    # Keys are texts anyway, so NaN needs no stand-in, in which two keys could become one.
    for_keys = TextOptions(blob_encoding=options.blob_encoding, non_finite="string")
    if pa.types.is_nested(arrow_type):
        inside = _open_present(arrow_type, path, for_keys)
        return lambda array: quote_json(inside(array))
    if not is_json_number(arrow_type):
        return _open_present(arrow_type, path, for_keys)
    scalar = open_scalar_text(arrow_type, path, blob_encoding=for_keys.blob_encoding, non_finite="string")
    assert scalar is not None
    return lambda array: quote_json(scalar(array))


def json_keys(names: Sequence[str]) -> list[str]:
    """Names as the beginnings of an object's members: ``"name":``."""
    return [f"{text}:" for text in quote_json(pa.array(names, pa.string())).to_pylist()]


def join_object(keys: Sequence[str], texts: Sequence[Any], *, before: str, after: str) -> Any:
    """One object a row out of ``texts`` by ``keys``; what comes ``before`` and ``after`` its members is given."""
    pieces: list[Any] = []
    for number, (key, text) in enumerate(zip(keys, texts, strict=True)):
        pieces += [f"{before if number == 0 else ','}{key}", text]
    return pc.binary_join_element_wise(*pieces, after, "")


def _offsets(array: Any) -> np.ndarray:
    offsets = array.offsets.to_numpy()
    return np.asarray(offsets - offsets[0])


def _join(texts: Any, offsets: np.ndarray, before: str, after: str) -> Any:
    lists = pa.ListArray.from_arrays(to_offsets(offsets), texts)
    return pc.binary_join_element_wise(before, pc.binary_join(lists, ","), after, "")
