"""Captures into JSON lines, read back by readers that are not ours."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

from airflow_provider_cqlai.engine.errors import (
    EmptyResultError,
    OptionError,
    PublishError,
    QueryError,
    SourceMismatchError,
    ValueDoesNotFitError,
)
from airflow_provider_cqlai.engine.options.capture import CaptureOptions
from airflow_provider_cqlai.engine.verbs.capture.run import capture
from tests.driver_values import json_plain
from tests.integration.text_types_table import create_text_types_table, read_with_driver

if TYPE_CHECKING:
    from cassandra.cluster import Session

    from airflow_provider_cqlai.engine.results import CaptureResult

pytestmark = pytest.mark.usefixtures("codec")


def run(session: Session, path: Path, *queries: str, **values: Any) -> CaptureResult:
    return capture(session, CaptureOptions(path=str(path), queries=queries, **values))


def read_lines(path: Path) -> list[dict[str, Any]]:
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    elif path.suffix == ".zst":
        content = pa.CompressedInputStream(pa.BufferReader(content), "zstd").read()
    assert content.endswith(b"\n") or not content
    return [json.loads(line) for line in content.decode().split("\n")[:-1]]


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


@pytest.fixture
def tables(session: Session, keyspace: str) -> str:
    """A keyspace with 40 users of two countries and 3 orders."""
    session.execute(f"CREATE TABLE {keyspace}.users (country text, id int, name text, PRIMARY KEY (country, id))")
    session.execute(f"CREATE TABLE {keyspace}.orders (id int PRIMARY KEY, total decimal, tags set<text>)")
    for number in range(40):
        session.execute(
            f"INSERT INTO {keyspace}.users (country, id, name) VALUES (%s, %s, %s)",
            ("UK" if number % 4 else "US", number, None if number % 5 == 0 else f"n{number}"),
        )
    for number in range(3):
        session.execute(
            f"INSERT INTO {keyspace}.orders (id, total, tags) VALUES (%s, %s, %s)", (number, number, {"a", "b"})
        )
    return keyspace


@pytest.mark.parametrize("name", ["things.json", "things.jsonl.gz", "things.ndjson.zst"])
def test_every_type_is_read_back_by_python_as_the_driver_reads_it(
    session: Session, keyspace: str, tmp_path: Path, name: str
) -> None:
    table = create_text_types_table(session, keyspace)
    types, rows = read_with_driver(session, f"SELECT * FROM {table}")
    result = run(session, tmp_path / name, f"SELECT * FROM {table}", non_finite="string")
    lines = read_lines(tmp_path / name)
    assert result.rows == len(lines) == len(rows)
    for line in lines:
        assert list(line) == ["_query", *types]
        assert line.pop("_query") == 1
        row = {column: json_plain(value, types[column]) for column, value in line.items()}
        for column in types:
            assert row[column] == rows[line["id"]][column], column


def test_every_type_is_read_back_by_duckdb(session: Session, keyspace: str, tmp_path: Path) -> None:
    table = create_text_types_table(session, keyspace)
    types, rows = read_with_driver(session, f"SELECT * FROM {table}")
    run(session, tmp_path / "things.json", f"SELECT * FROM {table}", non_finite="string")
    numbers = dict.fromkeys(("tinyint", "smallint", "int", "bigint"), "BIGINT") | dict.fromkeys(
        ("float", "double"), "DOUBLE"
    )
    declared = {
        name: "JSON" if cql_type.children or cql_type.name == "duration" else numbers.get(cql_type.name, "VARCHAR")
        for name, cql_type in types.items()
    } | {name: "BOOLEAN" for name, cql_type in types.items() if cql_type.name == "boolean"}
    columns = ", ".join(f"'{name}': '{duckdb_type}'" for name, duckdb_type in declared.items())
    read = duckdb.sql(
        f"SELECT * FROM read_json('{tmp_path}/things.json', format = 'newline_delimited', columns = {{{columns}}},"
        " maximum_object_size = 100000000)"
    ).fetchall()
    assert len(read) == len(rows)
    for values in read:
        for (name, cql_type), value in zip(types.items(), values, strict=True):
            if declared[name] == "JSON" and value is not None:
                value = json.loads(value)
            assert json_plain(value, cql_type) == rows[values[0]][name], name


def test_texts_digits_and_nested_values_are_read_back_by_pandas(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    table = create_text_types_table(session, keyspace)
    types, rows = read_with_driver(session, f"SELECT * FROM {table}")
    run(session, tmp_path / "things.json", f"SELECT * FROM {table}", non_finite="string")
    # Without dtype=False pandas makes numbers of digits in strings.
    frame = pd.read_json(tmp_path / "things.json", lines=True, dtype=False)
    assert len(frame) == len(rows)
    # From JSON of any make pandas rounds floats, and makes floats of a column of integers with nulls. Those of the
    # user-defined type have every type inside.
    inexact = ("tinyint", "smallint", "int", "bigint")
    exact = [name for name, cql_type in types.items() if cql_type.name not in inexact and name not in "ud"]
    exact = [name for name in exact if not {"float", "double"} & set(re.findall(r"\w+", str(types[name])))]
    assert len(exact) > 80
    for name in exact:
        values = [None if not isinstance(each, list | dict) and pd.isna(each) else each for each in frame[name]]
        found = [json_plain(value, types[name]) for value in values]
        assert found == [rows[number][name] for number in frame["id"]], name


def test_queries_of_differing_columns_are_told_apart_line_by_line(
    session: Session, tables: str, tmp_path: Path
) -> None:
    path = tmp_path / "mixed.json"
    queries = [
        f"SELECT id, name FROM {tables}.users WHERE country = 'US'",
        f"SELECT id, total, tags FROM {tables}.orders",
        f"SELECT count(*) AS n FROM {tables}.users",
        f"SELECT name FROM {tables}.users WHERE country = 'nowhere'",
    ]
    result = run(session, path, *queries)
    assert [query.rows for query in result.queries] == [10, 3, 1, 0]
    assert result.tables == (f"{tables}.users", f"{tables}.orders")
    lines = read_lines(path)
    assert [line["_query"] for line in lines] == [1] * 10 + [2] * 3 + [3]
    assert {tuple(line) for line in lines} == {
        ("_query", "id", "name"),
        ("_query", "id", "total", "tags"),
        ("_query", "n"),
    }
    assert lines[0] == {"_query": 1, "id": 0, "name": None}
    assert lines[-1] == {"_query": 3, "n": 40}
    read = duckdb.sql(f"SELECT _query, count(*), sum(id) FROM '{path}' GROUP BY ALL ORDER BY ALL").fetchall()
    assert [(number, count) for number, count, _ in read] == [(1, 10), (2, 3), (3, 1)]
    assert dict(result.columns) == {
        "id": "int",
        "name": "text",
        "total": "decimal",
        "tags": "set<text>",
        "n": "bigint",
    }


def test_the_tag_has_the_name_asked_for_or_is_left_out(session: Session, tables: str, tmp_path: Path) -> None:
    query = f"SELECT id FROM {tables}.orders WHERE id = 1"
    run(session, tmp_path / "a.json", query, query, query_field="source")
    assert read_lines(tmp_path / "a.json") == [{"source": 1, "id": 1}, {"source": 2, "id": 1}]
    run(session, tmp_path / "b.json", query, query_field=None)
    assert read_lines(tmp_path / "b.json") == [{"id": 1}]
    with pytest.raises(OptionError, match="query 2 of 2: query_field='source' is a column"):
        run(session, tmp_path / "c.json", query, f"SELECT id AS source FROM {tables}.orders", query_field="source")
    assert visible(tmp_path) == ["a.json", "b.json"]


def test_a_number_that_json_lacks_names_query_column_and_option(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.points (id int PRIMARY KEY, at tuple<int, double>)")
    session.execute(f"INSERT INTO {keyspace}.points (id, at) VALUES (1, (1, 0.5))")
    session.execute(f"INSERT INTO {keyspace}.points (id, at) VALUES (2, (1, NaN))")
    queries = [f"SELECT at FROM {keyspace}.points WHERE id = {number}" for number in (1, 2)]
    with pytest.raises(ValueDoesNotFitError, match=r"query 2 of 2, column at\.f1: NaN .*; non_finite can be"):
        run(session, tmp_path / "p.json", *queries)
    assert not list(tmp_path.iterdir())
    run(session, tmp_path / "p.json", *queries, non_finite="null")
    assert [line["at"] for line in read_lines(tmp_path / "p.json")] == [{"f0": 1, "f1": 0.5}, {"f0": 1, "f1": None}]


def test_a_query_that_fails_when_it_runs_leaves_the_earlier_file(session: Session, tables: str, tmp_path: Path) -> None:
    path = tmp_path / "users.json"
    good = f"SELECT id FROM {tables}.users"
    failing = f"SELECT id FROM {tables}.users WHERE country IN ('US', 'UK') ORDER BY id"
    with pytest.raises(QueryError):
        run(session, path, good, failing)
    assert not list(tmp_path.iterdir())
    run(session, path, good)
    before = path.read_bytes()
    names = sorted(tmp_path.iterdir())
    with pytest.raises(SourceMismatchError):
        run(session, path, good, failing)
    assert (path.read_bytes(), sorted(tmp_path.iterdir())) == (before, names)


def test_a_run_again_replaces_its_file_and_a_foreign_file_is_refused(
    session: Session, tables: str, tmp_path: Path
) -> None:
    path = tmp_path / "users.json.gz"
    query = f"SELECT id FROM {tables}.users WHERE country = 'US'"
    assert run(session, path, query).rows == 10
    session.execute(f"INSERT INTO {tables}.users (country, id) VALUES ('US', 1000)")
    assert run(session, path, query).rows == 11
    assert len(read_lines(path)) == 11
    assert len(list(tmp_path.iterdir())) == 2
    path.write_bytes(gzip.compress(b'{"id": 1}\n'))
    with pytest.raises(PublishError, match="delete the file"):
        run(session, path, query)
    assert read_lines(path) == [{"id": 1}]


def test_hive_directories_hold_differing_queries_and_a_run_again_replaces_them(
    session: Session, tables: str, tmp_path: Path
) -> None:
    root = tmp_path / "users"
    queries = [f"SELECT country, id FROM {tables}.users", f"SELECT name, country FROM {tables}.users LIMIT 3"]
    for _ in range(2):
        result = run(session, root, *queries, format="json", partition_by="country", compression="gzip")
        assert result.rows == 43
        assert {file.hive_partition for file in result.files} == {"country=UK", "country=US"}
        paths = sorted(root.glob("country=*/*"))
        assert [path.name.endswith(".jsonl.gz") for path in paths] == [True] * 2
        lines = [line for path in paths for line in read_lines(path)]
        assert sorted(tuple(line) for line in lines) == [("_query", "id")] * 40 + [("_query", "name")] * 3
    read = duckdb.sql(f"SELECT country, count(*) FROM read_json('{root}/**/*.jsonl.gz', hive_partitioning = true)"
                      " GROUP BY ALL ORDER BY ALL").fetchall()  # fmt: skip
    assert sum(count for _, count in read) == 43
    assert not (root / "_common_metadata").exists()


def test_a_column_that_makes_directories_must_be_in_every_query_and_of_one_type(
    session: Session, tables: str, tmp_path: Path
) -> None:
    first = f"SELECT country, id FROM {tables}.users"
    for second, message in [
        (f"SELECT id FROM {tables}.users", "query 2 of 2: partition_by: no column 'country'"),
        (f"SELECT id AS country, name FROM {tables}.users", "query 1 of 2 and query 2 of 2 differ in 'country'"),
    ]:
        with pytest.raises(OptionError, match=message):
            run(session, tmp_path / "users", first, second, format="json", partition_by="country")
    assert not list(tmp_path.iterdir())


def test_a_full_file_goes_on_in_the_next(session: Session, tables: str, tmp_path: Path) -> None:
    root = tmp_path / "users"
    result = run(
        session, root, *[f"SELECT * FROM {tables}.users"] * 20, format="json", max_file_size=5_000, page_size=20,
        row_group_size=20,
    )  # fmt: skip
    assert len(result.files) > 3
    assert sum(len(read_lines(root / file.path)) for file in result.files) == result.rows == 800
    assert max(file.bytes for file in result.files) < 7_500


def test_no_row_is_an_empty_file_nothing_or_an_error(session: Session, tables: str, tmp_path: Path) -> None:
    query = f"SELECT id FROM {tables}.users WHERE country = 'nowhere'"
    with pytest.raises(EmptyResultError):
        run(session, tmp_path / "u.json", query, on_empty="fail")
    assert not run(session, tmp_path / "u.json", query, on_empty="skip").is_published
    assert not list(tmp_path.iterdir())
    assert run(session, tmp_path / "u.json", query).rows == 0
    assert (tmp_path / "u.json").read_bytes() == b""


def test_types_name_a_column_of_any_query(session: Session, tables: str, tmp_path: Path) -> None:
    queries = [f"SELECT id FROM {tables}.users LIMIT 1", f"SELECT total FROM {tables}.orders WHERE id = 2"]
    run(session, tmp_path / "a.json", *queries, types={"total": "decimal128(10,2)"})
    assert read_lines(tmp_path / "a.json")[1]["total"] == "2.00"
    with pytest.raises(OptionError, match="types: 'totl'"):
        run(session, tmp_path / "b.json", *queries, types={"totl": "string"})


def test_moments_past_every_calendar_are_exact(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.moments (id int PRIMARY KEY, at timestamp, day date)")
    for number, (at, day) in enumerate([(-(2**63), 0), (2**63 - 1, 2**32 - 1), (253_402_300_800_000, 2**31)]):
        session.execute(f"INSERT INTO {keyspace}.moments (id, at, day) VALUES ({number}, {at}, {day})")
    run(session, tmp_path / "m.json", f"SELECT id, at, day FROM {keyspace}.moments")
    lines = sorted(read_lines(tmp_path / "m.json"), key=lambda line: line["id"])
    assert [(line["at"], line["day"]) for line in lines] == [
        ("-292275055-05-16T16:47:04.192Z", "-5877641-06-23"),
        ("+292278994-08-17T07:12:55.807Z", "+5881580-07-11"),
        ("+10000-01-01T00:00:00.000Z", "1970-01-01"),
    ]
