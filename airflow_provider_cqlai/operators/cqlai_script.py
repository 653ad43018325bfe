"""`CqlaiScriptOperator`: a script of COPY, CAPTURE, USE and plain CQL runs as one task.

Note: a retry runs the script from its beginning, so statements that do more when they run twice belong in a script of
their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.results import CaptureResult, CopyResult, ImportResult
from airflow_provider_cqlai.hooks.cqlai import CqlaiHook
from airflow_provider_cqlai.hooks.import_journal import VariableJournalStore
from airflow_provider_cqlai.hooks.storage_connection import (
    is_local,
    open_filesystem,
    resolve_path,
    split_connection,
)
from airflow_provider_cqlai.lineage import (
    ClusterName,
    dataset_uri,
    describe_capture_event,
    describe_capture_lineage,
    describe_event,
    describe_import_event,
    describe_import_lineage,
    describe_lineage,
    name_cluster,
    record_on_assets,
    record_under_aliases,
    table_uri,
)
from airflow_provider_cqlai.metrics import count_moved
from airflow_provider_cqlai.operators._arguments import read_arguments
from airflow_provider_cqlai.operators._base import CqlaiOperator, failing_without_retries, resolve_written_window
from airflow_provider_cqlai.operators.links import DatasetLink
from airflow_provider_cqlai.run_window import name_owner

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from fsspec import AbstractFileSystem

    from airflow_provider_cqlai.airflow_compat import Context
    from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
    from airflow_provider_cqlai.engine.options.window import TimeWindow
    from airflow_provider_cqlai.engine.verbs.script.result import ScriptResult


class CqlaiScriptOperator(CqlaiOperator):
    """Run a script as the specification writes them. A green task has run every statement to its end.

    All of the script is parsed and its options are checked before the first statement runs. Options are those of the
    other operators, under the same names or the specification's, see docs/how-to/run-specification-scripts.md. What ran
    stays done when a later statement fails; a retry runs the whole script again. Every argument is templated;
    ``script`` may name a ``.cql`` file.

    :param script: ``str``, required. The statements, with semicolons between them. Paths that name no connection are
        opened with ``storage_conn_id`` where they are URIs, tables without a keyspace are those of the connection's, or
        of the last USE.
    :param base_path: ``str | None``, default ``None``. The directory or URI that a relative path begins at; None is
        ``[cqlai] base_path`` of Airflow's configuration. Without either a relative path is an error: it would be in
        whatever directory the worker was started.
    :param cassandra_conn_id: ``str``, default ``"cqlai_default"``. The Airflow connection to Cassandra, of type
        ``cqlai`` or ``cassandra``. Its keyspace is that of tables that are written without one.
    :param storage_conn_id: ``str | None``, default ``None``. The Airflow connection to the store of a path that is a
        URI and does not name one itself, as ``s3://conn_id@bucket/key`` and an ``ObjectStoragePath`` do. Without
        either, credentials come from the environment.
    :return: what became of each statement (`ScriptResult.to_dict`), small enough for XCom.
    """

    script: str
    """The statements, with semicolons between them. Paths that name no connection are opened with ``storage_conn_id``
    where they are URIs, tables without a keyspace are those of the connection's, or of the last USE."""

    template_ext: Sequence[str] = (".cql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {"script": "sql"}
    operator_extra_links = (DatasetLink(),)
    ui_color = "#e4e0f5"

    def __init__(
        self,
        *,
        script: str,
        base_path: str | None = None,
        cassandra_conn_id: str = CqlaiHook.default_conn_name,
        storage_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._store(locals())
        self._result: ScriptResult | None = None
        self._cluster: ClusterName | None = None

    arguments = read_arguments(__init__)
    template_fields: Sequence[str] = tuple(arguments)

    def execute(self, context: Context) -> dict[str, Any]:
        """Check and run; see `engine.script` for what holds when this returns, and when it does not."""
        from airflow_provider_cqlai.engine.verbs.script.plan import ScriptSurroundings
        from airflow_provider_cqlai.engine.verbs.script.run import run_script

        cancellation = self._begin_cancellation()

        def resolve(written: Mapping[str, Any], is_needed: bool) -> TimeWindow | None:
            return resolve_written_window(context, written, is_needed=is_needed)

        def open_journal(number: int, options: CopyFromOptions) -> VariableJournalStore:
            return VariableJournalStore(context, is_counting=options.mode == "counter_update", part=str(number))

        with failing_without_retries(), CqlaiHook(self.cassandra_conn_id) as hook:
            if not isinstance(self.script, str):
                raise OptionError(f"script: expected a text, got {type(self.script).__name__}", option="script")
            self._cluster = name_cluster(hook.settings)
            result = run_script(
                hook.get_conn(),
                self.script,
                surroundings=ScriptSurroundings(
                    owner=name_owner(context), resolve_window=resolve, open_storage=self._open_storage
                ),
                open_journal=open_journal,
                cancellation=cancellation,
            )
        self._result = result
        _record_events(context, result, self._cluster)
        return result.to_dict()

    @property
    def dataset_path(self) -> str | None:
        """The first dataset that the script published or imported, once it did; for the link to it."""
        moved = self._result.moved if self._result is not None else []
        paths = [[file.path for file in one.files] if isinstance(one, ImportResult) else [one.path] for one in moved]
        return next((path for found in paths for path in found), None)

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:
        """Lineage of all statements; called by OpenLineage's provider after `execute`."""
        return _describe_script(self._result, self._cluster) if self._result is not None else None

    def _open_storage(self, path: str) -> tuple[str, AbstractFileSystem | None]:
        path = resolve_path(path, self.base_path)
        uri, connection_id = split_connection(path, None if is_local(path) else self.storage_conn_id)
        return uri, open_filesystem(uri, connection_id)


def _record_events(context: Mapping[str, Any], result: ScriptResult, cluster: ClusterName | None) -> None:
    """Say what was published and imported: under a declared alias one asset for each, on a declared asset all of them,
    as the list ``results``."""
    for moved in result.moved:
        count_moved(moved)
    events = [_describe_event(moved, cluster) for moved in result.moved]
    for uri, extra in events:
        record_under_aliases(context, uri, extra)
    record_on_assets(context, {"results": [extra for _, extra in events]})


def _describe_script(result: ScriptResult, cluster: ClusterName | None) -> OperatorLineage[Any, Any]:
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
