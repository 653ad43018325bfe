"""What is decided about the queries of a capture before the first one runs: columns, types, form, and that they fit.

Prepared queries get decoders and writers of lines, or an error that names the queries that do not fit. Where Parquet
needs a width, a text has every digit: formats of text have Arrow types of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from airflow_provider_cqlai.engine.cassandra.codec.decoder import RowDecoder, open_row_decoder
from airflow_provider_cqlai.engine.cassandra.cql_text import split_statements
from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.files.formats.text_lines import TextLines
from airflow_provider_cqlai.engine.files.write.hive_split import HiveSplit
from airflow_provider_cqlai.engine.options.capture import CaptureOptions
from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType
from airflow_provider_cqlai.engine.types.column import ResultColumn, check_overrides, result_column
from airflow_provider_cqlai.engine.types.handlers import find_type_handler
from airflow_provider_cqlai.engine.verbs.capture.query import CaptureQuery, check_same_columns

# Decimals keep their scale and varints any size; a time keeps its nanoseconds.
_TEXT_TYPES: Mapping[str, str] = MappingProxyType({"decimal": "string", "varint": "string", "time": "time64[ns]"})


def read_queries(options: CaptureOptions) -> list[str]:
    """The statements, one by one."""
    if isinstance(options.queries, str):
        return split_queries(options.queries)
    texts: list[str] = []
    for number, query in enumerate(options.queries, 1):
        found = split_queries(query)
        if not found:
            # A template that rendered to nothing: the result would lack a query that was asked for.
            raise OptionError(f"queries: there is no statement in item {number} of the list", option="queries")
        texts += found
    return texts


def split_queries(text: str) -> list[str]:
    """The statements of ``text``."""
    try:
        return [statement.text for statement in split_statements(text)]
    except OptionError as error:
        raise OptionError(f"queries: {error.message}", option="queries", line=error.line) from error


def open_decoder(query: CaptureQuery, options: CaptureOptions) -> RowDecoder:
    """One for each query, whose errors name it."""
    return open_row_decoder(
        _result_columns(query, options),
        driver_columns=query.driver_columns,
        table=query.description,
        primary_key=(),
    )


def open_lines(query: CaptureQuery, decoder: RowDecoder, options: CaptureOptions) -> TextLines | None:
    """What writes the decoded rows of ``query`` as lines of text; None for Parquet.

    Raises:
        OptionError: options that the query's columns do not allow.
        UnsupportedTypeError: a column that has no text.
    """
    if not options.file_format.is_text:
        return None
    assert not isinstance(options.partition_by, str)
    partition_by = options.partition_by or ()
    try:
        return TextLines(
            decoder.arrow_schema,
            options.file_format.name,
            options,
            line_columns=HiveSplit(
                decoder.arrow_schema,
                partition_by,
                keeps_columns=options.keep_partition_columns,
                separator=options.virtual_column_separator,
            ).file_columns,
            partition_by=partition_by,
            query_number=query.number,
            description=query.description,
        )
    except OptionError as error:
        raise OptionError(f"{query.description}: {error.message}", **error.details) from error


def check_together(queries: Sequence[CaptureQuery], options: CaptureOptions) -> None:
    """Raise unless one result can take the rows of all ``queries`` (specification, "Schema Limitation").

    Raises:
        OptionError: names the first difference and the two queries, or an option that a query's columns do not allow.
    """
    if options.needs_same_columns:
        check_same_columns(queries)
    if not options.file_format.is_text:
        return
    first, *others = queries
    kept_by_first = _kept_columns(first, options)
    for query in others:
        kept = _kept_columns(query, options)
        # Files of one query each may differ; rows that share files come from one directory layout.
        if not options.has_files_by_query and kept != kept_by_first:
            name = next(name for name in kept if kept[name] != kept_by_first[name])
            raise OptionError(
                f"{first.description} and {query.description} differ in {name!r}, which partition_by names:"
                f" {kept_by_first[name]} and {kept[name]}",
                option="partition_by",
            )


def check_types(queries: Sequence[CaptureQuery], options: CaptureOptions) -> None:
    """Raise for an override in ``types`` that no query has a column for."""
    check_overrides(options.types, [column for query in queries for column in _result_columns(query, options)])


def check_parameters_used(parameters: Mapping[str, Any], queries: Sequence[CaptureQuery]) -> None:
    """Raise for a value that no query has a marker for."""
    known = {marker.name for query in queries for marker in query.read.statement.column_metadata}
    unused = sorted(set(parameters) - known)
    if unused:
        raise OptionError(f"parameters: no query has the marker :{', :'.join(unused)}", option="parameters")


def describe_columns(queries: Sequence[CaptureQuery]) -> dict[str, str]:
    """The CQL types of all columns by name; the types of a name that has several are joined."""
    types: dict[str, dict[str, None]] = {}
    for query in queries:
        for name, cql_type in query.columns:
            types.setdefault(name, {})[str(cql_type)] = None
    return {name: " or ".join(texts) for name, texts in types.items()}


def _kept_columns(query: CaptureQuery, options: CaptureOptions) -> dict[str, str]:
    lines = open_lines(query, open_decoder(query, options), options)
    assert lines is not None
    return {field.name: str(field.type) for field in lines.arrow_schema}


def _result_columns(query: CaptureQuery, options: CaptureOptions) -> list[ResultColumn]:
    is_text = options.file_format.is_text
    return [
        result_column(
            name,
            cql_type,
            overrides=text_overrides(name, cql_type, options.types) if is_text else options.types,
            is_primary_key=False,
            other_columns=dict(query.columns),
        )
        for name, cql_type in query.columns
    ]


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
