"""Looking columns up in a table's metadata."""

import pytest

from airflow_provider_cqlai.engine.cassandra.metadata.table_metadata import TableColumn, TableMetadata
from airflow_provider_cqlai.engine.errors import TableMetadataError

TABLE = TableMetadata(
    keyspace="ks",
    name="Events",
    columns=(
        TableColumn("device", "text", "partition_key", 0, is_multi_cell=False),
        TableColumn("day", "date", "partition_key", 1, is_multi_cell=False),
        TableColumn("at", "timeuuid", "clustering", 0, is_multi_cell=False),
        TableColumn("Value", "double", "regular", -1, is_multi_cell=False),
        TableColumn("value", "counter", "regular", -1, is_multi_cell=False),
    ),
    indexed_columns=frozenset(),
    is_view=False,
    is_virtual=False,
    is_node_local=False,
)


def test_names_are_quoted_for_statements_and_spelled_for_people() -> None:
    assert TABLE.cql_name == '"ks"."Events"'
    assert TABLE.qualified_name == str(TABLE) == 'ks."Events"'


def test_keys_come_in_their_order() -> None:
    assert TABLE.partition_key == ("device", "day")
    assert TABLE.clustering == ("at",)
    assert TABLE.primary_key == ("device", "day", "at")


@pytest.mark.parametrize(
    ("asked", "found"), [("Value", "Value"), ("VALUE", "value"), ('"Value"', "Value"), ("Day", "day")]
)
def test_column_is_found_as_spelled_or_in_lower_case(asked: str, found: str) -> None:
    assert TABLE.column(asked).name == found


def test_missing_column_names_the_option_those_near_and_all() -> None:
    with pytest.raises(TableMetadataError, match=r"time_column.*'devise' \(did you mean device\?\).*device, day, at"):
        TABLE.column("devise", option="time_column")


def test_one_counter_makes_a_counter_table() -> None:
    assert TABLE.is_counter
