"""The oldest node decides what a cluster can do, and the error says which release it has."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_cqlai.engine.cassandra.metadata.server_release import (
    explain_missing_element_times,
    explain_missing_key_lists,
    name_server,
    oldest_release,
)
from airflow_provider_cqlai.engine.cassandra.metadata.table_metadata import TableColumn, TableMetadata

COLUMNS = (
    TableColumn("id", "int", "partition_key", 0, is_multi_cell=False),
    TableColumn("fixed", "frozen<set<text>>", "regular", -1, is_multi_cell=False),
    TableColumn("tags", "set<text>", "regular", -1, is_multi_cell=True),
)
TABLE = TableMetadata(
    keyspace="shop",
    name="orders",
    columns=COLUMNS,
    indexed_columns=frozenset(),
    is_view=False,
    is_virtual=False,
    is_node_local=False,
)


def connected_to(*releases: str | None) -> Any:
    hosts = [SimpleNamespace(release_version=release) for release in releases]
    return SimpleNamespace(cluster=SimpleNamespace(metadata=SimpleNamespace(all_hosts=lambda: hosts)))


@pytest.mark.parametrize(
    ("releases", "oldest"),
    [
        (["5.0.5"], "5.0.5"),
        (["5.0.5", "4.1.10", "5.0.5"], "4.1.10"),
        (["10.0-beta1", "5.0-SNAPSHOT"], "5.0-SNAPSHOT"),
        ([None, "4.0.19"], "4.0.19"),
        ([None, "unknown"], None),
        ([], None),
    ],
)
def test_the_oldest_node_tells_the_release(releases: list[str | None], oldest: str | None) -> None:
    assert oldest_release(connected_to(*releases)) == oldest


def test_messages_name_the_release_where_it_is_known() -> None:
    assert name_server(connected_to("4.1.10")) == "Cassandra 4.1.10"
    assert name_server(connected_to(None)) == "Cassandra"


@pytest.mark.parametrize("releases", [["4.0.19"], ["4.1.10"], ["5.0.5", "4.1.10"], ["3.11.19"]])
def test_times_of_elements_are_missing_before_5_0(releases: list[str]) -> None:
    reason = explain_missing_element_times(connected_to(*releases), TABLE, COLUMNS)
    assert reason is not None
    assert "shop.orders" in reason
    assert "(tags)" in reason
    assert reason.endswith(f"this cluster has {releases[-1]}")


@pytest.mark.parametrize("releases", [["5.0.0"], ["5.0-rc1"], ["5.1.0", "10.0.1"], [None]])
def test_times_of_elements_are_there_since_5_0_and_where_no_release_is_known(releases: list[str | None]) -> None:
    assert explain_missing_element_times(connected_to(*releases), TABLE, COLUMNS) is None


def test_cells_that_are_one_each_have_times_on_every_release() -> None:
    assert explain_missing_element_times(connected_to("4.0.19"), TABLE, COLUMNS[:2]) is None


@pytest.mark.parametrize(
    ("release", "is_missing"), [("4.0.19", True), ("4.1.0", False), ("5.0.5", False), (None, False)]
)
def test_key_parts_are_filtered_by_lists_since_4_1(release: str | None, is_missing: bool) -> None:
    assert (explain_missing_key_lists(connected_to(release)) is not None) == is_missing
