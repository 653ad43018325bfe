"""A consistency level that can never be reached, told from replicas that are down."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from cassandra import ConsistencyLevel, ReadTimeout, Unavailable
from cassandra.metadata import KeyspaceMetadata, Metadata

from airflow_provider_cqlai.engine.cassandra.read.replication import find_unreachable_level

SIMPLE_3 = ("SimpleStrategy", {"replication_factor": "3"})
SIMPLE_1 = ("SimpleStrategy", {"replication_factor": "1"})
TWO_CENTRES = ("NetworkTopologyStrategy", {"dc1": "3", "dc2": "1"})
TRANSIENT = ("NetworkTopologyStrategy", {"dc1": "3/1"})


def metadata_of(strategy: tuple[str, dict[str, str]]) -> Metadata:
    name, options = strategy
    keyspace = KeyspaceMetadata("ks", True, f"org.apache.cassandra.locator.{name}", options)
    return SimpleNamespace(keyspaces={"ks": keyspace})


def unavailable(level: str, required: int) -> Unavailable:
    return Unavailable("no", consistency=ConsistencyLevel.name_to_value[level], required_replicas=required)


@pytest.mark.parametrize(
    ("strategy", "level", "required", "data_centre"),
    [
        (SIMPLE_1, "TWO", 2, "dc1"),
        (SIMPLE_1, "THREE", 3, None),
        (TWO_CENTRES, "LOCAL_QUORUM", 1, "dc3"),
        (TWO_CENTRES, "LOCAL_ONE", 1, "dc3"),
        (("LocalStrategy", {}), "TWO", 2, "dc1"),
    ],
)
def test_more_replicas_than_the_keyspace_has_are_an_error_naming_the_option(
    strategy: Any, level: str, required: int, data_centre: str | None
) -> None:
    error = find_unreachable_level(unavailable(level, required), metadata_of(strategy), "ks", data_centre)
    assert error is not None
    assert not error.is_retryable
    assert error.option == "consistency_level"
    for word in (f"consistency_level='{level}'", f"needs {required}", "'ks'"):
        assert word in str(error)
    assert ("local_data_centre" in str(error)) is level.startswith("LOCAL")


@pytest.mark.parametrize(
    ("strategy", "level", "required", "data_centre"),
    [
        (SIMPLE_3, "QUORUM", 2, "dc1"),
        (SIMPLE_3, "ALL", 3, "dc1"),
        # Outside of data centres the local levels count all replicas.
        (SIMPLE_3, "LOCAL_QUORUM", 2, "dc9"),
        (TWO_CENTRES, "ALL", 4, "dc1"),
        (TWO_CENTRES, "LOCAL_QUORUM", 2, "dc1"),
        (TWO_CENTRES, "LOCAL_ONE", 1, "dc2"),
        (TWO_CENTRES, "LOCAL_ONE", 1, None),
        (TRANSIENT, "ALL", 3, "dc1"),
        (("SomebodysStrategy", {}), "THREE", 3, "dc1"),
    ],
)
def test_replicas_that_exist_and_are_down_may_come_back(
    strategy: Any, level: str, required: int, data_centre: str | None
) -> None:
    assert find_unreachable_level(unavailable(level, required), metadata_of(strategy), "ks", data_centre) is None


def test_other_errors_and_unknown_keyspaces_are_left_alone() -> None:
    metadata = metadata_of(SIMPLE_1)
    assert find_unreachable_level(unavailable("TWO", 2), metadata, "system_views", "dc1") is None
    timeout = ReadTimeout("t", consistency=ConsistencyLevel.TWO, required_responses=2, received_responses=1)
    assert find_unreachable_level(timeout, metadata, "ks", "dc1") is None
