"""Names in files and directories that are others than the columns' own: ``rename`` of `DatasetOptions`.

A renamed field keeps the column's name in its metadata, where an import finds it.
"""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.dataset import DatasetOptions
from airflow_provider_cqlai.engine.options.values.checks import hint_near_names
from airflow_provider_cqlai.engine.types.column import COLUMN_METADATA_KEY, RENAMED_METADATA_KEY

logger = logging.getLogger(__name__)

# All but letters, digits, hyphens and underscores: each of those readers refuses some of it.
_AWKWARD = re.compile(r"[^\w\-]")


def check_rename(rename: Mapping[str, str], arrow_schema: pa.Schema, partition_by: Sequence[str]) -> None:
    """Raise for a name that the result does not have, for a new one that is empty, and for two that are one.

    Raises:
        OptionError: names it.
    """
    virtual = [name for name in partition_by if name not in arrow_schema.names]
    known = [*arrow_schema.names, *virtual]
    for name, new_name in rename.items():
        if name not in known:
            hint = hint_near_names(name, known)
            raise OptionError(
                f"rename: the result has no column {name!r}{hint}; known: {', '.join(known)}", option="rename"
            )
        if not new_name.strip():
            raise OptionError(f"rename: {name!r}: the new name is empty", option="rename")
    names = [rename.get(name, name) for name in known]
    twice = next((name for name in rename.values() if names.count(name) > 1), None)
    if twice is not None:
        raise OptionError(f"rename: two columns would be {twice!r}", option="rename")
    folded = [name.lower() for name in names]
    alike = next((name for name in rename.values() if folded.count(name.lower()) > 1), None)
    if alike is not None:
        logger.warning(
            "rename: %r and another column differ in upper and lower case only, and DuckDB, Spark and Hive take one for"
            " the other",
            alike,
        )


def renamed_schema(arrow_schema: pa.Schema, rename: Mapping[str, str]) -> pa.Schema:
    """The schema with the names that files have."""
    return pa.schema([_renamed_field(field, rename) for field in arrow_schema], arrow_schema.metadata)


def _renamed_field(field: pa.Field, rename: Mapping[str, str]) -> pa.Field:
    name = rename.get(field.name, field.name)
    if name == field.name:
        return field
    told = {COLUMN_METADATA_KEY: field.name.encode(), RENAMED_METADATA_KEY: name.encode()}
    metadata = {**(field.metadata or {}), **told}
    return field.with_name(name).with_metadata(metadata)


def options_by_new_names(options: DatasetOptions) -> DatasetOptions:
    """``options`` with the names that files have where they name columns."""
    values = {item.name: getattr(options, item.name) for item in dataclasses.fields(DatasetOptions)}
    for option in ("statistics", "dictionary"):
        if not isinstance(values[option], bool):
            values[option] = _new_names(values[option], options.rename)
    filters = values["bloom_filters"]
    values["bloom_filters"] = dict(zip(_new_names(filters, options.rename), filters.values(), strict=True))
    return DatasetOptions(**values)


def _new_names(names: Iterable[str], rename: Mapping[str, str]) -> list[str]:
    """Of columns, or of what is inside one, as in ``prices.element``."""
    found = []
    for name in names:
        column, dot, inside = name.partition(".")
        is_whole = name in rename or column not in rename
        found.append(rename.get(name, name) if is_whole else f"{rename[column]}{dot}{inside}")
    return found


def warn_of_awkward_names(names: Iterable[str]) -> None:
    """Say which of the names in files and directories other readers do not take."""
    awkward = sorted({name for name in names if _AWKWARD.search(name)})
    if awkward:
        logger.warning(
            "Spark, BigQuery and Athena refuse dots or parentheses in names: %s; rename gives others, and"
            " virtual_column_separator='_' to parts of moments",
            ", ".join(awkward),
        )
