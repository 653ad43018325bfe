"""Reads a table as the engine does, page by page through the codec, without the rest of an export.

Returns the Arrow table and the count of zero-length cells. The session is the tests' own, for either protocol version.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.policies import RoundRobinPolicy
from cassandra.query import SimpleStatement

from airflow_provider_cqlai.engine.cassandra.codec.decoder import RowDecoder, open_row_decoder
from airflow_provider_cqlai.engine.cassandra.connect.prepare import prepare_statement
from airflow_provider_cqlai.engine.cassandra.wire.raw_page import RawPage, RawPageProtocolHandler
from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType
from airflow_provider_cqlai.engine.types.column import check_overrides, result_column

PAGE_SIZE_ROWS = 100
_REQUEST_SECONDS = 60.0
_CONNECT_SECONDS = 20.0


@contextmanager
def connect(host: str, port: int, protocol_version: int) -> Iterator[Session]:
    """A plain session that speaks ``protocol_version``."""
    profile = ExecutionProfile(
        load_balancing_policy=RoundRobinPolicy(), request_timeout=_REQUEST_SECONDS, row_factory=lambda _, rows: rows
    )
    cluster = Cluster(
        [host],
        port=port,
        protocol_version=protocol_version,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        # The driver would read a keyspace's tables again after each CREATE TABLE.
        schema_metadata_enabled=False,
        connect_timeout=_CONNECT_SECONDS,
        control_connection_timeout=_CONNECT_SECONDS,
    )
    try:
        yield cluster.connect()
    finally:
        cluster.shutdown()


def open_table_decoder(
    session: Session, keyspace: str, table: str, columns: str = "*", overrides: Mapping[str, str] | None = None
) -> tuple[Any, RowDecoder]:
    """The prepared SELECT of a table, and its decoder."""
    described = {
        name: (kind, cql_text)
        for name, kind, cql_text in session.execute(
            SimpleStatement(
                "SELECT column_name, kind, type FROM system_schema.columns"
                f" WHERE keyspace_name = '{keyspace}' AND table_name = '{table}'"
            )
        )
    }
    primary_key = [name for name, (kind, _) in described.items() if kind in ("partition_key", "clustering")]
    statement = prepare_statement(session, f'SELECT {columns} FROM "{keyspace}"."{table}"')
    driver_columns = [(column[2], column[3]) for column in statement.result_metadata]
    result_columns = [
        result_column(
            name,
            CqlType.from_driver_type(driver_type),
            overrides=overrides or {},
            is_primary_key=name in primary_key,
            cql_text=described[name][1],
        )
        for name, driver_type in driver_columns
    ]
    check_overrides(overrides or {}, result_columns)
    decoder = open_row_decoder(
        result_columns, driver_columns=driver_columns, table=f"{keyspace}.{table}", primary_key=primary_key
    )
    return statement, decoder


def read_pages(session: Session, statement: Any) -> Iterator[RawPage]:
    """The pages of a prepared SELECT."""
    statement.fetch_size = PAGE_SIZE_ROWS
    bound = statement.bind(())
    usual_handler = session.client_protocol_handler
    session.client_protocol_handler = RawPageProtocolHandler
    try:
        future = session.execute_async(bound)
        while True:
            yield _page_of(future)
            if not future.has_more_pages:
                return
            future.start_fetching_next_page()
    finally:
        session.client_protocol_handler = usual_handler


def _page_of(future: Any) -> RawPage:
    future.result()
    page = future._final_result
    assert isinstance(page, RawPage)
    return page


def read_arrow_table(
    session: Session, keyspace: str, table: str, columns: str = "*", overrides: Mapping[str, str] | None = None
) -> tuple[Any, Mapping[str, int]]:
    """All rows of a table, and its zero-length cells by column. Every record batch is checked by Arrow itself."""
    statement, decoder = open_table_decoder(session, keyspace, table, columns, overrides)
    record_batches = []
    for page in read_pages(session, statement):
        record_batch = decoder.decode(page)
        record_batch.validate(full=True)
        record_batches.append(record_batch)
    return pa.Table.from_batches(record_batches, schema=decoder.arrow_schema), decoder.zero_length_cells
