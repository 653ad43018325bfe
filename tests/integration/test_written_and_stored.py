"""Rows that are confirmed and still not there as they were written: told before, or known to be the same value."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.errors import ImportPlanError
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
