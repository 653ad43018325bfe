"""`CqlaiScriptOperator`: a script of COPY, CAPTURE, USE and plain CQL runs as one task.

What flows in is a script, rendered; what flows out is `engine.script`'s result. The one surprising thing: a retry runs
the script from its beginning, so statements that do more when they run twice belong into a script of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.hooks.cqlai import CqlaiHook
from airflow_provider_cqlai.lineage import ClusterName, name_cluster
from airflow_provider_cqlai.operators.cancelled_by_kill import CancelledByKill
from airflow_provider_cqlai.operators.import_journal import VariableJournalStore
from airflow_provider_cqlai.operators.storage_connection import is_local, open_filesystem, split_connection
from airflow_provider_cqlai.operators.task_errors import failing_without_retries
from airflow_provider_cqlai.run_window import WindowRequest, name_owner, read_run_facts, resolve_window
from airflow_provider_cqlai.script_lineage import describe_script_lineage, record_script_events

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.providers.openlineage.extractors import OperatorLineage
    from fsspec import AbstractFileSystem

    from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
    from airflow_provider_cqlai.engine.options.window import TimeWindow
    from airflow_provider_cqlai.engine.verbs.script.result import ScriptResult


class CqlaiScriptOperator(CancelledByKill, BaseOperator):
    """Run a script as the specification writes them. A green task has run every statement to its end.

    All of the script is parsed and its options are checked before the first statement runs. Options are those of the
    other operators, under the same names or the specification's, see docs/scripts.md. What ran stays done when a later
    statement fails; a retry runs the whole script again.

    :param script: the statements with semicolons between them, or the name of a ``.cql`` file.
    :param cassandra_conn_id: the connection to Cassandra, of type ``cqlai`` or ``cassandra``. Its keyspace is that of
        unqualified tables, until a USE.
    :param storage_conn_id: the connection to the store of paths that are URIs and do not name one.
    :return: what became of each statement (`ScriptResult.to_dict`), small enough for XCom.
    """

    template_fields: Sequence[str] = ("script", "cassandra_conn_id", "storage_conn_id")
    template_ext: Sequence[str] = (".cql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {"script": "sql"}
    ui_color = "#e4e0f5"

    def __init__(
        self,
        *,
        script: str,
        cassandra_conn_id: str = CqlaiHook.default_conn_name,
        storage_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.script = script
        self.cassandra_conn_id = cassandra_conn_id
        self.storage_conn_id = storage_conn_id
        self._result: ScriptResult | None = None
        self._cluster: ClusterName | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Check and run; see `engine.script` for what holds when this returns, and when it does not."""
        from airflow_provider_cqlai.engine.verbs.script.plan import ScriptSurroundings
        from airflow_provider_cqlai.engine.verbs.script.run import run_script

        cancellation = self._begin_cancellation()

        def resolve(written: Mapping[str, str], is_needed: bool) -> TimeWindow | None:
            return resolve_window(read_run_facts(context), WindowRequest(**written), is_needed=is_needed)

        def open_journal(number: int, options: CopyFromOptions) -> VariableJournalStore:
            return VariableJournalStore(context, is_counting=options.mode == "counter_update", part=str(number))

        with failing_without_retries(), CqlaiHook(self.cassandra_conn_id) as hook:
            if not isinstance(self.script, str):
                raise OptionError(f"script is no text but {type(self.script).__name__}", option="script")
            self._cluster = name_cluster(hook)
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
        record_script_events(context, result, self._cluster)
        return result.to_dict()

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:
        """Lineage of all statements; called by OpenLineage's provider after `execute`."""
        return describe_script_lineage(self._result, self._cluster) if self._result is not None else None

    def _open_storage(self, path: str) -> tuple[str, AbstractFileSystem | None]:
        uri, connection_id = split_connection(path, None if is_local(path) else self.storage_conn_id)
        return uri, open_filesystem(uri, connection_id)
