"""What a script tells Airflow's assets and OpenLineage: what `lineage` tells of each of its statements, together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_cqlai.engine.results import CaptureResult, CopyResult, ImportResult
from airflow_provider_cqlai.lineage import (
    ClusterName,
    dataset_uri,
    describe_capture_event,
    describe_capture_lineage,
    describe_event,
    describe_import_event,
    describe_import_lineage,
    describe_lineage,
    record_on_assets,
    record_under_aliases,
    table_uri,
)

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider_cqlai.engine.verbs.script.result import ScriptResult


def record_script_events(context: Mapping[str, Any], result: ScriptResult, cluster: ClusterName | None) -> None:
    """Say what was published and imported: under a declared alias one asset for each, on a declared asset all of them,
    as the list ``results``."""
    events = [_describe_event(moved, cluster) for moved in result.moved]
    for uri, extra in events:
        record_under_aliases(context, uri, extra)
    record_on_assets(context, {"results": [extra for _, extra in events]})


def describe_script_lineage(result: ScriptResult, cluster: ClusterName | None) -> OperatorLineage[Any, Any]:
    """OpenLineage's view: inputs and outputs of all statements, each name once."""
    from airflow.providers.openlineage.extractors import OperatorLineage

    parts = [_describe_lineage(moved, cluster) for moved in result.moved]
    return OperatorLineage(
        inputs=_keep_last_of_each(dataset for part in parts for dataset in part.inputs),
        outputs=_keep_last_of_each(dataset for part in parts for dataset in part.outputs),
    )


def _describe_event(
    result: CopyResult | CaptureResult | ImportResult, cluster: ClusterName | None
) -> tuple[str, Mapping[str, Any]]:
    if isinstance(result, ImportResult):
        return table_uri(result, cluster), describe_import_event(result)
    if isinstance(result, CaptureResult):
        return dataset_uri(result.path), describe_capture_event(result)
    return dataset_uri(result.path), describe_event(result)


def _describe_lineage(
    result: CopyResult | CaptureResult | ImportResult, cluster: ClusterName | None
) -> OperatorLineage[Any, Any]:
    if isinstance(result, ImportResult):
        return describe_import_lineage(result, cluster)
    if isinstance(result, CaptureResult):
        return describe_capture_lineage(result, cluster)
    return describe_lineage(result, cluster)


def _keep_last_of_each(datasets: Any) -> list[Any]:
    return list({(dataset.namespace, dataset.name): dataset for dataset in datasets}.values())
