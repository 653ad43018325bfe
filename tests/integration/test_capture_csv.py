"""Captures into CSV, read back by readers that are not ours."""

from __future__ import annotations

import csv
import datetime
import gzip
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

from airflow_provider_cqlai.engine.errors import (
    OptionError,
    PublishError,
    SourceMismatchError,
    ValueDoesNotFitError,
    WindowOverlapError,
)
from airflow_provider_cqlai.engine.options.capture import CaptureOptions
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.options.copy_to import TimeWindow
from airflow_provider_cqlai.engine.verbs.capture.run import capture
from airflow_provider_cqlai.engine.verbs.copy_from import copy_from
from tests.driver_values import csv_plain
from tests.integration.text_types_table import create_text_types_table, read_with_driver

if TYPE_CHECKING:
    from cassandra.cluster import Session

    from airflow_provider_cqlai.engine.results import CaptureResult

pytestmark = pytest.mark.usefixtures("codec")

NULL = r"\N"


def run(session: Session, path: Path | str, *queries: str, **values: Any) -> CaptureResult:
    return capture(session, CaptureOptions(path=str(path), queries=queries, **values))


def read_rows(path: Path) -> list[list[str]]:
    """The header and the rows."""
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    elif path.suffix == ".zst":
        content = pa.CompressedInputStream(pa.BufferReader(content), "zstd").read()
    return list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))


def day_window(day: int) -> TimeWindow:
    start = datetime.datetime(2024, 1, day, tzinfo=datetime.timezone.utc)
    return TimeWindow(start=start, end=start + datetime.timedelta(days=1))


@pytest.fixture
def tables(session: Session, keyspace: str) -> str:
    """A keyspace with 40 users of two countries and the visits of two days."""
    session.execute(f"CREATE TABLE {keyspace}.users (country text, id int, name text, PRIMARY KEY (country, id))")
    session.execute(f"CREATE TABLE {keyspace}.visits (day date, id int, PRIMARY KEY (day, id))")
    for number in range(40):
        session.execute(
            f"INSERT INTO {keyspace}.users (country, id, name) VALUES (%s, %s, %s)",
            ("UK" if number % 4 else "US", number, (None, "", "a,b", 'say "hi"', "two\r\nlines")[number % 5]),
        )
        session.execute(f"INSERT INTO {keyspace}.visits (day, id) VALUES ('2024-01-0{1 + number % 2}', {number})")
    return keyspace


@pytest.mark.parametrize("name", ["things.csv", "things.csv.gz", "things.csv.zst"])
def test_every_type_is_read_back_by_python_as_the_driver_reads_it(
    session: Session, keyspace: str, tmp_path: Path, name: str
) -> None:
    table = create_text_types_table(session, keyspace)
    types, rows = read_with_driver(session, f"SELECT * FROM {table}")
    result = run(session, tmp_path / name, f"SELECT * FROM {table}", non_finite="string")
    header, *lines = read_rows(tmp_path / name)
    assert header == list(types)
    assert result.rows == len(lines) == len(rows)
    for line in lines:
        for column, cell in zip(header, line, strict=True):
            found = csv_plain(None if cell == NULL else cell, types[column])
            assert found == rows[int(line[0])][column], column


def test_every_type_is_read_back_by_duckdb_and_pandas(session: Session, keyspace: str, tmp_path: Path) -> None:
    table = create_text_types_table(session, keyspace)
    types, rows = read_with_driver(session, f"SELECT * FROM {table}")
    path = tmp_path / "things.csv"
    run(session, path, f"SELECT * FROM {table}", non_finite="string")
    columns = ", ".join(f"'{name}': 'VARCHAR'" for name in types)
    read = duckdb.sql(
        f"SELECT * FROM read_csv('{path}', columns = {{{columns}}}, auto_detect = false, header = true, delim = ',',"
        f""" quote = '"', escape = '"', nullstr = '{NULL}', allow_quoted_nulls = false, max_line_size = 10000000)"""
    ).fetchall()
    frame = pd.read_csv(path, dtype=object, na_values=[NULL], keep_default_na=False)
    by_pandas = [[None if pd.isna(cell) else cell for cell in row] for row in frame.itertuples(index=False)]
    for reader, lines in (("duckdb", read), ("pandas", by_pandas)):
        assert len(lines) == len(rows), reader
        for line in lines:
            for (name, cql_type), cell in zip(types.items(), line, strict=True):
                assert csv_plain(cell, cql_type) == rows[int(line[0])][name], (reader, name)


def test_readers_that_know_the_types_read_the_values(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(
        f"CREATE TABLE {keyspace}.typed (id bigint PRIMARY KEY, d double, n decimal, u uuid, t timestamp, day date,"
        " flag boolean, name text)"
    )
    session.execute(
        f"INSERT INTO {keyspace}.typed (id, d, n, u, t, day, flag, name) VALUES (9223372036854775807, NaN, 12.50,"
        " 00000000-0000-1000-8000-000000000000, '2024-01-02T03:04:05.678Z', '2024-01-02', true, '')"
    )
    session.execute(f"INSERT INTO {keyspace}.typed (id) VALUES (1)")
    path = tmp_path / "typed.csv"
    run(session, path, f"SELECT id, d, n, u, t, day, flag, name FROM {keyspace}.typed")
    declared = "id: 'BIGINT', d: 'DOUBLE', n: 'DECIMAL(10,2)', u: 'UUID', t: 'TIMESTAMPTZ', day: 'DATE', flag: 'BOOL'"
    read = duckdb.sql(
        "SELECT id, isnan(d), n::VARCHAR, u::VARCHAR, epoch_ms(t), day::VARCHAR, flag, name FROM"
        f" read_csv('{path}', columns = {{{declared}, name: 'VARCHAR'}}, header = true, nullstr = '{NULL}',"
        " auto_detect = false, allow_quoted_nulls = false) ORDER BY id"
    ).fetchall()
    assert read == [
        (1, *[None] * 7),
        (2**63 - 1, True, "12.50", "00000000-0000-1000-8000-000000000000", 1_704_164_645_678, "2024-01-02", True, ""),
    ]
    frame = pd.read_csv(path, na_values=[NULL], keep_default_na=False, dtype={"id": "Int64", "n": object})
    assert sorted(frame["id"]) == [1, 2**63 - 1]
    assert [value for value in frame["n"] if not pd.isna(value)] == ["12.50"]


def test_queries_of_the_same_columns_share_one_header(session: Session, tables: str, tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    queries = [f"SELECT id, name FROM {tables}.users WHERE country = '{country}'" for country in ("US", "UK")]
    assert run(session, path, *queries, page_size=7).rows == 40
    header, *rows = read_rows(path)
    assert header == ["id", "name"]
    names = {0: NULL, 1: "", 2: "a,b", 3: 'say "hi"', 4: "two\r\nlines"}
    assert sorted((int(number), name) for number, name in rows) == [(n, names[n % 5]) for n in range(40)]


def test_queries_of_other_columns_are_refused_for_one_file_before_the_first_runs(
    session: Session, tables: str, tmp_path: Path
) -> None:
    queries = [f"SELECT id, name FROM {tables}.users", f"SELECT id, country FROM {tables}.users"]
    with pytest.raises(OptionError, match=r"name text and country text.*one header") as raised:
        run(session, tmp_path / "users.csv", *queries)
    assert all(query in raised.value.message for query in queries)
    assert "query 1 of 2 and query 2 of 2" in raised.value.message
    assert not list(tmp_path.iterdir())


def test_a_directory_has_files_of_each_query_and_a_run_again_replaces_them(
    session: Session, tables: str, tmp_path: Path
) -> None:
    root = tmp_path / "report"
    queries = [
        f"SELECT id, name FROM {tables}.users WHERE country = 'US'",
        f"SELECT count(*) AS n FROM {tables}.users",
        f"SELECT country FROM {tables}.users WHERE country = 'nowhere'",
    ]
    for attempt in range(2):
        result = run(session, root, *queries, format="csv")
        names = sorted(path.name for path in root.glob("*.csv"))
        assert [name[: len("query-1-part-")] for name in names] == [f"query-{n}-part-" for n in (1, 2, 3)]
        assert [(file.path, file.rows) for file in result.files] == list(zip(names, (10, 1, 0), strict=True)), attempt
        first, second, third = (read_rows(root / name) for name in names)
        assert (first[0], len(first)) == (["id", "name"], 11)
        assert second == [["n"], ["40"]]
        assert third == [["country"]]
    read = duckdb.sql(f"SELECT count(*) FROM read_csv('{root}/query-1-*.csv')").fetchall()
    assert read == [(10,)]


def test_rolling_goes_on_under_the_querys_name(session: Session, tables: str, tmp_path: Path) -> None:
    root = tmp_path / "report"
    queries = [f"SELECT id, name FROM {tables}.users", f"SELECT country, id FROM {tables}.users"]
    result = run(session, root, *queries, format="csv", max_file_size=150, row_group_size=5, page_size=5)
    for number, header in ((1, ["id", "name"]), (2, ["country", "id"])):
        paths = sorted(root.glob(f"query-{number}-*.csv"))
        assert len(paths) > 1
        tables_read = [read_rows(path) for path in paths]
        assert all(rows[0] == header for rows in tables_read)
        assert sum(len(rows) - 1 for rows in tables_read) == 40
    assert result.rows == 80


def test_windows_keep_their_files_and_another_format_is_another_source(
    session: Session, tables: str, tmp_path: Path
) -> None:
    root = tmp_path / "visits"
    query = f"SELECT id FROM {tables}.visits WHERE day = :window_start"
    for day in (1, 2, 1):
        assert run(session, root, query, format="csv", window=day_window(day), compression="gzip").rows == 20
    paths = sorted(root.glob("*.csv.gz"))
    assert [path.name.split("-")[3] for path in paths] == ["20240101T000000Z", "20240102T000000Z"]
    ids = [int(row[0]) for path in paths for row in read_rows(path)[1:]]
    assert sorted(ids) == list(range(40))
    with pytest.raises(SourceMismatchError, match="format is 'json' here and 'csv' there"):
        run(session, root, query, format="json", window=day_window(1))
    with pytest.raises(SourceMismatchError, match="csv_null"):
        run(session, root, query, format="csv", window=day_window(1), csv_null="-")
    # Compression is not part of what the rows are.
    run(session, root, query, format="csv", window=day_window(1))
    assert [path.suffix for path in sorted(root.glob("query*"))] == [".csv", ".gz"]


def test_a_single_file_of_another_window_is_refused(session: Session, tables: str, tmp_path: Path) -> None:
    query = f"SELECT id FROM {tables}.visits WHERE day = :window_start"
    path = tmp_path / "visits.csv"
    run(session, path, query, window=day_window(1))
    with pytest.raises(WindowOverlapError):
        run(session, path, query, window=day_window(2))
    for day in (1, 2):
        run(session, f"{tmp_path}/visits-{{window_start:%d}}.csv", query, window=day_window(day))
    assert len(read_rows(tmp_path / "visits-02.csv")) == 21


def test_a_foreign_file_is_refused(session: Session, tables: str, tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    path.write_text("id\r\n1\r\n")
    with pytest.raises(PublishError, match="delete the file"):
        run(session, path, f"SELECT id FROM {tables}.users")
    assert [each.name for each in tmp_path.iterdir()] == ["users.csv"]
    assert path.read_text() == "id\n1\n"


def test_hive_directories_leave_their_columns_out(session: Session, tables: str, tmp_path: Path) -> None:
    root = tmp_path / "users"
    run(session, root, f"SELECT * FROM {tables}.users", format="csv", partition_by="country")
    paths = sorted(root.glob("country=*/query-1-part-*.csv"))
    assert [path.parent.name for path in paths] == ["country=UK", "country=US"]
    assert all(read_rows(path)[0] == ["id", "name"] for path in paths)
    read = duckdb.sql(
        f"SELECT country, count(*) FROM read_csv('{root}/*/*.csv', hive_partitioning = true) GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    assert read == [("UK", 30), ("US", 10)]


def test_parts_of_a_time_become_directories_and_stay_in_the_rows(session: Session, tables: str, tmp_path: Path) -> None:
    root = tmp_path / "visits"
    query = f"SELECT day, id FROM {tables}.visits"
    result = run(session, root, query, format="csv", partition_by="day.month,day.day")
    assert {file.hive_partition for file in result.files} == {f"day.month=01/day.day=0{day}" for day in (1, 2)}
    for file in result.files:
        header, *rows = read_rows(root / file.path)
        assert header == ["day", "id"]
        assert {row[0] for row in rows} == {f"2024-01-{file.hive_partition[-2:]}"}


def test_a_value_that_equals_the_text_for_null_publishes_nothing(session: Session, tables: str, tmp_path: Path) -> None:
    session.execute(f"INSERT INTO {tables}.users (country, id, name) VALUES ('DE', 1, 'none')")
    queries = [f"SELECT id FROM {tables}.users", f"SELECT id, name FROM {tables}.users"]
    with pytest.raises(ValueDoesNotFitError, match=r"query 2 of 2, column name: a value that .* csv_null can be"):
        run(session, tmp_path / "users", *queries, format="csv", csv_null="none")
    assert not list(tmp_path.iterdir())
    run(session, tmp_path / "users", *queries, format="csv", csv_null="null")


def test_an_import_refuses_a_dataset_of_text(session: Session, tables: str, tmp_path: Path) -> None:
    run(session, tmp_path / "users", f"SELECT * FROM {tables}.users", format="csv")
    with pytest.raises(OptionError, match="is a dataset of csv; an import reads Parquet"):
        copy_from(session, CopyFromOptions(table=f"{tables}.users", path=str(tmp_path / "users")))
