"""What a result tells Airflow's assets, metrics and OpenLineage: where rows came from and where they are now.

It becomes events on the task's declared outlets, and OpenLineage facets. Note: no outlet is made up: a templated path
has another URI in every run, and an asset for each of them would fill Airflow's asset table; a DAG author who wants
that declares an `AssetAlias`, and the run's URI goes under it.
"""

from __future__ import annotations

import json
import os
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_cqlai.airflow_compat import Asset, AssetAlias
from airflow_provider_cqlai.metrics import count_moved

if TYPE_CHECKING:
    from airflow.providers.common.compat.openlineage.facet import DatasetFacet, OutputDataset
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider_cqlai.engine.cassandra.connect.settings import ConnectionSettings
    from airflow_provider_cqlai.engine.results import CaptureResult, CopyResult, ImportResult

# An event's extra lies in Airflow's database and is shown in its UI: a few files by name, all of them by number.
_MAX_FILES_IN_EVENT = 20


@dataclass(frozen=True, kw_only=True)
class ClusterName:
    """What OpenLineage calls a cluster: the contact point that the connection names first."""

    host: str
    port: int

    @property
    def namespace(self) -> str:
        """``cassandra://host:port``, by OpenLineage's naming."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"cassandra://{host}:{self.port}"


def name_cluster(settings: ConnectionSettings) -> ClusterName | None:
    """The first contact point; None with a secure connect bundle, whose hosts are found at run time."""
    if not settings.contact_points:
        return None
    first = settings.contact_points[0]
    return ClusterName(host=first.address, port=first.port or settings.port)


def record_asset_events(context: Mapping[str, Any], result: CopyResult) -> None:
    """Say on each declared outlet what was published: window, rows, files, and the partition key of the run on 3.3."""
    count_moved(result)
    _record_events(context, dataset_uri(result.path), describe_event(result))


def record_capture_events(context: Mapping[str, Any], result: CaptureResult) -> None:
    """The same for a capture, which has the tables of its queries."""
    count_moved(result)
    _record_events(context, dataset_uri(result.path), describe_capture_event(result))


def record_import_events(context: Mapping[str, Any], result: ImportResult, cluster: ClusterName | None) -> None:
    """The same for rows that were written to a table."""
    count_moved(result)
    _record_events(context, table_uri(result, cluster), describe_import_event(result))


def _record_events(context: Mapping[str, Any], uri: str, extra: Mapping[str, Any]) -> None:
    record_under_aliases(context, uri, extra)
    record_on_assets(context, extra)


def record_under_aliases(context: Mapping[str, Any], uri: str, extra: Mapping[str, Any]) -> None:
    """Add an asset of ``uri`` under each declared alias."""
    for outlet in _outlets(context):
        if isinstance(outlet, AssetAlias):
            context["outlet_events"][outlet].add(Asset(uri=uri), extra=_plain_extra(extra))


def _plain_extra(extra: Mapping[str, Any]) -> dict[str, Any]:
    """2.11 puts the pairs of an alias's event into a set, which takes no lists: they are their JSON there."""
    if not AssetAlias.__module__.startswith("airflow.datasets"):
        return dict(extra)
    return {name: json.dumps(value) if isinstance(value, list | dict) else value for name, value in extra.items()}


def record_on_assets(context: Mapping[str, Any], extra: Mapping[str, Any]) -> None:
    """Say ``extra`` on each declared asset, with the run's partition key where there is one."""
    for outlet in _outlets(context):
        if isinstance(outlet, Asset):
            accessor = context["outlet_events"][outlet]
            accessor.extra.update(extra)
            partition_key = context.get("partition_key")
            # Partitioned asset events are there since 3.3.
            if partition_key is not None and hasattr(accessor, "add_partitions"):
                accessor.add_partitions(partition_key)


def _outlets(context: Mapping[str, Any]) -> Sequence[Any]:
    return getattr(context.get("task"), "outlets", None) or ()


def describe_event(result: CopyResult) -> dict[str, Any]:
    """The extra of an asset event, plain values only."""
    described = result.to_dict(max_files=_MAX_FILES_IN_EVENT)
    names = ("path", "table", "rows", "bytes", "file_count", "files", "window_start", "window_end", "manifest")
    return {name: described[name] for name in names}


def describe_capture_event(result: CaptureResult) -> dict[str, Any]:
    """The same for a capture."""
    described = result.to_dict(max_files=_MAX_FILES_IN_EVENT)
    names = ("path", "tables", "query_count", "rows", "bytes", "file_count", "files", "window_start", "window_end")
    return {name: described[name] for name in (*names, "manifest")}


def describe_import_event(result: ImportResult) -> dict[str, Any]:
    """The same for an import."""
    described = result.to_dict(max_files=_MAX_FILES_IN_EVENT)
    names = ("table", "rows", "bytes", "file_count", "files", "duplicate_rows")
    return {name: described[name] for name in names}


def table_uri(result: ImportResult | CopyResult, cluster: ClusterName | None) -> str:
    """The table as a URI, ``cassandra://host:port/keyspace/table``."""
    host = cluster.namespace if cluster is not None else "cassandra:/"
    return f"{host}/{result.table.replace('.', '/', 1)}"


def collect_export_lineage(hook: Any, result: CopyResult, cluster: ClusterName | None) -> None:
    """Tell Airflow's collector of hooks' lineage of an export: the table in, the dataset out."""
    from airflow_provider_cqlai.airflow_compat import get_hook_lineage_collector

    collector = get_hook_lineage_collector()
    collector.add_input_asset(context=hook, uri=table_uri(result, cluster))
    collector.add_output_asset(context=hook, uri=dataset_uri(result.path))


def collect_import_lineage(hook: Any, result: ImportResult, cluster: ClusterName | None) -> None:
    """The same of an import: its files in, the table out."""
    from airflow_provider_cqlai.airflow_compat import get_hook_lineage_collector

    collector = get_hook_lineage_collector()
    for file in result.files:
        collector.add_input_asset(context=hook, uri=dataset_uri(file.path))
    collector.add_output_asset(context=hook, uri=table_uri(result, cluster))


def dataset_uri(path: str) -> str:
    """``path`` as a URI; a local one as ``file:///...``."""
    return path if urlsplit(path).scheme else f"file://{os.path.abspath(path)}"


def describe_lineage(result: CopyResult, cluster: ClusterName | None) -> OperatorLineage[Any, Any]:
    """OpenLineage's view: the table with its exported columns in, the dataset with its size out.

    Only OpenLineage's own provider asks for it, so it is imported here.
    """
    from airflow.providers.common.compat.openlineage.facet import Dataset, InputDataset
    from airflow.providers.openlineage.extractors import OperatorLineage

    facets = _describe_columns(result.columns)
    inputs: list[Dataset] = []
    if cluster is not None:
        inputs.append(InputDataset(namespace=cluster.namespace, name=result.table, facets=facets))
    return OperatorLineage(inputs=inputs, outputs=[_describe_output(result)])


def describe_capture_lineage(result: CaptureResult, cluster: ClusterName | None) -> OperatorLineage[Any, Any]:
    """OpenLineage's view of a capture: the tables of its queries in, the dataset out.

    The tables have no columns here: those of a result may be aliases and functions.
    """
    from airflow.providers.common.compat.openlineage.facet import InputDataset
    from airflow.providers.openlineage.extractors import OperatorLineage

    inputs = []
    if cluster is not None:
        inputs = [InputDataset(namespace=cluster.namespace, name=table) for table in result.tables]
    return OperatorLineage(inputs=inputs, outputs=[_describe_output(result)])


def _describe_columns(columns: Mapping[str, str]) -> dict[str, DatasetFacet]:
    from airflow.providers.common.compat.openlineage.facet import SchemaDatasetFacet, SchemaDatasetFacetFields

    fields = [SchemaDatasetFacetFields(name=name, type=cql_type) for name, cql_type in columns.items()]
    return {"schema": SchemaDatasetFacet(fields=fields)}


def _describe_output(result: CopyResult | CaptureResult) -> OutputDataset:
    from airflow.providers.common.compat.openlineage.facet import OutputDataset, OutputStatisticsOutputDatasetFacet

    namespace, name = name_dataset(result.path)
    statistics = OutputStatisticsOutputDatasetFacet(
        rowCount=result.rows, size=result.bytes, fileCount=len(result.files)
    )
    return OutputDataset(
        namespace=namespace,
        name=name,
        facets=_describe_columns(result.columns),
        outputFacets={"outputStatistics": statistics},
    )


def describe_import_lineage(result: ImportResult, cluster: ClusterName | None) -> OperatorLineage[Any, Any]:
    """OpenLineage's view of an import: its files in, the table with its written columns out."""
    from airflow.providers.common.compat.openlineage.facet import (
        InputDataset,
        OutputDataset,
        OutputStatisticsOutputDatasetFacet,
        SchemaDatasetFacet,
        SchemaDatasetFacetFields,
    )
    from airflow.providers.openlineage.extractors import OperatorLineage

    names = [name_dataset(file.path) for file in result.files]
    inputs = [InputDataset(namespace=namespace, name=name) for namespace, name in names]
    fields = [SchemaDatasetFacetFields(name=name, type=cql_type) for name, cql_type in result.columns.items()]
    statistics = OutputStatisticsOutputDatasetFacet(rowCount=result.rows, size=result.bytes)
    outputs = []
    if cluster is not None:
        outputs.append(
            OutputDataset(
                namespace=cluster.namespace,
                name=result.table,
                facets={"schema": SchemaDatasetFacet(fields=fields)},
                outputFacets={"outputStatistics": statistics},
            )
        )
    return OperatorLineage(inputs=inputs, outputs=outputs)


def name_dataset(path: str) -> tuple[str, str]:
    """OpenLineage's namespace and name: ``("s3://bucket", "events")``, ``("file", "/data/events")``."""
    parts = urlsplit(path)
    if parts.scheme in ("", "file", "local"):
        return "file", posixpath.normpath(os.path.abspath(parts.path if parts.scheme else path))
    # One store has several schemes for the same objects; OpenLineage knows each by one name.
    scheme = {"s3a": "s3", "s3n": "s3", "gcs": "gs"}.get(parts.scheme, parts.scheme)
    return f"{scheme}://{parts.netloc}", parts.path.strip("/") or "/"
