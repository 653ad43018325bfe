"""What Cassandra 4 cannot do, and 5.0 in the mode in which it ships: errors that say so, before the first row."""

from __future__ import annotations

import datetime
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.errors import ImportPlanError, OptionError, QueryError, TimeWindowError
from airflow_provider_cqlai.engine.options.capture import CaptureOptions
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions, TimeWindow
from airflow_provider_cqlai.engine.options.write import MAX_TTL_SECONDS
from airflow_provider_cqlai.engine.types.companions import EXPIRY, Companion
from airflow_provider_cqlai.engine.verbs.capture.run import capture
from airflow_provider_cqlai.engine.verbs.copy_to import copy_to
from tests.cassandra_versions import server_under_test
from tests.integration.import_cases import import_files, rows_of, write_parquet
from tests.integration.planned_rows import plan_table, read_rows
from tests.integration.window_layouts import DAY

LAST_SECOND = "2038-01-19T03:14:06"


@pytest.fixture
def tagged(session: Session, keyspace: str) -> str:
    """A table with a set of several cells and a frozen one."""
    table = f"{keyspace}.tagged"
    session.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, tags set<text>, fixed frozen<set<text>>, v int)")
    session.execute(f"INSERT INTO {table} (id, tags, fixed, v) VALUES (1, {{'a'}}, {{'b'}}, 2) USING TIMESTAMP 7")
    return table


@pytest.mark.needs_older_cassandra("5.0", "write time and TTL of a value of several cells")
@pytest.mark.parametrize("option", ["include_writetime", "include_ttl"])
def test_times_of_a_value_of_several_cells_are_refused_by_name(
    session: Session, tagged: str, tmp_path: Path, option: str
) -> None:
    path = tmp_path / "tagged.parquet"
    with pytest.raises(
        OptionError, match=rf"{option}: {tagged} .*\(tags\).*Cassandra 5\.0.*this cluster has 4"
    ) as raised:
        copy_to(session, CopyToOptions(table=tagged, path=str(path), **{option: True}))
    assert raised.value.option == option
    assert not path.exists()
    # What the message advises.
    copy_to(session, CopyToOptions(table=tagged, path=str(path), columns=["id", "fixed", "v"], **{option: True}))
    assert pq.read_table(path).num_rows == 1


@pytest.mark.needs_older_cassandra("5.0", "write time of a value of several cells")
def test_a_window_by_write_time_is_refused_for_a_value_of_several_cells(
    session: Session, tagged: str, tmp_path: Path
) -> None:
    options = CopyToOptions(
        table=tagged, path=str(tmp_path / "t.parquet"), columns=["id"], window=DAY, window_by="writetime"
    )
    with pytest.raises(TimeWindowError, match=r"window_by='writetime': .*\(tags\).*this cluster has 4.*time_column"):
        copy_to(session, options)


@pytest.mark.needs_older_cassandra("4.1", "a part of the partition key in a list")
def test_a_window_of_several_buckets_of_a_composite_key_needs_a_time_column(session: Session, keyspace: str) -> None:
    table = f"{keyspace}.t"
    session.execute(f"CREATE TABLE {table} (device int, day text, at timestamp, PRIMARY KEY ((device, day), at))")
    for day in (1, 2, 3, 4):
        session.execute(f"INSERT INTO {table} (device, day, at) VALUES (1, '2024-01-0{day}', '2024-01-0{day} 12:00Z')")
    options: dict[str, Any] = {"bucket_column": "day", "bucket_format": "%Y-%m-%d", "columns": "day"}
    two_days = TimeWindow(start=DAY.start, end=DAY.end + datetime.timedelta(days=1))
    with pytest.raises(
        TimeWindowError, match=r"2 buckets, and only Cassandra 4\.1.*this cluster has 4\.0.*time_column"
    ):
        plan_table(session, table, window=two_days, **options)
    plans = [
        plan_table(session, table, window=two_days, time_column="at", **options),
        plan_table(session, table, window=DAY, **options),
    ]
    assert [sorted(row[0] for row in read_rows(session, plan)) for plan in plans] == [
        ["2024-01-02", "2024-01-03"],
        ["2024-01-02"],
    ]


@pytest.mark.needs_older_cassandra("5.0", "vector search")
def test_a_query_for_neighbours_is_refused_with_the_servers_release(
    session: Session, tagged: str, tmp_path: Path
) -> None:
    query = f"SELECT id FROM {tagged} ORDER BY v ANN OF [1, 2] LIMIT 3"
    options = CaptureOptions(queries=[query], path=str(tmp_path / "near.parquet"))
    with pytest.raises(QueryError, match=rf"ANN OF .*, on Cassandra {server_under_test().version}\.\d+: "):
        capture(session, options)


def write_later_expiry(path: Path) -> str:
    """One row that expires in a minute less than 20 years."""
    later = pa.array([(int(time.time()) + MAX_TTL_SECONDS - 60) * 1000], pa.timestamp("ms", "UTC"))
    fields = [pa.field("k", pa.int32()), pa.field("v", pa.int32()), Companion(EXPIRY, "v").arrow_field]
    pq.write_table(pa.table([pa.array([1], pa.int32())] * 2 + [later], schema=pa.schema(fields)), path)
    return str(path)


@pytest.mark.parametrize("how", ["ttl", "cell_times"])
def test_a_row_that_would_live_past_2038_is_refused_where_the_server_cannot_store_it(
    session: Session, keyspace: str, tmp_path: Path, how: str
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (k int PRIMARY KEY, v int)")
    path, options = tmp_path / "t.parquet", dict[str, Any]()
    if how == "ttl":
        write_parquet(path, k=pa.array([1], pa.int32()), v=pa.array([1], pa.int32()))
        options["ttl"] = MAX_TTL_SECONDS
    else:
        write_later_expiry(path)
    tested = server_under_test()
    if tested.is_at_least("5.0") and tested.storage_compatibility_mode == "NONE":
        assert import_files(session, keyspace, "t", str(path), **options).rows == 1
        return
    with pytest.raises(ImportPlanError, match=rf"^{how}=.* makes cells of .* live until .*{LAST_SECOND}.*: "):
        import_files(session, keyspace, "t", str(path), **options)
    rejected = {"max_errors": "all", "rejected_path": str(tmp_path / "rejected.parquet")}
    assert import_files(session, keyspace, "t", str(path), **options, **rejected).rejected_rows == 1
    assert rows_of(session, keyspace, "t") == []
