"""Which hive partition each row belongs to."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cqlai.engine.errors import OptionError, ValueDoesNotFitError
from airflow_provider_cqlai.engine.files.write.hive_partitioning import hive_directory
from airflow_provider_cqlai.engine.files.write.hive_split import HiveSplit
from airflow_provider_cqlai.engine.files.write.row_names import RowNames

keys = st.none() | st.sampled_from(["", "a", "b/c", "ü"])


@given(st.lists(st.tuples(keys, st.none() | st.integers(0, 2), st.booleans()), max_size=30))
def test_each_row_gets_the_hive_partition_of_its_own_values(rows: list[tuple[str | None, int | None, bool]]) -> None:
    arrow_schema = pa.schema([("v", pa.int64()), ("a", pa.string()), ("b", pa.int32()), ("c", pa.bool_())])
    columns = [range(len(rows)), *zip(*rows, strict=True)] if rows else [[], [], [], []]
    record_batch = pa.record_batch(
        [pa.array(c, f.type) for c, f in zip(columns, arrow_schema, strict=True)], arrow_schema
    )
    partitions, indices = HiveSplit(arrow_schema, ["a", "b", "c"]).split([record_batch])
    assert [partitions[index] for index in indices] == [
        "/".join(
            [
                hive_directory("a", a),
                hive_directory("b", None if b is None else str(b)),
                hive_directory("c", "true" if c else "false"),
            ]
        )
        for a, b, c in rows
    ]
    assert len(set(partitions)) == len(partitions)


def test_without_keys_all_rows_are_at_the_root() -> None:
    record_batch = pa.record_batch({"v": [1, 2]})
    partitions, indices = HiveSplit(record_batch.schema, []).split([record_batch])
    assert partitions == [""]
    assert indices.tolist() == [0, 0]


def test_real_column_wins_over_a_virtual_one() -> None:
    record_batch = pa.record_batch({"t": pa.array([0], pa.date32()), "t.year": ["mine"]})
    split = HiveSplit(record_batch.schema, ["t.year"])
    assert split.split([record_batch])[0] == ["t.year=mine"]
    assert split.file_columns == ["t"]


def test_column_of_a_virtual_column_stays_in_the_files() -> None:
    record_batch = pa.record_batch({"t": pa.array([0], pa.date32()), "v": [1]})
    split = HiveSplit(record_batch.schema, ["t.year", "t.month"])
    assert split.split([record_batch])[0] == ["t.year=1970/t.month=01"]
    assert split.file_columns == ["t", "v"]


def test_naming_every_column_is_refused() -> None:
    with pytest.raises(OptionError, match="every column"):
        HiveSplit(pa.schema([("a", pa.int32()), ("b", pa.int32())]), ["a", "b"])


@pytest.mark.parametrize("data_type", [pa.float64(), pa.binary(), pa.list_(pa.int32())], ids=str)
def test_column_that_makes_no_directory_names_is_refused_by_name(data_type: pa.DataType) -> None:
    with pytest.raises(OptionError, match="'a' is ") as raised:
        HiveSplit(pa.schema([("a", data_type), ("b", pa.int32())]), ["a"])
    assert raised.value.option == "partition_by"


def test_more_combinations_than_64_bits_hold_are_told_apart() -> None:
    rows = 70_000
    record_batch = pa.record_batch(
        {f"k{number}": pa.array(range(rows)) for number in range(5)} | {"v": pa.array(range(rows))}
    )
    partitions, indices = HiveSplit(record_batch.schema, [f"k{number}" for number in range(5)]).split([record_batch])
    assert len(partitions) == rows
    assert partitions[indices[-1]] == "/".join(f"k{number}={rows - 1}" for number in range(5))


KEYED = RowNames("ks.events", ("device", "at"), hidden=("at",))
TIMEUUID = pa.field("event_id", pa.string(), metadata={b"cql_type": b"timeuuid"})
KEYED_SCHEMA = pa.schema(
    [("device", pa.string()), ("kind", pa.string()), TIMEUUID, ("v", pa.int32()), ("at", pa.timestamp("ms", "UTC"))]
)
GOOD_TIME, BAD_TIME = "00000000-0000-1000-8000-000000000000", "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("partition_by", "column", "reason"),
    [("kind", "kind", "__HIVE_DEFAULT_PARTITION__"), ("event_id.date", "event_id", "version 1")],
)
def test_value_without_a_directory_name_is_named_by_table_column_and_key(
    partition_by: str, column: str, reason: str
) -> None:
    record_batch = pa.record_batch(
        [
            ["a", "b", "c", "c"],
            ["x", None, "__HIVE_DEFAULT_PARTITION__", "__HIVE_DEFAULT_PARTITION__"],
            [GOOD_TIME, None, BAD_TIME, BAD_TIME],
            pa.array([1, 2, 3, 4], pa.int32()),
            pa.array([0, 0, 1000, 2000], pa.timestamp("ms", "UTC")),
        ],
        schema=KEYED_SCHEMA,
    )
    with pytest.raises(ValueDoesNotFitError, match=reason) as raised:
        HiveSplit(KEYED_SCHEMA, [partition_by], KEYED).split([record_batch])
    assert raised.value.primary_key == {"device": "c", "at": "1970-01-01T00:00:01+00:00"}
    assert (raised.value.table, raised.value.column) == ("ks.events", column)
    for word in ("ks.events", f"column {column}", "device=c", "at=1970", f"leave {partition_by!r} out of partition_by"):
        assert word in str(raised.value)


def test_key_column_that_only_names_rows_is_in_no_file_and_makes_no_directories() -> None:
    assert HiveSplit(KEYED_SCHEMA, ["kind"], KEYED).file_columns == ["device", "event_id", "v"]
    with pytest.raises(OptionError, match="no column 'at'"):
        HiveSplit(KEYED_SCHEMA, ["at"], KEYED)


def test_key_whose_time_python_cannot_tell_is_named_by_its_number() -> None:
    at = pa.array([2**62], pa.timestamp("ms", "UTC"))
    record_batch = pa.record_batch(
        [["a"], ["__HIVE_DEFAULT_PARTITION__"], [None], pa.array([1], pa.int32()), at], schema=KEYED_SCHEMA
    )
    with pytest.raises(ValueDoesNotFitError, match=f"at={2**62}"):
        HiveSplit(KEYED_SCHEMA, ["kind"], KEYED).split([record_batch])
