"""What a result says on assets and to OpenLineage."""

from __future__ import annotations

import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_cqlai.airflow_compat import Asset, AssetAlias
from airflow_provider_cqlai.engine.options.copy_to import TimeWindow
from airflow_provider_cqlai.engine.results import CapturedQuery, CaptureResult, CopyResult, DataFile
from airflow_provider_cqlai.lineage import (
    ClusterName,
    dataset_uri,
    describe_capture_lineage,
    describe_event,
    describe_lineage,
    name_dataset,
    record_asset_events,
    record_capture_events,
)

RESULT = CopyResult(
    path="s3://bucket/events",
    table="shop.events",
    rows=50,
    bytes=5_000,
    files=tuple(DataFile(path=f"part-{number:05}.parquet", rows=2, bytes=200) for number in range(25)),
    window=TimeWindow(
        start=datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc),
        end=datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone.utc),
    ),
    elapsed_seconds=1.5,
    manifest="s3://bucket/events/_cqlai/x/00000002.json",
    columns={"id": "timeuuid", "amount": "decimal"},
)


class FakeAccessor:
    """Stands for Airflow's accessor of an outlet's event on 3.3; the older ones have no `add_partitions`."""

    def __init__(self) -> None:
        self.extra: dict[str, Any] = {}
        self.added: list[tuple[Any, dict[str, Any]]] = []
        self.partition_keys: list[str] = []

    def add(self, asset: Any, extra: dict[str, Any]) -> None:
        self.added.append((asset, extra))

    def add_partitions(self, key: str) -> None:
        self.partition_keys.append(key)


def record(outlet: Any, **context: Any) -> FakeAccessor:
    accessor = FakeAccessor()
    events = {outlet: accessor}
    record_asset_events({"task": SimpleNamespace(outlets=[outlet]), "outlet_events": events, **context}, RESULT)
    return accessor


def test_a_declared_asset_learns_window_rows_and_files() -> None:
    accessor = record(Asset(uri="s3://bucket/events"))
    assert accessor.extra["window_start"] == "2024-01-01T00:00:00+00:00"
    assert accessor.extra["window_end"] == "2024-01-02T00:00:00+00:00"
    assert (accessor.extra["rows"], accessor.extra["file_count"]) == (50, 25)
    assert accessor.extra["files"][0] == {"path": "part-00000.parquet", "rows": 2, "bytes": 200}
    assert accessor.partition_keys == []


def test_an_event_names_a_few_files_and_counts_all() -> None:
    event = describe_event(RESULT)
    assert (len(event["files"]), event["file_count"]) == (20, 25)


def test_the_partition_key_of_the_run_is_on_the_event() -> None:
    accessor = record(Asset(uri="s3://bucket/events"), partition_key="2024-01-01")
    assert accessor.partition_keys == ["2024-01-01"]


def test_an_alias_gets_the_asset_of_this_run() -> None:
    accessor = record(AssetAlias("events"))
    [(asset, extra)] = accessor.added
    assert asset.uri == "s3://bucket/events"
    assert extra == describe_event(RESULT)


def test_no_outlet_means_no_event() -> None:
    record_asset_events({"task": SimpleNamespace(outlets=[])}, RESULT)


@pytest.mark.parametrize(
    ("path", "expected"),
    [("s3://bucket/events", "s3://bucket/events"), ("/data/events", "file:///data/events")],
)
def test_a_path_as_a_uri(path: str, expected: str) -> None:
    assert dataset_uri(path) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("s3://bucket/a/b", ("s3://bucket", "a/b")),
        ("s3a://bucket/a/b/", ("s3://bucket", "a/b")),
        ("gs://bucket", ("gs://bucket", "/")),
        ("/data/events", ("file", "/data/events")),
        ("file:///data/events/", ("file", "/data/events")),
    ],
)
def test_a_dataset_has_one_name_for_openlineage(path: str, expected: tuple[str, str]) -> None:
    assert name_dataset(path) == expected


@pytest.mark.parametrize(("host", "expected"), [("node1", "cassandra://node1:9042"), ("::1", "cassandra://[::1]:9042")])
def test_a_cluster_has_one_name_for_openlineage(host: str, expected: str) -> None:
    assert ClusterName(host=host, port=9042).namespace == expected


def test_lineage_leads_from_the_table_to_the_dataset() -> None:
    pytest.importorskip("airflow.providers.openlineage", reason="OpenLineage's provider is optional")
    lineage = describe_lineage(RESULT, ClusterName(host="node1", port=9042))
    [source], [target] = lineage.inputs, lineage.outputs
    assert (source.namespace, source.name) == ("cassandra://node1:9042", "shop.events")
    assert (target.namespace, target.name) == ("s3://bucket", "events")
    for dataset in (source, target):
        columns = [(field.name, field.type) for field in dataset.facets["schema"].fields]
        assert columns == [("id", "timeuuid"), ("amount", "decimal")]
    statistics = target.outputFacets["outputStatistics"]
    assert (statistics.rowCount, statistics.size, statistics.fileCount) == (50, 5_000, 25)


def test_lineage_of_a_cluster_without_a_fixed_address_has_the_dataset_only() -> None:
    pytest.importorskip("airflow.providers.openlineage", reason="OpenLineage's provider is optional")
    lineage = describe_lineage(RESULT, None)
    assert lineage.inputs == []
    assert len(lineage.outputs) == 1


CAPTURED = CaptureResult(
    path="s3://bucket/report",
    queries=(CapturedQuery(query="SELECT 1", rows=7, pages=1, elapsed_seconds=0.5),) * 3,
    tables=("shop.orders", "shop.returns"),
    rows=21,
    bytes=2_100,
    files=(DataFile(path="part-00000.parquet", rows=21, bytes=2_100),),
    window=None,
    elapsed_seconds=1.5,
    columns={"total": "decimal"},
)


def test_an_event_of_a_capture_tells_its_tables_and_counts_its_queries() -> None:
    outlet = Asset(uri="s3://bucket/report")
    accessor = FakeAccessor()
    record_capture_events({"task": SimpleNamespace(outlets=[outlet]), "outlet_events": {outlet: accessor}}, CAPTURED)
    assert accessor.extra["tables"] == ["shop.orders", "shop.returns"]
    assert (accessor.extra["query_count"], accessor.extra["rows"], accessor.extra["path"]) == (3, 21, CAPTURED.path)


def test_lineage_of_a_capture_leads_from_the_tables_of_its_queries_to_the_dataset() -> None:
    pytest.importorskip("airflow.providers.openlineage", reason="OpenLineage's provider is optional")
    lineage = describe_capture_lineage(CAPTURED, ClusterName(host="node1", port=9042))
    assert [dataset.name for dataset in lineage.inputs] == ["shop.orders", "shop.returns"]
    [target] = lineage.outputs
    assert (target.namespace, target.name) == ("s3://bucket", "report")
    assert [(field.name, field.type) for field in target.facets["schema"].fields] == [("total", "decimal")]
    assert target.outputFacets["outputStatistics"].rowCount == 21
    assert describe_capture_lineage(CAPTURED, None).inputs == []
