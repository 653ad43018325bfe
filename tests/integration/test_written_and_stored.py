"""Rows that are confirmed and still not there as they were written: told before, or known to be the same value."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.errors import ImportPlanError, VerificationError
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.verbs.copy_from import copy_from
from airflow_provider_cqlai.engine.verbs.copy_to import copy_to
from tests.integration.export_cases import options

MAPPED = "::ffff:1.2.3.4"


def now_microseconds() -> int:
    return time.time_ns() // 1000


@pytest.fixture
def table(session: Session, keyspace: str, tmp_path: Path) -> str:
    """Exported with its write times, and then its column ``v`` was dropped and added again."""
    table = f"{keyspace}.t"
    session.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, v text, w text)")
    session.execute(f"INSERT INTO {table} (id, v, w) VALUES (1, 'v', 'w')")
    copy_to(session, options(table, tmp_path / "before", include_writetime=True))
    pq.write_table(
        pa.table({"id": [2], "v": ["x"], "w": ["y"], "at": [now_microseconds()]}), tmp_path / "timed.parquet"
    )
    time.sleep(0.01)
    session.execute(f"ALTER TABLE {table} DROP v")
    session.execute(f"ALTER TABLE {table} ADD v text")
    return table


@pytest.mark.parametrize(
    ("name", "values", "remedy"),
    [
        ("before", {}, "cell_times='ignore'"),
        ("timed.parquet", {"timestamp": "at"}, "no timestamp, or a later one,"),
        ("timed.parquet", {"timestamp": 1_600_000_000_000_000, "on_extra_column": "ignore"}, "no timestamp"),
    ],
)
def test_cells_that_a_dropped_column_hides_are_not_written(
    name: str, values: dict[str, Any], remedy: str, session: Session, table: str, tmp_path: Path
) -> None:
    asked = CopyFromOptions(table=table, path=str(tmp_path / name), **values)
    with pytest.raises(
        ImportPlanError, match=rf"{remedy}.*column v of {table} was dropped at 20.*write it at 20"
    ) as caught:
        copy_from(session, asked)
    assert not caught.value.is_retryable
    assert [tuple(row) for row in session.execute(f"SELECT id, v, w FROM {table}")] == [(1, None, "w")]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("before", {"cell_times": "ignore", "on_extra_column": "ignore"}),
        ("before", {"columns": ["id", "w"]}),
        ("timed.parquet", {"on_extra_column": "ignore"}),
    ],
)
def test_others_are(name: str, values: dict[str, Any], session: Session, table: str, tmp_path: Path) -> None:
    asked = CopyFromOptions(table=table, path=str(tmp_path / name), verify="all", **values)
    assert copy_from(session, asked).rows == 1


OF_ADDRESSES: list[tuple[str, Any, Any]] = [
    ("inet", pa.string(), MAPPED),
    ("list<inet>", pa.list_(pa.string()), [MAPPED, "1.2.3.4"]),
    ("frozen<list<inet>>", pa.list_(pa.string()), [MAPPED]),
    ("set<inet>", pa.list_(pa.string()), [MAPPED]),
    ("frozen<set<inet>>", pa.list_(pa.string()), [MAPPED]),
    ("map<inet, inet>", pa.map_(pa.string(), pa.string()), [(MAPPED, MAPPED)]),
    ("frozen<map<inet, inet>>", pa.map_(pa.string(), pa.string()), [(MAPPED, MAPPED)]),
    ("frozen<tuple<inet, int>>", pa.struct([("f0", pa.string()), ("f1", pa.int32())]), {"f0": MAPPED, "f1": 1}),
]


@pytest.mark.parametrize(
    ("place", "declared", "arrow_type", "value"),
    [
        (place, declared, arrow_type, value)
        for place in ("regular", "partition", "clustering", "second")
        for declared, arrow_type, value in OF_ADDRESSES
        # No key has several cells.
        if place == "regular" or declared.startswith(("inet", "frozen"))
    ],
)
def test_an_address_of_ipv4_within_ipv6_is_found_again(
    place: str, declared: str, arrow_type: Any, value: Any, session: Session, keyspace: str, tmp_path: Path
) -> None:
    key = {
        "regular": "id int PRIMARY KEY, v {}, c int",
        "partition": "id int, v {}, c int, PRIMARY KEY (v)",
        "clustering": "id int, v {}, c int, PRIMARY KEY (id, v)",
        "second": "id int, v {}, c int, PRIMARY KEY (id, c, v)",
    }[place]
    session.execute(f"CREATE TABLE {keyspace}.t ({key.format(declared)})")
    pq.write_table(pa.table({"id": [1], "c": [1], "v": pa.array([value], arrow_type)}), tmp_path / "t.parquet")
    result = copy_from(session, CopyFromOptions(table=f"{keyspace}.t", path=str(tmp_path / "t.parquet"), verify="all"))
    assert result.rows == 1
    assert result.verification is not None
    assert result.verification.rows_checked == 1


# Values that a server might store in another form than they are sent in, or take for one another.
ODD_VALUES: list[tuple[str, Any, list[Any]]] = [
    ("decimal", pa.string(), ["1", "1.0", "1.00", "-0", "0.000", "1E+5", "1E-400", "123456789012345678901234567890.5"]),
    ("varint", pa.string(), ["0", "-0", "-1", "127", "128", "-128", "-129", str(2**200)]),
    ("double", pa.float64(), [0.0, -0.0, float("nan"), float("inf"), -float("inf"), 5e-324, 1.7976931348623157e308]),
    ("float", pa.float32(), [0.0, -0.0, float("nan"), float("inf"), -float("inf"), 1.401298464324817e-45]),
    ("duration", pa.string(), ["1mo", "30d", "720h", "1y", "12mo", "0s", "-1mo1d", "P0D"]),
    ("boolean", pa.bool_(), [True, False]),
    ("time", pa.time64("ns"), [0, 86_399_999_999_999]),
    ("date", pa.date32(), [-(2**31), -1, 0, 2**31 - 1]),
    ("timestamp", pa.timestamp("ms", "UTC"), [-(2**62), -1, 0, 2**62]),
    ("blob", pa.binary(), [b"", b"\0", b"\0\0", bytes(300)]),
    ("text", pa.string(), ["", " ", "\0", "é", "é", "\U0001f600", "x" * 3000]),
    ("ascii", pa.string(), ["", "\0", "~"]),
    ("inet", pa.string(), ["::", "::1", "0.0.0.0", "::ffff:0.0.0.0", "::1.2.3.4", "2001:db8::1"]),
    ("uuid", pa.string(), ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"]),
    ("frozen<list<int>>", pa.list_(pa.int32()), [[], [1], [1, 1]]),
    ("frozen<set<int>>", pa.list_(pa.int32()), [[], [2, 1]]),
    ("frozen<map<int, int>>", pa.map_(pa.int32(), pa.int32()), [[], [(2, 1), (1, 2)]]),
    ("frozen<tuple<int, text>>", pa.struct([("f0", pa.int32()), ("f1", pa.string())]),
     [{"f0": None, "f1": None}, {"f0": None, "f1": ""}, {"f0": 1, "f1": None}]),
]  # fmt: skip
# Keys of the server that hold no such values, or hold two of them for one.
NO_KEYS = ("duration",)


@pytest.mark.parametrize("place", ["regular", "partition", "clustering"])
@pytest.mark.parametrize(("declared", "arrow_type", "values"), ODD_VALUES, ids=lambda value: str(value)[:30])
def test_odd_values_are_found_again_in_the_form_that_the_server_stores(
    declared: str, arrow_type: Any, values: list[Any], place: str, session: Session, keyspace: str, tmp_path: Path
) -> None:
    if place != "regular" and declared in NO_KEYS:
        with pytest.raises(Exception, match="duration"):
            session.execute(f"CREATE TABLE {keyspace}.t (v duration, id int, PRIMARY KEY (v))")
        return
    key = {
        "regular": "id int PRIMARY KEY, v {}",
        "partition": "id int, v {}, PRIMARY KEY (v, id)",
        "clustering": "id int, v {}, PRIMARY KEY (id, v)",
    }[place]
    # Neither is a key of a partition empty.
    if place == "partition":
        values = [value for value in values if value not in ("", b"")]
    session.execute(f"CREATE TABLE {keyspace}.t ({key.format(declared)})")
    table = pa.table({"id": pa.array(range(len(values)), pa.int32()), "v": pa.array(values, arrow_type)})
    pq.write_table(table, tmp_path / "t.parquet")
    result = copy_from(session, CopyFromOptions(table=f"{keyspace}.t", path=str(tmp_path / "t.parquet"), verify="all"))
    assert result.verification is not None
    assert (result.rows, result.verification.rows_checked) == (len(values), len(values))
    assert session.execute(f"SELECT count(*) AS n FROM {keyspace}.t").one().n == len(values)


def _tombstone(session: Session, table: str, where: str) -> None:
    """Hides whatever is written there until the year 2255."""
    session.execute(f"DELETE FROM {table} USING TIMESTAMP 9000000000000000 WHERE {where}")


@pytest.mark.parametrize("key", ["PRIMARY KEY (p, e)", "PRIMARY KEY (e, p)"])
def test_an_address_and_its_form_in_six_are_two_keys(session: Session, keyspace: str, tmp_path: Path, key: str) -> None:
    table = f"{keyspace}.t"
    session.execute(f"CREATE TABLE {table} (p int, e inet, x int, {key})")
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table({"p": pa.array([1, 1], pa.int32()), "e": ["1.2.3.4", MAPPED], "x": [4, 6]}), file)
    asked = CopyFromOptions(table=table, path=str(file), verify="all", allow_lossy="x")
    assert copy_from(session, asked).rows == 2
    assert sorted(row.x for row in session.execute(f"SELECT x FROM {table}")) == [4, 6]
    _tombstone(session, table, "p = 1 AND e = '1.2.3.4'")
    with pytest.raises(VerificationError, match="missing"):
        copy_from(session, asked)


@pytest.mark.parametrize(
    ("cql_type", "keys"),
    [
        ("decimal", pa.array(["1.5", "1.50"])),
        ("double", pa.array(np.array([0x7FF8000000000000, 0x7FF8000000000001], np.uint64).view(np.float64))),
    ],
)
def test_partition_keys_that_are_equal_and_not_the_same_are_found_again(
    session: Session, keyspace: str, tmp_path: Path, cql_type: str, keys: Any
) -> None:
    table = f"{keyspace}.t"
    session.execute(f"CREATE TABLE {table} (a {cql_type} PRIMARY KEY, x int)")
    pq.write_table(pa.table({"a": keys, "x": pa.array([1, 2], pa.int32())}), tmp_path / "a.parquet")
    result = copy_from(session, CopyFromOptions(table=table, path=str(tmp_path / "a.parquet"), verify="all"))
    assert result.rows == 2
    assert result.verification is not None
    assert result.verification.rows_checked == 2
    assert sorted(row.x for row in session.execute(f"SELECT x FROM {table}")) == [1, 2]


def test_companions_that_another_program_made_columns_of_are_told(
    session: Session, keyspace: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = f"{keyspace}.t"
    session.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, v text)")
    names = {"id": pa.array([1], pa.int32()), "v": ["x"], "writetime(v)": pa.array([1], pa.int64())}
    pq.write_table(pa.table(names), tmp_path / "a.parquet")
    copy_from(session, CopyFromOptions(table=table, path=str(tmp_path / "a.parquet"), on_extra_column="ignore"))
    assert "the file's column writetime(v) is not restored" in caplog.text
