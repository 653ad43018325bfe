"""Results for the caller's own memory: rows, a table of Arrow, and whether something is there.

Values of rows are the driver's (`uuid.UUID`, `datetime.datetime` in UTC without a timezone, `decimal.Decimal`), those
of a table of Arrow an export's, by docs/types.md. Markers are the server's, ``:name``, and parameters are read by the
marker's type, exactly or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import pyarrow as pa
from cassandra.cluster import ResultSet, Session
from cassandra.query import SimpleStatement

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.cassandra.connect.driver_errors import (
    DRIVER_EXCEPTIONS,
    is_secret,
    translate_statement_error,
)
from airflow_provider_cqlai.engine.cassandra.connect.engine_session import open_engine_session
from airflow_provider_cqlai.engine.cassandra.connect.prepare import prepare_statement
from airflow_provider_cqlai.engine.cassandra.connect.system_query import execute_in_allowed_pages, read_system_rows
from airflow_provider_cqlai.engine.cassandra.cql_text import parse_table_name, split_statements
from airflow_provider_cqlai.engine.errors import ClusterUnavailableError, CqlaiError, OptionError, ValueDoesNotFitError
from airflow_provider_cqlai.engine.options.capture import CaptureOptions
from airflow_provider_cqlai.engine.options.read import ReadOptions
from airflow_provider_cqlai.engine.types.cells.cql_type import quote_name
from airflow_provider_cqlai.engine.verbs.capture.plan import check_types, open_decoder
from airflow_provider_cqlai.engine.verbs.capture.query import bind_parameters, own_parameters
from airflow_provider_cqlai.engine.verbs.capture.query_reader import QueryReader

_NAMES = "SELECT {column} FROM {schema}.{kind} WHERE keyspace_name = %s"
_SOURCES = (("system_schema", "tables"), ("system_schema", "views"), ("system_virtual_schema", "tables"))

# The driver's words for it, by which alone it can be told.
_UNDECODED = "Failed decoding result"
# What a capture can be asked for that is not about its output.
_TABLE_OPTIONS = frozenset({"types", *(item.name for item in fields(ReadOptions))})


def run_statements(
    session: Session,
    statements: str | Sequence[str],
    parameters: Mapping[str, Any] | None = None,
    handler: Callable[[ResultSet], Any] | None = None,
    *,
    is_one: bool = False,
) -> list[Any]:
    """Run statements one after the other, each of them once.

    Args:
        session: connected; statements run with its own settings, and rows are named tuples.
        statements: a list, or one text with semicolons between them.
        parameters: values of the markers ``:name`` of each statement.
        handler: takes the driver's result of each statement; further pages are read as it takes their rows.
        is_one: several statements are an error, before the first one runs.

    Returns:
        What ``handler`` made of each result; the results themselves without it.

    Raises:
        OptionError: a value without its marker, or one that does not fit it.
        CqlaiError: a statement failed, after a timeout perhaps only its answer; those before it have been run.
    """
    given = [statements] if isinstance(statements, str) else statements
    texts = [statement.text for text in given for statement in split_statements(text)]
    if is_one and len(texts) != 1:
        raise OptionError(f"sql: one statement is expected, and there are {len(texts)}", option="sql")
    if not isinstance(parameters, Mapping | None):
        raise OptionError("parameters: expected a mapping of values by the names of markers", option="parameters")
    made: list[Any] = []
    for text in texts:
        result = _run_statement(session, text, parameters)
        try:
            made.append(result if handler is None else handler(result))
        except DRIVER_EXCEPTIONS as error:
            raise _translate(error, text) from (None if is_secret(text) else error)
    return made


def read_arrow_table(
    session: Session, query: str, parameters: Mapping[str, Any] | None = None, **options: Any
) -> pa.Table:
    """All rows of one SELECT, in memory, as a table with the types of an export.

    Args:
        session: connected; the engine opens a session of its own on the same cluster and leaves this one alone.
        query: the SELECT.
        parameters: values of its markers ``:name``.
        options: ``types`` of `CaptureOptions`, and fields of `ReadOptions`.

    Raises:
        CqlaiError: see `engine.errors`.
    """
    texts = [statement.text for statement in split_statements(query)]
    if len(texts) != 1:
        raise OptionError(f"one query is expected, and there are {len(texts)}", option="query")
    unknown = sorted(set(options) - _TABLE_OPTIONS)
    if unknown:
        raise OptionError(
            f"{unknown[0]} is no option of a query in memory, which has {', '.join(sorted(_TABLE_OPTIONS))}",
            option=unknown[0],
        )
    read_options = CaptureOptions(path="table.parquet", **options)
    with open_engine_session(session, read_options, keyspace=session.keyspace) as engine_session:
        reader = QueryReader(session, engine_session, read_options, Cancellation())
        prepared = reader.prepare(texts[0], 1, "the query", own_parameters(parameters or {}))
        check_types([prepared], read_options)
        decoder = open_decoder(prepared, read_options)
        return pa.Table.from_batches(reader.stream(prepared, decoder, reader.watch(prepared)), decoder.arrow_schema)


def list_tables(session: Session, keyspace: str | None = None) -> list[str]:
    """The names of the tables of ``keyspace``, or of the session's own, in their order.

    Raises:
        OptionError: neither names a keyspace.
    """
    name = _keyspace(session, keyspace)
    statement = _NAMES.format(column="table_name", schema="system_schema", kind="tables")
    return sorted(
        found for (found,) in read_system_rows(session, statement, name, what=f"listing the tables of {name}")
    )


def table_exists(session: Session, table: str) -> bool:
    """Whether there is the table or view ``table``: ``keyspace.table``, or one of the session's keyspace.

    Raises:
        OptionError: it is no name, or nothing names a keyspace.
        CqlaiError: nobody answered.
    """
    keyspace, name = parse_table_name(table)
    keyspace = _keyspace(session, keyspace)
    for schema, kind in _SOURCES:
        column = "view_name" if kind == "views" else "table_name"
        statement = f"{_NAMES.format(column=column, schema=schema, kind=kind)} AND {column} = %s"
        if read_system_rows(session, statement, keyspace, name, what=f"looking for {table}"):
            return True
    return False


def record_exists(session: Session, table: str, keys: Mapping[str, Any]) -> bool:
    """Whether ``table`` has a row with these values of its columns, which begin with its partition key.

    Args:
        session: connected.
        table: ``keyspace.table``, or one of the session's keyspace.
        keys: by column; a text is read by the column's type.

    Raises:
        OptionError: no column, or a value that the column cannot have.
        QueryError: a column that there is not, or columns that the server does not look rows up by.
        CqlaiError: nobody answered.
    """
    if not keys:
        raise OptionError("keys is empty: name the columns of the primary key", option="keys")
    keyspace, name = parse_table_name(table)
    source = f"{quote_name(_keyspace(session, keyspace))}.{quote_name(name)}"
    columns = [quote_name(column) for column in keys]
    # Markers are not named after columns, which may need quotes.
    condition = " AND ".join(f"{column} = :key_{number}" for number, column in enumerate(columns))
    parameters = {f"key_{number}": value for number, value in enumerate(keys.values())}
    query = f"SELECT {columns[0]} FROM {source} WHERE {condition} LIMIT 1"
    return _run_statement(session, query, parameters).one() is not None


def _run_statement(session: Session, text: str, parameters: Mapping[str, Any] | None) -> ResultSet:
    try:
        statement: Any = SimpleStatement(text, is_idempotent=False)
        if parameters:
            prepared = prepare_statement(session, text)
            statement = prepared.bind(bind_parameters(prepared, "the statement", own_parameters(parameters), None))
        statement.fetch_size = session.default_fetch_size
        result = execute_in_allowed_pages(session, statement)
    except DRIVER_EXCEPTIONS as error:
        raise _translate(error, text) from (None if is_secret(text) else error)
    if not result.response_future.is_schema_agreed:
        raise ClusterUnavailableError("the nodes did not agree on the changed schema in time")
    return result


def _translate(error: Exception, text: str) -> CqlaiError:
    what = "running the statement" if is_secret(text) else f"running {text}"
    if _UNDECODED in str(error):
        return ValueDoesNotFitError(
            f"{what}: the driver has no Python value for a cell: {error}; get_df and captures read every value"
        )
    return translate_statement_error(error, text, what)


def _keyspace(session: Session, keyspace: str | None) -> str:
    found = keyspace or session.keyspace
    if not found:
        raise OptionError("no keyspace is named, and the connection has none", option="keyspace")
    return str(found)
