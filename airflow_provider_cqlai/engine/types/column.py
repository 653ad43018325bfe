"""One column of a result: its name, its CQL type, and the Arrow field it becomes.

A `ResultColumn` is all that a codec needs to know. It is decided once, before the first page, from what the server says
about the column and what the user wants for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.values.checks import hint_near_names
from airflow_provider_cqlai.engine.types.cells.cells import Decode
from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType
from airflow_provider_cqlai.engine.types.handlers import TypeHandler
from airflow_provider_cqlai.engine.types.type_map import (
    CQL_TYPE_METADATA_KEY,
    ChosenTypes,
    choose_arrow_type,
    open_decode,
)

COLUMN_METADATA_KEY = b"cql_column"
"""Of an Arrow field that has another name than the column: the column's own..."""

RENAMED_METADATA_KEY = b"cql_renamed"
"""... and the name that it was given. Programs that rename the field again keep its metadata."""

TIME_UNIT_METADATA_KEY = b"time_unit"
"""Of an Arrow field whose numbers are moments since 1970: what they count."""


@dataclass(frozen=True)
class ResultColumn:
    """A column and how it is decoded; the types inside ``arrow_field.type`` follow those inside ``cql_type``."""

    name: str
    cql_type: CqlType
    arrow_field: Any
    """Nullable; its metadata ``cql_type`` is the CQL text, and so is that of every field inside."""
    is_primary_key: bool
    paths: tuple[str, ...]
    """The column's name and the dotted paths inside it that an override can name."""
    handlers: Mapping[str, TypeHandler] = field(default_factory=dict)
    """Registered handlers in use, by path."""
    needs_reference_codec: bool = False
    """Whether the compiled codec leaves the column to the one in Python: it knows neither handlers nor moments as
    texts."""

    def open_decode(self) -> Decode:
        """The function that turns a column of cells into an Arrow array."""
        return open_decode(self.cql_type, self.arrow_field.type, self.name, self.handlers)


def result_column(
    name: str,
    cql_type: CqlType,
    *,
    overrides: Mapping[str, str],
    is_primary_key: bool,
    cql_text: str | None = None,
    other_columns: Collection[str] = (),
    takes_handlers: bool = True,
    time_unit: str | None = None,
) -> ResultColumn:
    """Decide how a column is decoded.

    Args:
        name: as in the result.
        cql_type: from result metadata.
        overrides: Arrow type texts by column or dotted path: ``{"amount": "decimal128(12, 2)", "prices.element":
            "string", "m.key": ..., "address.zip": ..., "t.f0": ...}``. Those of other columns are passed over.
        is_primary_key: keys take no null and keep every digit: a decimal is a text there, unless overridden.
        cql_text: the type as ``system_schema.columns`` has it, with ``frozen<>``; None writes ``cql_type``.
        other_columns: names that stand for a column even where they look like a path into this one.
        time_unit: what the numbers of a column that tells time count; in the field's metadata.
        takes_handlers: whether registered handlers apply; not to a column that the engine reads for itself.

    Raises:
        UnsupportedTypeError: an override that the CQL type cannot have; lists those it can.
    """
    own_overrides = {path: text for path, text in overrides.items() if path == name or path not in other_columns}
    chosen = ChosenTypes(takes_handlers=takes_handlers)
    arrow_type = choose_arrow_type(cql_type, name, own_overrides, is_primary_key=is_primary_key, chosen=chosen)
    metadata = {CQL_TYPE_METADATA_KEY: (cql_text or str(cql_type)).encode()}
    if time_unit is not None:
        metadata[TIME_UNIT_METADATA_KEY] = time_unit.encode()
    return ResultColumn(
        name=name,
        cql_type=cql_type,
        arrow_field=pa.field(name, arrow_type, metadata=metadata),
        is_primary_key=is_primary_key,
        paths=tuple(chosen.paths),
        handlers=chosen.handlers,
        needs_reference_codec=bool(chosen.handlers) or chosen.needs_reference_codec,
    )


def check_overrides(overrides: Mapping[str, str], columns: Iterable[ResultColumn]) -> None:
    """Raise for an override that no column and nothing inside one takes.

    Raises:
        OptionError: names the override and what could have been meant.
    """
    known = {path: column.name for column in columns for path in column.paths}
    for path, text in overrides.items():
        if path in known:
            continue
        inside = [other for other, column in known.items() if path.startswith(f"{column}.")]
        choices = inside or sorted(set(known.values()))
        hint = hint_near_names(path, choices)
        raise OptionError(
            f"types: {path!r}: {text!r}: there is no such column, or nothing of this name inside it{hint}; known:"
            f" {', '.join(choices)}",
            option="types",
        )
