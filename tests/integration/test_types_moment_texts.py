"""Moments, dates, times of day and durations exported as texts or numbers, and read back by an import."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.errors import ImportPlanError, OptionError, ValueDoesNotFitError
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
from airflow_provider_cqlai.engine.verbs.copy_from import copy_from
from airflow_provider_cqlai.engine.verbs.copy_to import copy_to
from tests.cassandra_versions import server_under_test

pytestmark = [pytest.mark.usefixtures("codec"), pytest.mark.twin_codecs]

TEXTS = {
    "at": "string",
    "day": "string",
    "clock": "string",
    "nanos": "int64",
    "spans.element": "string",
    "m.key": "string",
    "m.value": "int64",
    "u.at": "string",
}
COLUMNS = (
    "k int PRIMARY KEY, at timestamp, day date, clock time, nanos time, spans list<duration>, m map<date, time>, u pair"
)


@pytest.fixture
def table(session: Session, keyspace: str) -> str:
    session.execute(f"CREATE TYPE {keyspace}.pair (at timestamp, n int)")
    for name in ("moments", "back"):
        session.execute(f"CREATE TABLE {keyspace}.{name} ({COLUMNS.replace('u pair', f'u frozen<{keyspace}.pair>')})")
    table = f"{keyspace}.moments"
    session.execute(
        f"INSERT INTO {table} (k, at, day, clock, nanos, spans, m, u) VALUES (1, '2024-02-29T12:00:00.123Z',"
        " '2024-02-29', '23:59:59.123456789', '01:02:03.000004', [1y2mo3d4h5m6s7ms8us9ns, -2w, 0s],"
        " {'1969-12-31': '00:00:00.000000001'}, {at: 1, n: 2})"
    )
    # The first and the last that there is.
    session.execute(
        f"INSERT INTO {table} (k, at, day, clock, spans) VALUES (2, -9223372036854775808, 0, '00:00:00',"
        " [2147483647mo2147483647d9223372036854775807ns])"
    )
    session.execute(f"INSERT INTO {table} (k, at, day) VALUES (3, 9223372036854775807, 4294967295)")
    session.execute(f"INSERT INTO {table} (k) VALUES (4)")
    return table


def _export(session: Session, table: str, path: Path, types: dict[str, str]) -> list[dict[str, Any]]:
    copy_to(session, CopyToOptions(table=table, path=str(path), types=types))
    return sorted(pq.read_table(path).to_pylist(), key=lambda row: row["k"])


def test_texts_are_exact_and_come_back(session: Session, table: str, tmp_path: Path) -> None:
    rows = _export(session, table, tmp_path / "texts.parquet", TEXTS)
    assert rows == [
        {
            "k": 1,
            "at": "2024-02-29T12:00:00.123Z",
            "day": "2024-02-29",
            "clock": "23:59:59.123456789",
            "nanos": 3_723_000_004_000,
            "spans": ["1y2mo3d4h5m6s7ms8us9ns", "-14d", "0s"],
            "m": [("1969-12-31", 1)],
            "u": {"at": "1970-01-01T00:00:00.001Z", "n": 2},
        },
        {
            "k": 2,
            "at": "-292275055-05-16T16:47:04.192Z",
            "day": "-5877641-06-23",
            "clock": "00:00:00.000000000",
            "nanos": None,
            "spans": ["178956970y7mo2147483647d2562047h47m16s854ms775us807ns"],
            "m": None,
            "u": None,
        },
        {
            "k": 3,
            "at": "+292278994-08-17T07:12:55.807Z",
            "day": "+5881580-07-11",
            **dict.fromkeys(("clock", "nanos", "spans", "m", "u")),
        },
        {"k": 4, **dict.fromkeys(("at", "day", "clock", "nanos", "spans", "m", "u"))},
    ]
    back = table.replace("moments", "back")
    imported = copy_from(
        session, CopyFromOptions(table=back, path=str(tmp_path / "texts.parquet"), null_handling="null", verify="all")
    )
    assert imported.rows == 4
    exact = {"clock": "time64[ns]", "nanos": "time64[ns]", "m.value": "time64[ns]"}
    for name in (table, back):
        copy_to(session, CopyToOptions(table=name, path=str(tmp_path / f"{name}.parquet"), types=exact))
    written, read = (pq.read_table(tmp_path / f"{name}.parquet").sort_by("k") for name in (table, back))
    assert written.equals(read)


@pytest.mark.parametrize("text", ["-2147483647mo2147483647d9223372036854775807ns", "-1ns", "2147483647mo"])
def test_durations_that_texts_tell_come_back(session: Session, table: str, tmp_path: Path, text: str) -> None:
    session.execute(f"INSERT INTO {table} (k, spans) VALUES (9, [{text}])")
    _export(session, table, tmp_path / "d.parquet", TEXTS)
    back = table.replace("moments", "back")
    copy_from(session, CopyFromOptions(table=back, path=str(tmp_path / "d.parquet"), verify="all"))


def test_a_duration_without_a_text_is_an_error(session: Session, keyspace: str, tmp_path: Path) -> None:
    """-2^31 months, which Cassandra itself reads from no text."""
    table = f"{keyspace}.least"
    session.execute(f"CREATE TABLE {table} (k int PRIMARY KEY, span duration)")
    function = "blob_as_duration" if server_under_test().is_at_least("5.0") else "blobAsDuration"
    session.execute(f"INSERT INTO {table} (k, span) VALUES (1, {function}(0xf0ffffffff0000))")
    copy_to(session, CopyToOptions(table=table, path=str(tmp_path / "d.parquet")))
    with pytest.raises(ValueDoesNotFitError, match="a duration beyond what texts can tell"):
        _export(session, table, tmp_path / "t.parquet", {"span": "string"})


def test_numbers_of_an_unknown_unit_are_no_times(session: Session, table: str, tmp_path: Path) -> None:
    """Only an export says that they are nanoseconds; Spark's would be microseconds."""
    file = tmp_path / "foreign.parquet"
    pq.write_table(pa.table({"k": pa.array([1], pa.int32()), "nanos": pa.array([5], pa.int64())}), file)
    with pytest.raises(ImportPlanError, match="whole numbers of an unknown unit"):
        copy_from(session, CopyFromOptions(table=table, path=str(file), on_missing_column="ignore"))


def test_a_text_has_no_parts_for_directories(session: Session, table: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="'at' is timestamp written as string"):
        copy_to(session, CopyToOptions(table=table, path=f"{tmp_path}/d/", types=TEXTS, partition_by="at.date"))
