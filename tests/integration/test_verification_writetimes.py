"""Read back where rows tell write times: the greatest has the last word, and ties are undecided."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cassandra.write.row_writer import RowWriter
from airflow_provider_cqlai.engine.errors import VerificationError
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.types.companions import WRITETIME, Companion
from airflow_provider_cqlai.engine.verbs.copy_from import copy_from
from tests.integration.import_cases import import_files, rows_of

pytestmark = pytest.mark.usefixtures("codec")

FAR_AHEAD = 4_000_000_000_000_000


def write_file(path: Path, *, row_group_size: int | None = None, times: dict[str, Any], **columns: Any) -> str:
    """Columns of ints unless they are arrays, with a column of write times for each of ``times``."""
    arrays = {name: pa.array(values, pa.int32()) if isinstance(values, list) else values
              for name, values in columns.items()}  # fmt: skip
    fields = [pa.field(name, array.type) for name, array in arrays.items()]
    for name, told in times.items():
        fields.append(pa.field(name, pa.int64()) if name == "ts" else Companion(WRITETIME, name).arrow_field)
        arrays[f"times {name}"] = pa.array(told, pa.int64())
    path.parent.mkdir(exist_ok=True)
    pq.write_table(
        pa.Table.from_arrays(list(arrays.values()), schema=pa.schema(fields)), path, row_group_size=row_group_size
    )
    return str(path)


@pytest.fixture
def table(session: Session, keyspace: str) -> str:
    session.execute(f"CREATE TABLE {keyspace}.t (k int PRIMARY KEY, v int)")
    return f"{keyspace}.t"


@pytest.mark.parametrize("row_group_size", [None, 1])
@pytest.mark.parametrize("of", ["ts", "v"])
@pytest.mark.parametrize("times", [[2_000, 1_000], [1_000, 2_000]])
def test_the_greatest_write_time_has_the_last_word(
    session: Session,
    keyspace: str,
    table: str,
    tmp_path: Path,
    of: str,
    row_group_size: int | None,
    times: list[int],
) -> None:
    path = write_file(
        tmp_path / "t.parquet",
        row_group_size=row_group_size,
        k=[1, 2, 1],
        v=[9, 5, 1],
        times={of: [times[0], 7, times[1]]},
    )
    options = {"timestamp": "ts"} if of == "ts" else {}
    result = import_files(session, keyspace, "t", path, verify="all", **options)
    assert rows_of(session, keyspace, "t") == [(1, 9 if times[0] > times[1] else 1), (2, 5)]
    assert result.duplicate_rows == 1
    assert result.verification is not None
    assert (result.verification.is_complete, result.verification.cells_undecided) == (True, 0)
    # Whoever wrote last, it was none of the rows.
    session.execute(f"INSERT INTO {table} (k, v) VALUES (1, 3) USING TIMESTAMP {FAR_AHEAD}")
    session.execute(f"INSERT INTO {table} (k, v) VALUES (2, 3) USING TIMESTAMP {FAR_AHEAD}")
    with pytest.raises(VerificationError, match="2 differences") as raised:
        import_files(session, keyspace, "t", path, verify="all", **options)
    expected = {difference.primary_key["k"]: difference.expected for difference in raised.value.differences}
    assert expected == {"1": "9" if times[0] > times[1] else "1", "2": "5"}


def test_a_write_of_an_earlier_record_batch_that_was_lost_is_missed(
    session: Session, keyspace: str, table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_file(
        tmp_path / "t.parquet", row_group_size=1, k=[1, 1, 1], v=[9, 1, 2], times={"ts": [3_000, 1_000, 2_000]}
    )
    write = RowWriter.write
    lost = [True]

    def lose_first(writer: RowWriter, *arguments: Any) -> None:
        write(writer, *arguments)
        if lost:
            lost.clear()
            writer.drain()
            session.execute(f"DELETE FROM {table} USING TIMESTAMP 3000 WHERE k = 1")
            session.execute(f"INSERT INTO {table} (k, v) VALUES (1, 2) USING TIMESTAMP 3001")

    monkeypatch.setattr(RowWriter, "write", lose_first)
    with pytest.raises(VerificationError, match="1 difference in") as raised:
        import_files(session, keyspace, "t", path, verify="all", timestamp="ts")
    [difference] = raised.value.differences
    assert (difference.expected, difference.found) == ("9", "2")


@pytest.mark.parametrize("row_group_size", [None, 1])
def test_rows_of_one_key_and_one_write_time_are_undecided(
    session: Session,
    keyspace: str,
    table: str,
    tmp_path: Path,
    row_group_size: int | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = write_file(tmp_path / "t.parquet", row_group_size=row_group_size, k=[1, 2, 1], v=[9, 5, 1], times={})
    result = import_files(session, keyspace, "t", path, verify="all", timestamp=1_000)
    assert rows_of(session, keyspace, "t") == [(1, 9), (2, 5)]
    assert result.verification is not None
    assert (result.verification.cells_undecided, result.verification.is_complete) == (1, False)
    assert result.to_dict()["verification"]["cells_undecided"] == 1
    assert "1 difference is undecided" in caplog.text
    # A key of one row is compared, and so is a cell that has neither value.
    session.execute(f"INSERT INTO {table} (k, v) VALUES (1, 3) USING TIMESTAMP 1001")
    session.execute(f"INSERT INTO {table} (k, v) VALUES (2, 3) USING TIMESTAMP 1001")
    with pytest.raises(VerificationError, match="2 differences"):
        import_files(session, keyspace, "t", path, verify="all", timestamp=1_000)
    session.execute(f"DELETE FROM {table} USING TIMESTAMP 2000 WHERE k = 1")
    with pytest.raises(VerificationError, match="k=1: is missing"):
        import_files(session, keyspace, "t", path, verify="all", timestamp=1_000)


def test_rows_without_a_write_time_of_their_own_beside_others_are_undecided(
    session: Session, keyspace: str, tmp_path: Path, table: str
) -> None:
    path = write_file(
        tmp_path / "t.parquet", k=[1, 1, 2, 2], v=[9, 1, 8, 2], times={"v": [None, FAR_AHEAD // 1_000, None, None]}
    )
    result = import_files(session, keyspace, "t", path, verify="all")
    assert rows_of(session, keyspace, "t") == [(1, 9), (2, 2)]
    assert result.verification is not None
    assert result.verification.cells_undecided == 1


@pytest.mark.parametrize("row_group_size", [None, 1])
def test_static_cells_that_every_row_tells_alike_are_compared(
    session: Session, keyspace: str, tmp_path: Path, row_group_size: int | None
) -> None:
    session.execute(
        f"CREATE TABLE {keyspace}.s (k int, c int, s int static, e set<int> static, v int, PRIMARY KEY (k, c))"
    )
    path = write_file(
        tmp_path / "s.parquet", row_group_size=row_group_size, k=[1, 1, 2, 2, 3], c=[1, 2, 1, 2, None],
        s=[7, 7, 9, 1, 4], e=pa.array([[1, 2], [2, 1], [3], [3], [4]], pa.list_(pa.int32())), v=[1, 2, 3, 4, None],
        times={"s": [5, 5, 6, 5, 5], "e": [5] * 5, "v": [5, 5, 5, 5, None]},
    )  # fmt: skip
    result = import_files(session, keyspace, "s", path, verify="all")
    assert result.verification is not None
    assert result.verification.is_complete
    assert rows_of(session, keyspace, "s", "k, s") == [(1, 7), (1, 7), (2, 9), (2, 9), (3, 4)]
    session.execute(f"UPDATE {keyspace}.s USING TIMESTAMP 10 SET s = 8, e = e + {{5}} WHERE k = 1")
    session.execute(f"DELETE s, e FROM {keyspace}.s USING TIMESTAMP 10 WHERE k = 3")
    with pytest.raises(VerificationError) as raised:
        copy_from(session, CopyFromOptions(table=f"{keyspace}.s", path=path, verify="all"))
    found = {(difference.primary_key["k"], difference.column) for difference in raised.value.differences}
    assert found == {("1", "s"), ("1", "e"), ("3", None)}
