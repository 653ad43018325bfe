"""What the query is asked for, that an expiry counts from the beginning of its page, and times of elements by row."""

from __future__ import annotations

import datetime
import random
from typing import Any

import pyarrow as pa
import pytest

from airflow_provider_cqlai.engine.cassandra.metadata.table_metadata import TableColumn, TableMetadata
from airflow_provider_cqlai.engine.cassandra.plan.companion_columns import CellTimes, ElementTimes, plan_cell_times
from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
from airflow_provider_cqlai.engine.types.companions import EXPIRY, WRITETIME

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
        return datetime.datetime.fromtimestamp(1_700_000_000 + ttl, datetime.timezone.utc)

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


def element_times(writetimes: list[Any], ttls: list[Any] | None = None) -> ElementTimes:
    return ElementTimes(
        pa.array(writetimes, pa.list_(pa.int64())), None if ttls is None else pa.array(ttls, pa.list_(pa.int32()))
    )


@pytest.mark.parametrize(
    ("writetimes", "ttls", "mixed"),
    [
        ([1, 1], [None, None], (None, None)),
        ([1, 2], [None, None], (0, None)),
        ([1, 1], [5, 6], (None, 0)),
        ([1, 1], [5, None], (None, 0)),
        ([1, 1], [None, 5], (None, 0)),
        # A null field of a user-defined type: no cell, so nothing to differ from.
        ([None, 1], [None, 5], (None, None)),
        ([None, 1, 2], [None, 5, 5], (0, None)),
        ([None, None], [None, None], (None, None)),
        ([], [], (None, None)),
        (None, None, (None, None)),
    ],
)
def test_elements_differ_by_their_cells_only(
    writetimes: list[int | None] | None, ttls: list[int | None] | None, mixed: tuple[int | None, int | None]
) -> None:
    times = element_times([writetimes], [ttls])
    assert (times.find_mixed(WRITETIME), times.find_mixed(EXPIRY)) == mixed


def test_latest_agrees_with_a_plain_reading_of_random_lists() -> None:
    chance = random.Random(8877)
    for _ in range(200):
        writetimes: list[Any] = []
        ttls: list[Any] = []
        for _ in range(chance.randrange(20)):
            cells = [
                (chance.choice([None, -5, 0, 7]), chance.choice([None, 60, 90])) for _ in range(chance.randrange(4))
            ]
            is_null = chance.random() < 0.2
            writetimes.append(None if is_null else [written for written, _ in cells])
            ttls.append(None if is_null else [None if written is None else ttl for written, ttl in cells])
        times = element_times(writetimes, ttls)
        rows = [
            [pair for pair in zip(row or [], row_ttls or [], strict=True) if pair[0] is not None]
            for row, row_ttls in zip(writetimes, ttls, strict=True)
        ]
        assert times.latest(WRITETIME).to_pylist() == [max((pair[0] for pair in row), default=None) for row in rows]
        assert times.latest(EXPIRY).to_pylist() == [
            max(pair[1] for pair in row) if row and all(pair[1] is not None for pair in row) else None for row in rows
        ]
        for kind, place in ((WRITETIME, 0), (EXPIRY, 1)):
            mixed = [number for number, row in enumerate(rows) if len({pair[place] for pair in row}) > 1]
            assert times.find_mixed(kind) == (mixed[0] if mixed else None)


def test_a_slice_counts_from_its_own_first_row() -> None:
    writetimes = pa.array([[9, 9], None, [1, 2], [3]], pa.list_(pa.int64()))
    times = ElementTimes(writetimes.slice(1), None)
    assert times.find_mixed(WRITETIME) == 1
    assert times.latest(WRITETIME).to_pylist() == [None, 2, 3]


def test_write_times_need_no_ttls() -> None:
    times = element_times([[4, 4], [5]])
    assert times.latest(WRITETIME).to_pylist() == [4, 5]
