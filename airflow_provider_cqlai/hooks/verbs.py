"""`CqlaiHook.copy_to` and `copy_from`: what the operators do, for Python code within a task.

In a running task they have the task's window, end with it when it is killed, go on from its earlier tries, and tell of
what they did on its outlets and to Airflow's lineage. Outside of one, ``start`` and ``end`` say the window.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_cqlai.airflow_compat import AirflowException, get_current_context
from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
from airflow_provider_cqlai.engine.options.values.checks import build_options
from airflow_provider_cqlai.hooks.import_journal import VariableJournalStore
from airflow_provider_cqlai.hooks.queries import HookQueries
from airflow_provider_cqlai.hooks.storage_connection import open_filesystem, resolve_path, split_connection
from airflow_provider_cqlai.lineage import (
    collect_export_lineage,
    collect_import_lineage,
    name_cluster,
    record_asset_events,
    record_import_events,
)
from airflow_provider_cqlai.run_window import RunFacts, WindowRequest, name_owner, read_run_facts, resolve_window

if TYPE_CHECKING:
    from airflow_provider_cqlai.engine.cassandra.connect.settings import ConnectionSettings
    from airflow_provider_cqlai.engine.options.values.checks import AnyPath
    from airflow_provider_cqlai.engine.options.window import TimeWindow
    from airflow_provider_cqlai.engine.results import CopyResult, ImportResult

_RUNNING = "_cqlai_running"
_kills_lock = threading.Lock()
_WINDOW_ARGUMENTS = frozenset(field.name for field in dataclasses.fields(WindowRequest))


class HookVerbs(HookQueries):
    """The methods of `CqlaiHook` that move tables."""

    cassandra_conn_id: str

    @property
    def settings(self) -> ConnectionSettings:
        """What the Connection says, read anew each time: a rotated password counts from the next session on."""
        from airflow_provider_cqlai.hooks.connection_reading import read_connection

        return read_connection(self.get_connection(self.cassandra_conn_id))

    def copy_to(
        self,
        table: str,
        path: AnyPath,
        *,
        storage_conn_id: str | None = None,
        base_path: str | None = None,
        **options: Any,
    ) -> CopyResult:
        """Export a table, or a window of it; what `CassandraToParquetOperator` does.

        :param table: ``"keyspace.table"``, or ``"table"`` in the connection's keyspace.
        :param path: a file or the root of a dataset, local or a URI, as of the operator.
        :param storage_conn_id: the Airflow connection to the store of a path that does not name one itself.
        :param base_path: where a relative path begins.
        :param options: all other arguments of the operator, by their names: ``time_column``, ``period``, ``start`` and
            ``end``, ``where``, ``partition_by`` and so on. Values are of the option's type: nothing is a template.

        Raises:
            CqlaiError: see `engine.errors`; an unknown option is one, too.
        """
        from airflow_provider_cqlai.engine.verbs.copy_to import copy_to

        context = _running_task()
        request, others = _split_window(options)
        resolved, connection_id = split_connection(resolve_path(path, base_path), storage_conn_id)
        is_needed = bool(
            others.get("time_column") or others.get("bucket_column") or others.get("window_by") == "writetime"
        )
        values = {
            "owner": None if context is None else _name_part(name_owner(context), resolved),
            **others,
            "table": table,
            "path": resolved,
            "window": _resolve(context, request, is_needed=is_needed),
        }
        built = build_options(CopyToOptions, values)
        with _cancelled_with(context) as cancellation:
            result = copy_to(
                self.get_conn(),
                built,
                filesystem=open_filesystem(resolved, connection_id),
                cancellation=cancellation,
            )
        if result.is_published:
            collect_export_lineage(self, result, name_cluster(self.settings))
            if context is not None:
                record_asset_events(context, result)
        return result

    def copy_from(
        self,
        table: str,
        path: AnyPath | Iterable[AnyPath],
        *,
        use_run_window: bool = False,
        resume: bool = True,
        storage_conn_id: str | None = None,
        base_path: str | None = None,
        **options: Any,
    ) -> ImportResult:
        """Import Parquet files into a table; what `ParquetToCassandraOperator` does.

        :param table: ``"keyspace.table"``, or ``"table"`` in the connection's keyspace.
        :param path: files, patterns or datasets, one or several, as of the operator.
        :param use_run_window: read the windows of a dataset that overlap the run's; so do ``start`` and ``end``,
            ``period`` or ``since``.
        :param resume: a retry of the task leaves out the row groups that its earlier tries have finished. Two imports
            of one table from one path in one task share what is remembered: give such a task one import.
        :param storage_conn_id: the Airflow connection to the store of a path that does not name one itself.
        :param base_path: where a relative path begins.
        :param options: all other arguments of the operator, by their names: ``mode``, ``where``, ``verify`` and so on.

        Raises:
            CqlaiError: see `engine.errors`; an unknown option is one, too.
        """
        from airflow_provider_cqlai.engine.verbs.copy_from import copy_from

        context = _running_task()
        request, others = _split_window(options)
        given: Any = [path] if isinstance(path, str) or not isinstance(path, Iterable) else list(path)
        split = [split_connection(resolve_path(each, base_path), storage_conn_id) for each in given]
        connections = {connection for _, connection in split}
        if len(connections) != 1:
            raise OptionError("path: all paths of one import must use the same storage connection", option="path")
        [connection_id] = connections
        paths = [each for each, _ in split]
        is_needed = use_run_window or any(getattr(request, name) is not None for name in ("start", "period", "since"))
        window = _resolve(context, request, is_needed=is_needed)
        built = build_options(CopyFromOptions, {**others, "table": table, "path": paths, "window": window})
        is_counting = built.mode == "counter_update"
        store = None
        # Without a journal a second try of counters could not be told from the first, and would count again.
        if context is not None and (resume or is_counting):
            store = VariableJournalStore(context, is_counting=is_counting, part=f"{table} {' '.join(paths)}")
        with _cancelled_with(context) as cancellation:
            result = copy_from(
                self.get_conn(),
                built,
                filesystem=open_filesystem(paths[0], connection_id),
                journal_store=store,
                cancellation=cancellation,
            )
        cluster = name_cluster(self.settings)
        collect_import_lineage(self, result, cluster)
        if context is not None:
            record_import_events(context, result, cluster)
        return result


def _running_task() -> Mapping[str, Any] | None:
    """The context of the task that runs; None outside of one."""
    try:
        context: Mapping[str, Any] = get_current_context()
    except (RuntimeError, AirflowException):
        # What 3.x and 2.11 raise outside of a task.
        return None
    return context


def _split_window(options: Mapping[str, Any]) -> tuple[WindowRequest, dict[str, Any]]:
    for name in ("window", "owner"):
        if name in options:
            raise OptionError(f"{name} is the run's own: give start and end, or period", option=name)
    request = WindowRequest(**{name: value for name, value in options.items() if name in _WINDOW_ARGUMENTS})
    return request, {name: value for name, value in options.items() if name not in _WINDOW_ARGUMENTS}


def _resolve(context: Mapping[str, Any] | None, request: WindowRequest, *, is_needed: bool) -> TimeWindow | None:
    facts = RunFacts(timezone=datetime.timezone.utc) if context is None else read_run_facts(context)
    return resolve_window(facts, request, is_needed=is_needed)


def _name_part(owner: str, path: str) -> str:
    """Who publishes: a task may export more than once."""
    return f"{owner}/{path}"


@contextmanager
def _cancelled_with(context: Mapping[str, Any] | None) -> Iterator[Cancellation]:
    """What ends when the task is killed: its operator is that of a function, and knows of nothing to stop."""
    cancellation = Cancellation()
    task = None if context is None else context["ti"].task
    if task is None:
        yield cancellation
        return
    with _kills_lock:
        running: list[Cancellation] | None = vars(task).get(_RUNNING)
        if running is None:
            # On the instance, which Airflow asks for it when it is to stop; once, whatever runs at the same time.
            running = []
            setattr(task, _RUNNING, running)
            task.on_kill = functools.partial(_stop_all, running, task.on_kill)
        running.append(cancellation)
    try:
        yield cancellation
    finally:
        with _kills_lock:
            running.remove(cancellation)


def _stop_all(running: list[Cancellation], on_kill: Callable[[], Any]) -> None:
    # Within Airflow's signal handler: a lock could be held by the code that it interrupts.
    for cancellation in list(running):
        cancellation.cancel()
    on_kill()
