"""Overrides of the type map through a whole export, read back by pyarrow, DuckDB and pandas."""

from __future__ import annotations

import decimal
import logging
import uuid
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.errors import OptionError, UnsupportedTypeError, ValueDoesNotFitError
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
from airflow_provider_cqlai.engine.types.handlers import register_type_handler, unregister_type_handler
from airflow_provider_cqlai.engine.verbs.copy_to import copy_to

pytestmark = [pytest.mark.usefixtures("codec"), pytest.mark.twin_codecs]

ID = uuid.UUID("5132b130-ae79-11e4-ab27-0800200c9a66")
TYPES = {
    "id": "uuid",
    "ids.element": "uuid",
    "m.key": "uuid",
    "m.value.owner": "uuid",
    "amount": "decimal128(12, 2)",
    "large": "decimal256(60, 10)",
    "exact": "string",
    "at": "timestamp[us, UTC]",
    "t": "time64[us]",
    "n": "int64",
    "raw": "binary",
}


@pytest.fixture
def table(session: Session, keyspace: str) -> str:
    session.execute(f"CREATE TYPE {keyspace}.item (owner timeuuid, price decimal)")
    session.execute(
        f"CREATE TABLE {keyspace}.overridden (id timeuuid PRIMARY KEY, ids list<uuid>, m map<uuid, frozen<item>>,"
        " amount decimal, large decimal, exact decimal, at timestamp, t time, n varint, raw inet)"
    )
    session.execute(
        f"INSERT INTO {keyspace}.overridden (id, ids, m, amount, large, exact, at, t, n, raw) VALUES ({ID}, [{ID}],"
        f" {{{ID}: {{owner: {ID}, price: 2.5}}}}, 12.3, {10**45}.5, 1.50, '2024-02-29T12:00:00.123Z',"
        " '01:02:03.000004', -5, '1.2.3.4')"
    )
    return f"{keyspace}.overridden"


def export(session: Session, table: str, path: Path, **types: str) -> Path:
    copy_to(session, CopyToOptions(table=table, path=str(path), types=types))
    return path


def test_every_override_holds_its_value(session: Session, table: str, tmp_path: Path) -> None:
    path = export(session, table, tmp_path / "t.parquet", **TYPES)
    (row,) = pq.read_table(path).to_pylist()
    assert row.pop("at").isoformat() == "2024-02-29T12:00:00.123000+00:00"
    assert row.pop("t").isoformat() == "01:02:03.000004"
    assert row == {
        "id": ID,
        "ids": [ID],
        "m": [(ID, {"owner": ID, "price": decimal.Decimal("2.5")})],
        "amount": decimal.Decimal("12.3"),
        "large": decimal.Decimal(f"{10**45}.5"),
        "exact": "1.50",
        "n": -5,
        "raw": bytes([1, 2, 3, 4]),
    }


def test_an_overridden_uuid_is_parquet_s_own_type_at_any_depth(session: Session, table: str, tmp_path: Path) -> None:
    path = export(session, table, tmp_path / "t.parquet", **TYPES)
    columns = pq.ParquetFile(path).schema
    found = {columns.column(index).path: str(columns.column(index).logical_type) for index in range(len(columns))}
    assert {name for name, kind in found.items() if kind == "UUID"} == {
        "id",
        "ids.list.element",
        "m.key_value.key",
        "m.key_value.value.owner",
    }
    with duckdb.connect() as connection:
        query = f"SELECT id, ids[1], map_keys(m)[1], map_values(m)[1].owner FROM '{path}'"
        assert connection.sql(query).fetchall() == [(ID, ID, ID, ID)]
    assert pd.read_parquet(path, columns=["id"])["id"].tolist() == [ID]


def test_the_default_of_a_uuid_is_a_text(session: Session, table: str, tmp_path: Path) -> None:
    path = export(session, table, tmp_path / "t.parquet", **{key: TYPES[key] for key in ("large", "t")})
    assert pq.read_table(path, columns=["id", "ids"]).to_pylist() == [{"id": str(ID), "ids": [str(ID)]}]


def test_a_value_that_does_not_fit_publishes_nothing(session: Session, table: str, tmp_path: Path) -> None:
    with pytest.raises(ValueDoesNotFitError, match=rf"overridden, column large, row id={ID}: ") as caught:
        export(session, table, tmp_path / "t.parquet", t="time64[us]")
    assert caught.value.table == table
    assert caught.value.override == "decimal256(76, 18)"
    assert list(tmp_path.rglob("*.parquet")) == []


@pytest.mark.parametrize(
    ("types", "error"),
    [
        ({"amounts": "string"}, OptionError),
        ({"m.keys": "uuid"}, OptionError),
        ({"amount": "double"}, UnsupportedTypeError),
        ({"ids": "uuid"}, UnsupportedTypeError),
    ],
)
def test_an_override_that_cannot_be_is_an_error_before_anything_is_read(
    session: Session, table: str, tmp_path: Path, types: dict[str, str], error: type[Exception]
) -> None:
    with pytest.raises(error, match="types: "):
        export(session, table, tmp_path / "t.parquet", **types)
    assert list(tmp_path.iterdir()) == []


def test_a_registered_handler_decodes_in_an_export(session: Session, table: str, tmp_path: Path) -> None:
    register_type_handler("inet", pa.uint32(), lambda cell: int.from_bytes(cell, "big"))
    try:
        path = export(session, table, tmp_path / "t.parquet", large="string", t="time64[ns]")
    finally:
        unregister_type_handler("inet")
    assert pq.read_table(path, columns=["raw"]).to_pylist() == [{"raw": 0x01020304}]


def test_cells_of_zero_bytes_are_warned_of_and_counted_in_the_result(
    session: Session, keyspace: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.zero (id int PRIMARY KEY, n int)")
    session.execute(f"INSERT INTO {keyspace}.zero (id, n) VALUES (1, blobAsInt(0x))")
    with caplog.at_level(logging.WARNING):
        result = copy_to(session, CopyToOptions(table=f"{keyspace}.zero", path=str(tmp_path / "t.parquet")))
    assert result.zero_length_cells == {"n": 1}
    assert any("zero" in record.getMessage() for record in caplog.records if record.levelno == logging.WARNING)
