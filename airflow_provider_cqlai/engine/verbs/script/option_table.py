"""What the options of a statement mean: translates names as written to keywords of the options classes.

Every field of the classes is an option by its own name, in upper or lower case, and so are the names that the
specification writes. An option with no counterpart, an unknown one and one given twice are errors: none is ignored.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.capture import CaptureOptions
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
from airflow_provider_cqlai.engine.options.values.checks import check_choice, hint_near_names, read_amount
from airflow_provider_cqlai.engine.options.values.file_formats import PARQUET
from airflow_provider_cqlai.engine.options.values.texts import read_option_text
from airflow_provider_cqlai.engine.verbs.script.grammar import OptionValue, WrittenOption

# The specification's names, where they are not the fields' own.
FIELDS_BY_WRITTEN_NAME: Mapping[str, str] = MappingProxyType(
    {
        "partition": "partition_by",
        "chunksize": "chunk_size",
        "skiprows": "skip_rows",
        "maxrows": "max_rows",
    }
)
# What the slice of time is told by, resolved with the run that executes the statement.
WINDOW_OPTIONS = ("start", "end", "period", "anchor", "align", "since")
# Fields that whoever executes the statement fills in: a capture's queries are the statements that follow it.
_NOT_WRITTEN = ("window", "owner", "queries", "parameters")
# "Planned Features" of the specification which the engine does otherwise, or not.
_REFUSED = {
    "transform": "an export changes no value; transform the files afterwards",
    "profile": "give COMPRESSION, ROW_GROUP_SIZE and the like themselves",
    "version": "a dataset keeps its current generation only",
}


@dataclass(frozen=True)
class OptionTable:
    """The options of one kind of statement."""

    statement: str
    options_types: tuple[type, ...]
    checked: Mapping[str, Callable[[OptionValue], str | None]] = field(default_factory=dict)
    """Options that the options classes have no field for: their value is checked, and may be worth a note."""

    def read(self, given: Mapping[str, Any], written: Iterable[WrittenOption]) -> ReadStatementOptions:
        """Options as keywords, beside ``given``, which the clauses of the statement say.

        Raises:
            OptionError: an option is unknown, given twice, or its value is of the wrong kind. Details: ``option``,
                ``line``.
        """
        read = ReadStatementOptions(options=dict(given))
        seen = set(given)
        for option in written:
            try:
                name = self._find_field(option.name)
                if name in seen:
                    raise OptionError(f"{option.name} is given twice", option=name)
                seen.add(name)
                self._read_option(name, option.value, read)
            except OptionError as error:
                message = f"line {option.line}: {self.statement}: {error.message}"
                raise OptionError(message, **{**error.details, "line": option.line}) from error
        return read

    @property
    def written_names(self) -> list[str]:
        """Names that the statement takes, in upper case and as the specification writes them."""
        written = {field_name: name for name, field_name in FIELDS_BY_WRITTEN_NAME.items()}
        names = {*self._owners, *self.checked, *WINDOW_OPTIONS} - {"table", "path"}
        return sorted(written.get(name, name).upper() for name in names)

    @property
    def _owners(self) -> dict[str, type]:
        """The options class of each field."""
        return {
            option.name: options_type
            for options_type in self.options_types
            for option in dataclasses.fields(options_type)
            if option.name not in _NOT_WRITTEN
        }

    def _find_field(self, written_name: str) -> str:
        lower = written_name.lower()
        name = FIELDS_BY_WRITTEN_NAME.get(lower, lower)
        if name in self._owners or name in self.checked or name in WINDOW_OPTIONS:
            return name
        if lower in _REFUSED:
            raise OptionError(f"there is no option {written_name}: {_REFUSED[lower]}", option=lower)
        hint = hint_near_names(written_name.upper(), self.written_names, spell=str)
        raise OptionError(
            f"unknown option {written_name}{hint}; known options: {', '.join(self.written_names)}", option=lower
        )

    def _read_option(self, name: str, value: OptionValue, read: ReadStatementOptions) -> None:
        if name in WINDOW_OPTIONS:
            if not isinstance(value, str):
                raise OptionError(f"{name}={value!r} must be a text in quotes", option=name)
            read.window[name] = value
        elif name in self._owners:
            read.options[name] = read_option_text(name, value, self._owners[name]) if isinstance(value, str) else value
        elif note := self.checked[name](value):
            read.notes.append(note)


@dataclass
class ReadStatementOptions:
    """What a statement's options say."""

    options: dict[str, Any]
    window: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def _check_import_format(value: OptionValue) -> None:
    check_choice("format", value, [PARQUET])


def _check_import_chunk_size(value: OptionValue) -> str:
    if isinstance(value, float):
        raise OptionError(f"chunk_size={value!r} must be a whole number", option="chunk_size")
    read_amount("chunk_size", value)
    return (
        f"CHUNKSIZE={value} changes nothing: an import bounds what it holds by bytes, see MAX_BATCH_BYTES and"
        " MAX_BYTES_IN_FLIGHT"
    )


COPY_TO_OPTIONS = OptionTable("COPY TO", (CopyToOptions,))
COPY_FROM_OPTIONS = OptionTable(
    "COPY FROM", (CopyFromOptions,), {"format": _check_import_format, "chunk_size": _check_import_chunk_size}
)
CAPTURE_OPTIONS = OptionTable("CAPTURE", (CaptureOptions,))
