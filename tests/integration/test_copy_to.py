"""Whole exports of real tables: every row once, whatever the table's shape."""

import datetime
import random
from collections import Counter
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cassandra.connect.session import close_session, open_session
from airflow_provider_cqlai.engine.cassandra.connect.settings import ConnectionSettings
from airflow_provider_cqlai.engine.cassandra.plan.export_plan import plan_export
from airflow_provider_cqlai.engine.errors import (
    EmptyResultError,
    QueryError,
)
from airflow_provider_cqlai.engine.verbs.copy_to import copy_to
from dev.server_address import ServerAddress
from tests.inserted_rows import insert_rows
from tests.integration.export_cases import data_files, options
from tests.keyspaces import make_keyspace


def test_one_file_holds_every_row_and_column(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.users (id int PRIMARY KEY, name text, email text)")
    insert_rows(
        session,
        f"INSERT INTO {keyspace}.users (id, name, email) VALUES (?, ?, ?)",
        ((n, f"name {n}", None if n % 2 else f"{n}@example.org") for n in range(1000)),
    )
    result = copy_to(session, options(f"{keyspace}.users", tmp_path / "users.parquet"))
    table = pq.read_table(tmp_path / "users.parquet")
    assert result.rows == table.num_rows == 1000
    # The server's own order, that of SELECT *.
    assert table.column_names == ["id", "email", "name"]
    assert sorted(table.to_pylist(), key=lambda row: row["id"]) == [
        {"id": n, "email": None if n % 2 else f"{n}@example.org", "name": f"name {n}"} for n in range(1000)
    ]
    assert result.bytes == (tmp_path / "users.parquet").stat().st_size
    assert [path.name for path in tmp_path.iterdir()] == ["users.parquet"]


@pytest.fixture(scope="module")
def texts(cassandra: ServerAddress) -> tuple[str, dict[int, str]]:
    """A table of texts of up to 32 KB, and what is in it."""
    expected = {n: random.Random(n).randbytes(n * 20).hex() for n in range(800)}
    with cassandra.connect() as session:
        table = f"{make_keyspace(session)}.texts"
        session.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, content text)")
        insert_rows(session, f"INSERT INTO {table} (id, content) VALUES (?, ?)", expected.items(), rows_a_request=1)
    return table, expected


@pytest.mark.parametrize("protocol_version", [4, 5])
@pytest.mark.parametrize("compression", ["lz4", "none"])
def test_pages_of_many_segments_arrive_whole(
    cassandra: ServerAddress, texts: tuple[str, dict[int, str]], tmp_path: Path, protocol_version: int, compression: str
) -> None:
    table, expected = texts
    own_session = open_session(
        ConnectionSettings(
            hosts=(cassandra.host,), port=cassandra.port, protocol_version=protocol_version, compression=compression
        )
    )
    try:
        copy_to(own_session, options(table, tmp_path / "t.parquet", page_bytes="4MB"))
        [connection] = [pool.get_connections()[0] for pool in own_session.get_pools()]
        assert (connection._segment_reader is not None) == (protocol_version == 5)
    finally:
        close_session(own_session)
    assert dict(zip(*pq.read_table(tmp_path / "t.parquet").to_pydict().values(), strict=True)) == expected


def test_columns_are_exported_in_the_order_asked_for(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f'CREATE TABLE {keyspace}.mixed (id int PRIMARY KEY, "Full Name" text, "select" int)')
    session.execute(f'INSERT INTO {keyspace}.mixed (id, "Full Name", "select") VALUES (1, \'Ada\', 7)')
    copy_to(session, options(f"{keyspace}.mixed", tmp_path / "m.parquet", columns=["select", "Full Name"]))
    assert pq.read_table(tmp_path / "m.parquet").to_pylist() == [{"select": 7, "Full Name": "Ada"}]


def test_where_restricts_the_rows(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.users (id int PRIMARY KEY, status text)")
    insert_rows(
        session,
        f"INSERT INTO {keyspace}.users (id, status) VALUES (?, ?)",
        ((n, "active" if n % 3 == 0 else "gone") for n in range(300)),
    )
    result = copy_to(session, options(f"{keyspace}.users", tmp_path / "u.parquet", where="status = 'active'"))
    assert sorted(pq.read_table(tmp_path / "u.parquet")["id"].to_pylist()) == list(range(0, 300, 3))
    assert result.rows == 100
    with pytest.raises(QueryError, match="allow_filtering"):
        copy_to(
            session,
            options(f"{keyspace}.users", tmp_path / "v.parquet", where="status = 'active'", allow_filtering=False),
        )


@pytest.mark.parametrize("rows", [0, 3])
def test_a_tiny_table_is_read_in_few_token_ranges(
    rows: int, session: Session, keyspace: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:

    session.execute(f"CREATE TABLE {keyspace}.tiny (id int PRIMARY KEY, v int)")
    for n in range(rows):
        session.execute(f"INSERT INTO {keyspace}.tiny (id, v) VALUES ({n}, {n})")
    asked = options(f"{keyspace}.tiny", tmp_path / "tiny")
    assert len(plan_export(session, asked).reads) <= 4
    assert copy_to(session, asked).rows == rows
    assert sum(pq.read_metadata(file).num_rows for file in data_files(tmp_path / "tiny")) == rows


@pytest.mark.parametrize("count", [40_000, pytest.param(200_000, marks=pytest.mark.slow)])
def test_a_wide_partition_is_exported_whole(session: Session, keyspace: str, tmp_path: Path, count: int) -> None:
    session.execute(f"CREATE TABLE {keyspace}.wide (k int, c int, v bigint, PRIMARY KEY (k, c))")
    insert = f"INSERT INTO {keyspace}.wide (k, c, v) VALUES (1, ?, ?)"
    insert_rows(session, insert, ((c, c * c) for c in range(count)), rows_a_request=200)
    result = copy_to(session, options(f"{keyspace}.wide", tmp_path / "wide.parquet"))
    table = pq.read_table(tmp_path / "wide.parquet")
    assert result.rows == table.num_rows == count
    assert sorted(table["c"].to_pylist()) == list(range(count))
    assert all(v == c * c for c, v in zip(table["c"].to_pylist(), table["v"].to_pylist(), strict=True))


@pytest.mark.parametrize("count", [60, pytest.param(500, marks=pytest.mark.slow)])
def test_many_hive_partitions_with_8_open_files_hold_every_row_once(
    session: Session, keyspace: str, tmp_path: Path, count: int
) -> None:
    rows = 40 * count
    session.execute(f"CREATE TABLE {keyspace}.many (id int PRIMARY KEY, bucket int, v text)")
    insert_rows(
        session,
        f"INSERT INTO {keyspace}.many (id, bucket, v) VALUES (?, ?, ?)",
        ((n, n % count, "x" * 50) for n in range(rows)),
    )
    root = tmp_path / "many"
    result = copy_to(
        session,
        # A budget far below the data: buffers are written and files are closed and opened again all the time.
        options(f"{keyspace}.many", root, partition_by="bucket", max_open_files=8, write_buffer_bytes="100KB"),
    )
    assert result.rows == rows
    assert len(result.files_by_hive_partition) == count
    assert len(data_files(root)) == len(result.files)
    found = duckdb.sql(f"SELECT id, bucket FROM read_parquet('{root}/**/*.parquet', hive_partitioning=true)").fetchall()
    assert sorted(found) == [(n, n % count) for n in range(rows)]

    again = copy_to(session, options(f"{keyspace}.many", root, partition_by="bucket", max_open_files=8))
    assert again.files_by_hive_partition == {f"bucket={n}": 1 for n in range(count)}
    assert len(data_files(root)) == count


def test_directories_with_awkward_values_read_back_as_they_were(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    values = ["two words", "a/b", "100%", "k=v", "12:30", "☃ é", "..", "a\\b", "#", "'", None, "plain"]
    session.execute(f"CREATE TABLE {keyspace}.awkward (id int PRIMARY KEY, label text)")
    insert_rows(session, f"INSERT INTO {keyspace}.awkward (id, label) VALUES (?, ?)", enumerate(values))
    root = tmp_path / "awkward"
    copy_to(session, options(f"{keyspace}.awkward", root, partition_by="label"))
    found = duckdb.sql(
        f"SELECT id, label FROM read_parquet('{root}/*/*.parquet', hive_partitioning=true,"
        " hive_types_autocast=false) ORDER BY id"
    ).fetchall()
    assert found == list(enumerate(values))


def test_the_specifications_daily_layout(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.metrics (id int PRIMARY KEY, year int, month int, day int, v double)")
    insert_rows(
        session,
        f"INSERT INTO {keyspace}.metrics (id, year, month, day, v) VALUES (?, ?, ?, ?, ?)",
        ((n, 2024, 1 + n % 2, 1 + n % 3, n / 2) for n in range(60)),
    )
    root = tmp_path / "metrics"
    copy_to(session, options(f"{keyspace}.metrics", f"{root}/", partition_by="year,month,day", format="PARQUET"))
    assert {str(file.relative_to(root)) for file in data_files(root)} == {
        f"year=2024/month={1 + n % 2}/day={1 + n % 3}/part-00000.parquet" for n in range(60)
    }
    assert pq.ParquetFile(data_files(root)[0]).schema_arrow.names == ["id", "v"]


def test_an_empty_table_is_a_readable_file_or_a_dataset_without_files(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.empty (id int PRIMARY KEY, at timestamp, v list<int>)")
    table = f"{keyspace}.empty"
    assert copy_to(session, options(table, tmp_path / "empty.parquet")).rows == 0
    assert pq.read_table(tmp_path / "empty.parquet").schema.names == ["id", "at", "v"]
    assert duckdb.sql(f"SELECT count(*) FROM '{tmp_path}/empty.parquet'").fetchall() == [(0,)]

    hive = copy_to(session, options(table, tmp_path / "hive", partition_by="at.date"))
    assert hive.is_published
    assert hive.files == ()
    assert data_files(tmp_path / "hive") == []
    assert pq.read_metadata(tmp_path / "hive" / "_common_metadata").schema.to_arrow_schema().names == ["id", "v"] or (
        pq.read_metadata(tmp_path / "hive" / "_common_metadata").schema.to_arrow_schema().names == ["id", "at", "v"]
    )

    skipped = copy_to(session, options(table, tmp_path / "skip", on_empty="skip"))
    assert not skipped.is_published
    assert data_files(tmp_path / "skip") == []
    with pytest.raises(EmptyResultError, match="on_empty"):
        copy_to(session, options(table, tmp_path / "fail", on_empty="fail"))


def test_counters_static_columns_and_views_are_exported(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.hits (page text PRIMARY KEY, n counter)")
    session.execute(f"UPDATE {keyspace}.hits SET n = n + 5 WHERE page = 'home'")
    copy_to(session, options(f"{keyspace}.hits", tmp_path / "hits.parquet"))
    assert pq.read_table(tmp_path / "hits.parquet").to_pylist() == [{"page": "home", "n": 5}]

    session.execute(f"CREATE TABLE {keyspace}.st (k int, c int, s text static, v int, PRIMARY KEY (k, c))")
    session.execute(f"INSERT INTO {keyspace}.st (k, s) VALUES (1, 'only static')")
    session.execute(f"INSERT INTO {keyspace}.st (k, c, s, v) VALUES (2, 1, 'both', 3)")
    copy_to(session, options(f"{keyspace}.st", tmp_path / "st.parquet"))
    assert sorted(pq.read_table(tmp_path / "st.parquet").to_pylist(), key=lambda row: row["k"]) == [
        {"k": 1, "c": None, "s": "only static", "v": None},
        {"k": 2, "c": 1, "s": "both", "v": 3},
    ]


@pytest.mark.parametrize("compression", ["snappy", "gzip", "zstd", "lz4", "none"])
def test_every_compression_of_the_specification_is_what_the_file_says(
    compression: str, session: Session, keyspace: str, tmp_path: Path
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (id int PRIMARY KEY, v text)")
    session.execute(f"INSERT INTO {keyspace}.t (id, v) VALUES (1, 'x')")
    file = tmp_path / "t.parquet"
    copy_to(session, options(f"{keyspace}.t", file, compression=compression.upper()))
    written = pq.read_metadata(file).row_group(0).column(1).compression
    assert written == {"none": "UNCOMPRESSED"}.get(compression, compression.upper())
    assert duckdb.sql(f"SELECT v FROM '{file}'").fetchall() == [("x",)]


def test_shards_together_hold_every_row_once(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (id int PRIMARY KEY)")
    insert_rows(session, f"INSERT INTO {keyspace}.t (id) VALUES (?)", ((n,) for n in range(1000)))
    root = tmp_path / "t"
    results = [copy_to(session, options(f"{keyspace}.t", root, shard_index=n, shard_count=3)) for n in range(3)]
    assert sum(result.rows for result in results) == 1000
    ids = Counter(row for file in data_files(root) for row in pq.ParquetFile(file).read()["id"].to_pylist())
    assert ids == Counter(range(1000))
    # One shard again replaces its own files only.
    copy_to(session, options(f"{keyspace}.t", root, shard_index=1, shard_count=3))
    ids = Counter(row for file in data_files(root) for row in pq.ParquetFile(file).read()["id"].to_pylist())
    assert ids == Counter(range(1000))


def test_cql_types_are_in_the_field_metadata_of_the_file(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (id timeuuid PRIMARY KEY, tags frozen<set<text>>, at timestamp)")
    copy_to(session, options(f"{keyspace}.t", tmp_path / "t.parquet"))
    schema = pq.read_schema(tmp_path / "t.parquet")
    assert [schema.field(name).metadata[b"cql_type"] for name in ("id", "tags", "at")] == [
        b"timeuuid",
        b"frozen<set<text>>",
        b"timestamp",
    ]
    assert schema.field("at").type == pa.timestamp("ms", "UTC")


def test_a_window_of_a_day_is_published_under_its_own_name(session: Session, keyspace: str, tmp_path: Path) -> None:
    from airflow_provider_cqlai.engine.options.copy_to import TimeWindow

    session.execute(f"CREATE TABLE {keyspace}.e (id int, at timestamp, PRIMARY KEY (id, at))")
    day = datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone.utc)
    millisecond = datetime.timedelta(milliseconds=1)
    moments = [day - millisecond, day, day + datetime.timedelta(days=1) - millisecond, day + datetime.timedelta(days=1)]
    insert_rows(session, f"INSERT INTO {keyspace}.e (id, at) VALUES (?, ?)", enumerate(moments))
    window = TimeWindow(start=day, end=day + datetime.timedelta(days=1))
    result = copy_to(
        session,
        options(f"{keyspace}.e", str(tmp_path / "e-{window_start:%Y-%m-%d}.parquet"), window=window, time_column="at"),
    )
    assert sorted(pq.read_table(tmp_path / "e-2024-01-02.parquet")["id"].to_pylist()) == [1, 2]
    assert result.rows == 2
    assert result.path.endswith("e-2024-01-02.parquet")
