"""Arrow types for formats of text: where Parquet needs a width, a text has every digit.

What flows in is a result column and the user's own overrides; what flows out are the overrides to decode it with.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType
from airflow_provider_cqlai.engine.types.handlers import find_type_handler

# Decimals keep their scale and varints any size; a time keeps its nanoseconds.
_TEXT_TYPES: Mapping[str, str] = MappingProxyType({"decimal": "string", "varint": "string", "time": "time64[ns]"})


def text_overrides(name: str, cql_type: CqlType, overrides: Mapping[str, str]) -> dict[str, str]:
    """``overrides``, and those with which what they leave out of the column ``name`` loses nothing in a text."""
    if name in overrides or find_type_handler(cql_type) is not None:
        return dict(overrides)
    found = dict(overrides)
    if cql_type.name in _TEXT_TYPES:
        found[name] = _TEXT_TYPES[cql_type.name]
    for child_name, child in cql_type.children:
        found = text_overrides(f"{name}.{child_name}", child, found)
    return found
