"""Rows kept by their newest write time, in Arrow."""

import datetime
import re

import pyarrow as pa
import pytest

from airflow_provider_cqlai.engine.cassandra.metadata.table_metadata import TableColumn, TableMetadata
from airflow_provider_cqlai.engine.cassandra.plan.window_filters import WritetimeFilter, writetime_columns
from airflow_provider_cqlai.engine.errors import TimeWindowError
from airflow_provider_cqlai.engine.options.copy_to import TimeWindow

START = datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone.utc)
WINDOW = TimeWindow(start=START, end=START + datetime.timedelta(days=1))
FIRST, LAST = 1_704_153_600_000_000, 1_704_239_999_999_999


def table(*columns: TableColumn) -> TableMetadata:
    key = TableColumn("id", "int", "partition_key", 0, is_multi_cell=False)
    return TableMetadata("ks", "t", (key, *columns), frozenset(), is_view=False, is_virtual=False, is_node_local=False)


def regular(name: str, cql_text: str = "int", *, is_multi_cell: bool = False) -> TableColumn:
    return TableColumn(name, cql_text, "regular", -1, is_multi_cell)


def record_batch(*hidden: list[int | None]) -> pa.RecordBatch:
    arrays = [pa.array(range(len(hidden[0]))), *(pa.array(times, pa.int64()) for times in hidden)]
    return pa.RecordBatch.from_arrays(arrays, names=["id", *(f"w{i}" for i in range(len(hidden)))])


def ids(choice: str, *hidden: list[int | None]) -> list[int]:
    keep = WritetimeFilter(table(), len(hidden), WINDOW, choice)
    kept = keep(record_batch(*hidden))
    assert kept.schema.names == ["id"]
    return kept.column("id").to_pylist()  # type: ignore[no-any-return]


def test_edges_are_exact_to_the_microsecond() -> None:
    assert ids("error", [FIRST - 1, FIRST, LAST, LAST + 1]) == [1, 2]


def test_newest_cell_decides() -> None:
    assert ids("error", [FIRST, FIRST, None, FIRST - 1], [LAST + 1, None, LAST, FIRST - 1]) == [1, 2]


@pytest.mark.parametrize(("choice", "expected"), [("include", [0, 1]), ("skip", [0])])
def test_row_without_write_time_follows_the_option(choice: str, expected: list[int]) -> None:
    assert ids(choice, [FIRST, None, LAST + 1]) == expected


def test_row_without_write_time_is_an_error_naming_its_key() -> None:
    with pytest.raises(TimeWindowError, match=re.escape("{'id': '1'}")) as caught:
        ids("error", [FIRST, None])
    assert caught.value.primary_key == {"id": "1"}


@pytest.mark.parametrize(("choice", "expected"), [("include", [0, 1]), ("skip", [])])
def test_table_of_keys_alone_follows_the_option(choice: str, expected: list[int]) -> None:
    keep = WritetimeFilter(table(), 0, WINDOW, choice)
    assert keep(pa.RecordBatch.from_pydict({"id": [0, 1]})).column("id").to_pylist() == expected


def test_empty_record_batch_stays_empty() -> None:
    assert ids("error", []) == []


def test_nested_and_extension_columns_are_kept_whole() -> None:
    batch = pa.RecordBatch.from_arrays(
        [
            pa.array([b"a" * 16, b"b" * 16, None], pa.uuid()),
            pa.array([[1.0, 2.0], None, [3.0, 4.0]], pa.list_(pa.float32(), 2)),
            pa.array([{"m": 1}, None, {"m": None}], pa.struct([("m", pa.int32())])),
            pa.array([FIRST - 1, FIRST, LAST], pa.int64()),
        ],
        names=["id", "v", "s", "w"],
    )
    kept = WritetimeFilter(table(), 1, WINDOW, "error")(batch)
    assert kept.equals(batch.slice(1).select(["id", "v", "s"]))


def test_every_stored_column_has_a_hidden_one_with_a_free_name() -> None:
    columns = writetime_columns(
        table(regular("v"), regular('Mixed"', "set<int>", is_multi_cell=True), regular("cqlai_writetime_0"))
    )
    assert [column.cql for column in columns] == [
        'writetime("v") AS "cqlai_writetime_0_"',
        'maxwritetime("Mixed""") AS "cqlai_writetime_1"',
        'writetime("cqlai_writetime_0") AS "cqlai_writetime_2"',
    ]


def test_counters_have_no_write_time() -> None:
    with pytest.raises(TimeWindowError, match="counters"):
        writetime_columns(table(regular("hits", "counter")))
