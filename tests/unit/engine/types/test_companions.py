"""A companion's field leads back to what it tells about."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_cqlai.engine.types.companions import EXPIRY, WRITETIME, Companion, companion_name, read_companion


@pytest.mark.parametrize("kind", [WRITETIME, EXPIRY])
@pytest.mark.parametrize("column", ["v", "Naïve (a.b)", "writetime(v)"])
def test_companion_survives_a_parquet_file(kind: str, column: str, tmp_path: Path) -> None:
    companion = Companion(kind, column)
    assert companion.name == companion_name(kind, column) == f"{kind}({column})"
    pq.write_table(pa.schema([companion.arrow_field]).empty_table(), tmp_path / "x.parquet")
    assert read_companion(pq.read_schema(tmp_path / "x.parquet").field(0)) == companion


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {b"cql_type": b"bigint"},
        {b"cql_companion": b"writetime"},
        {b"cql_companion_of": b"v"},
        {b"cql_companion": b"size", b"cql_companion_of": b"v"},
    ],
)
def test_a_name_alone_makes_no_companion(metadata: dict[bytes, bytes] | None) -> None:
    assert read_companion(pa.field("writetime(v)", pa.int64(), metadata=metadata)) is None
