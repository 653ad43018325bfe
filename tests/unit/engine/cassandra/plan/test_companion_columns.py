"""What the query is asked for, and that an expiry counts from the beginning of its page."""

from __future__ import annotations

import datetime
from typing import Any

import pyarrow as pa
import pytest

from airflow_provider_cqlai.engine.cassandra.plan.companion_columns import CellTimes, plan_cell_times
from airflow_provider_cqlai.engine.cassandra.plan.table_metadata import TableColumn, TableMetadata
from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions

TABLE = TableMetadata(
    keyspace="shop",
    name="orders",
    columns=(
        TableColumn("id", "int", "partition_key", 0, is_multi_cell=False),
        TableColumn("V", "text", "regular", -1, is_multi_cell=False),
        TableColumn("tags", "set<text>", "regular", -1, is_multi_cell=True),
    ),
    indexed_columns=frozenset(),
    is_view=False,
    is_virtual=False,
    is_node_local=False,
)


def plan(**values: Any) -> CellTimes | None:
    options = CopyToOptions(table="shop.orders", path="/data/orders", **values)
    return plan_cell_times(TABLE, TABLE.columns, options)


def planned(**values: Any) -> CellTimes:
    cell_times = plan(**values)
    assert cell_times is not None
    return cell_times


def selected(**values: Any) -> list[str]:
    return [hidden.cql.split(" AS ")[0] for hidden in planned(**values).hidden_columns]


def test_nothing_is_selected_unless_asked_for() -> None:
    assert plan() is None


def test_write_times_alone_select_no_clock() -> None:
    assert selected(include_writetime=True) == ['writetime("V")', 'writetime("tags")']


def test_expiries_of_elements_need_their_write_times() -> None:
    assert selected(include_ttl=True) == ['ttl("V")', 'writetime("tags")', 'ttl("tags")', "toUnixTimestamp(now())"]


def test_expiry_counts_from_the_earliest_clock_of_the_page_in_whole_seconds() -> None:
    cell_times = planned(include_ttl=True)
    clocks = [1_700_000_001_500, 1_700_000_000_999, 1_700_000_002_000]
    page = pa.record_batch(
        {
            "id": [1, 2, 3],
            "V": ["a", "b", None],
            "tags": [["x"], None, ["y"]],
            "cqlai_cell_ttl_0": pa.array([60, None, 60], pa.int32()),
            "cqlai_cell_writetime_1": pa.array([[1], None, [1]], pa.list_(pa.int64())),
            "cqlai_cell_ttl_1": pa.array([[630_720_000], None, [None]], pa.list_(pa.int32())),
            "cqlai_server_clock": clocks,
        }
    )
    seconds = cell_times.read_clock(page)
    assert seconds == 1_700_000_000
    # The clock is that of the page, though its row was filtered out.
    made = cell_times.add_companions(page.take(pa.array([0, 2])), seconds)

    def moment(ttl: int) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(1_700_000_000 + ttl, datetime.UTC)

    # The second cell is null in the file, whatever the server tells of it.
    assert made.column("expiry(V)").to_pylist() == [moment(60), None]
    assert made.column("expiry(tags)").to_pylist() == [moment(630_720_000), None]
    assert [field.name for field in cell_times.arrow_fields] == ["expiry(V)", "expiry(tags)"]
    assert made.schema.names[-2:] == ["expiry(V)", "expiry(tags)"]


@pytest.mark.parametrize("name", ["writetime(V)", "expiry(tags)"])
def test_a_companion_makes_no_directories(name: str) -> None:
    with pytest.raises(OptionError, match="stays in the files") as raised:
        plan(include_writetime=True, include_ttl=True, partition_by=["V", name])
    assert raised.value.option == "partition_by"
