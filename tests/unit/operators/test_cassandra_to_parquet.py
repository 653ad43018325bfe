"""The operator without Airflow's database and without a server: what it passes on, and what it makes of the answer."""

from __future__ import annotations

import copy
import dataclasses
import datetime
import inspect
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.exceptions import AirflowException

import airflow_provider_cqlai.engine.verbs.copy_to as copy_to_module
from airflow_provider_cqlai.airflow_compat import AirflowFailException, AirflowSkipException
from airflow_provider_cqlai.engine.errors import ClusterUnavailableError, OptionError, QueryError
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions, TimeWindow
from airflow_provider_cqlai.engine.results import CopyResult, DataFile
from airflow_provider_cqlai.hooks.cqlai import CqlaiHook
from airflow_provider_cqlai.operators._base import WINDOW_ARGUMENTS
from airflow_provider_cqlai.operators.cassandra_to_parquet import CassandraToParquetOperator
from airflow_provider_cqlai.run_window import WindowRequest

ENGINE_ARGUMENTS = [
    field.name for field in dataclasses.fields(CopyToOptions) if field.name in CassandraToParquetOperator.arguments
]
WINDOW = TimeWindow(
    start=datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc),
    end=datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone.utc),
)
CONNECTION = '{"conn_type": "cqlai", "host": "node1, node2", "port": 9043}'


class FakeEngine:
    """Stands where `engine.copy_to` stands, remembers its call and answers as told."""

    def __init__(self) -> None:
        self.options: CopyToOptions | None = None
        self.arguments: dict[str, Any] = {}
        self.answer: Callable[[CopyToOptions], CopyResult] = result_of
        self.closed_hooks = 0

    def copy_to(self, session: Any, options: CopyToOptions, **arguments: Any) -> CopyResult:
        assert session == "session"
        self.options, self.arguments = options, arguments
        return self.answer(options)


def result_of(options: CopyToOptions, **changes: Any) -> CopyResult:
    file = DataFile(path="part-00000.parquet", rows=3, bytes=300)
    values: dict[str, Any] = {"path": options.path, "table": options.table, "rows": 3, "files": (file,), "bytes": 300}
    return CopyResult(**{**values, "window": options.window, "elapsed_seconds": 1.0, **changes})


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    fake = FakeEngine()

    def close(hook: CqlaiHook) -> None:
        fake.closed_hooks += 1

    monkeypatch.setattr(copy_to_module, "copy_to", fake.copy_to)
    monkeypatch.setattr(CqlaiHook, "get_conn", lambda hook: "session")
    monkeypatch.setattr(CqlaiHook, "close", close)
    monkeypatch.setenv("AIRFLOW_CONN_CQLAI_DEFAULT", CONNECTION)
    return fake


def make_operator(**arguments: Any) -> CassandraToParquetOperator:
    return CassandraToParquetOperator(
        **{"task_id": "export", "table": "shop.orders", "path": "/data/orders", **arguments}
    )


def context_of(**more: Any) -> Any:
    instance = SimpleNamespace(dag_id="shop", task_id="export", run_id="run1", map_index=2, try_number=3)
    return {"ti": instance, "task": SimpleNamespace(outlets=[]), **more}


def interval() -> dict[str, datetime.datetime]:
    return {"data_interval_start": WINDOW.start, "data_interval_end": WINDOW.end}


def test_every_option_of_the_engine_is_an_argument_with_the_same_default() -> None:
    parameters = inspect.signature(CassandraToParquetOperator.__init__).parameters
    for owner, names in ((CopyToOptions, ENGINE_ARGUMENTS), (WindowRequest, WINDOW_ARGUMENTS)):
        fields = {field.name: field for field in dataclasses.fields(owner)}
        for name in names:
            expected = fields[name].default
            if fields[name].default_factory is dict:
                expected = None
            if expected is dataclasses.MISSING:
                expected = inspect.Parameter.empty
            assert parameters[name].default == expected, name
    assert {"window", "owner"} == {field.name for field in dataclasses.fields(CopyToOptions)} - set(ENGINE_ARGUMENTS)


def test_every_argument_is_templated_and_stored_as_given() -> None:
    parameters = inspect.signature(CassandraToParquetOperator.__init__).parameters
    own = [name for name in parameters if name not in ("self", "kwargs")]
    attributes = ["is_dry_run" if name == "dry_run" else name for name in own]
    assert sorted(CassandraToParquetOperator.template_fields) == sorted(attributes)
    marks = {name: f"{{{{ params.{name} }}}}" for name in own}
    operator = make_operator(**marks)
    assert [getattr(operator, name) for name in attributes] == list(marks.values())


def test_an_unknown_argument_is_refused() -> None:
    # Airflow 3 raises the first, 2.11 the second.
    with pytest.raises((TypeError, AirflowException), match="compresion"):
        make_operator(compresion="zstd")


def test_a_task_can_be_copied_as_airflow_does_before_it_runs() -> None:
    operator = make_operator(period=datetime.timedelta(days=1), time_column="at")
    assert copy.deepcopy(operator).period == datetime.timedelta(days=1)


def test_a_whole_table_is_exported_where_no_column_tells_the_time(engine: FakeEngine) -> None:
    returned = make_operator().execute(context_of(**interval()))
    assert engine.options == CopyToOptions(table="shop.orders", path="/data/orders", owner="shop/export/run1/2")
    assert returned["rows"] == 3
    assert returned["window_start"] is None
    assert engine.closed_hooks == 1


def test_the_window_of_the_run_reaches_the_engine(engine: FakeEngine) -> None:
    returned = make_operator(time_column="at").execute(context_of(**interval()))
    assert engine.options is not None
    assert engine.options.window == WINDOW
    assert (returned["window_start"], returned["window_end"]) == (
        "2024-01-01T00:00:00+00:00",
        "2024-01-02T00:00:00+00:00",
    )


@pytest.mark.parametrize("more", [{"bucket_column": "day", "bucket_format": "%Y-%m-%d"}, {"window_by": "WRITETIME"}])
def test_a_bucket_or_the_writetime_tells_the_time_too(engine: FakeEngine, more: dict[str, str]) -> None:
    make_operator(**more).execute(context_of(**interval()))
    assert engine.options is not None
    assert engine.options.window == WINDOW


def test_rendered_texts_become_numbers_and_mappings(engine: FakeEngine) -> None:
    make_operator(concurrency="8", allow_filtering="False", types='{"id": "uuid"}', metadata=None).execute(context_of())
    assert engine.options is not None
    assert (engine.options.concurrency, engine.options.allow_filtering) == (8, False)
    assert (engine.options.types, engine.options.metadata) == ({"id": "uuid"}, {})


def test_the_connection_in_a_uri_opens_the_file_system_and_stays_out_of_the_path(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[tuple[str, str | None]] = []
    module = "airflow_provider_cqlai.operators.cassandra_to_parquet.open_filesystem"
    monkeypatch.setattr(module, lambda path, conn_id: opened.append((path, conn_id)) or "file system")
    make_operator(path="s3://my_aws@bucket/orders").execute(context_of())
    assert opened == [("s3://bucket/orders", "my_aws")]
    assert engine.options is not None
    assert engine.options.path == "s3://bucket/orders"
    assert engine.arguments["filesystem"] == "file system"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"compression": "brotli"}, "OptionError: compression='brotli' is unknown"),
        ({"time_column": "at"}, "TimeWindowError: give start and end"),
        ({"start": "2024-01-01", "time_column": "at"}, "OptionError: start without end"),
        ({"concurrency": "many"}, "OptionError: concurrency='many': expected a whole number"),
        ({"cassandra_conn_id": "nowhere"}, "nowhere"),
    ],
)
def test_a_wrong_argument_fails_without_retries(engine: FakeEngine, arguments: dict[str, Any], message: str) -> None:
    operator = make_operator(**dict.fromkeys(arguments, "{{ params.argument }}"))
    # As Airflow renders it.
    vars(operator).update(arguments)
    with pytest.raises(AirflowFailException, match=message):
        operator.execute(context_of())
    assert engine.options is None
    assert engine.closed_hooks == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"compression": "zst"}, "compression='zst' is unknown; known values: snappy, gzip, zstd, lz4, none"),
        ({"compression": "zst", "path": "{{ var.value.lake }}/events"}, "compression='zst' is unknown"),
        ({"compression": "zst", "chunk_size": "{{ params.size }}"}, "compression='zst' is unknown"),
        ({"concurrency": "many"}, "concurrency='many': expected a whole number"),
        ({"concurrency": 0}, "concurrency=0"),
        ({"start": "2024-01-01", "time_column": "at"}, "start without end"),
        ({"start": "yesterday", "end": "{{ ds }}", "time_column": "at"}, "start='yesterday' is not an ISO 8601"),
        ({"start": "2024-01-01", "end": "2024-01-02"}, "a window needs time_column"),
        ({"period": "1 fortnight", "time_column": "at"}, "period='1 fortnight' is not a length of time"),
        ({"anchor": "middle"}, "anchor='middle' is unknown"),
        ({"align": "perhaps"}, "align='perhaps': expected True or False"),
        ({"path": "/data/one.parquet", "partition_by": "day"}, "partition_by"),
        ({"path": "/{{ ds }}/one.parquet", "partition_by": "day"}, "partition_by"),
    ],
)
def test_what_no_run_can_make_right_breaks_the_import_of_the_dag(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        make_operator(**arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {"compression": "{{ params.compression }}", "compression_level": 3},
        {"start": "{{ ds }}", "end": "{{ macros.ds_add(ds, 1) }}", "time_column": "at"},
        {"period": "{{ params.period }}", "time_column": "at"},
        {"time_column": "at"},
        {"where": "filter.cql"},
        {"path": "{{ var.value.lake }}/{window_start:%Y-%m-%d}.parquet", "time_column": "at", "period": "1 day"},
        {"types": {"amount": "{{ params.type }}"}},
        {"columns": object()},
    ],
)
def test_what_a_run_decides_is_left_to_it(arguments: dict[str, Any]) -> None:
    make_operator(**arguments)


def test_only_given_arguments_are_rendered_table_and_path_first() -> None:
    operator = make_operator(period="1 day", time_column="at", compression="zstd", where=None, concurrency=4)
    assert operator.template_fields == ("table", "path", "time_column", "period", "compression")


@pytest.mark.parametrize(
    ("error", "raised_type"),
    [
        (QueryError("no such function"), AirflowFailException),
        (ClusterUnavailableError("down"), ClusterUnavailableError),
    ],
)
def test_an_error_of_the_engine_is_retried_where_that_can_help(
    engine: FakeEngine, error: Exception, raised_type: type[Exception]
) -> None:
    def answer(options: CopyToOptions) -> CopyResult:
        raise error

    engine.answer = answer
    with pytest.raises(raised_type):
        make_operator().execute(context_of())
    assert engine.closed_hooks == 1


def test_nothing_published_skips_the_task(engine: FakeEngine) -> None:
    engine.answer = lambda options: result_of(options, rows=0, files=(), bytes=0, is_published=False)
    operator = make_operator(on_empty="skip")
    with pytest.raises(AirflowSkipException, match="no row matched"):
        operator.execute(context_of())
    assert operator.get_openlineage_facets_on_complete(None) is None


def test_on_kill_reaches_a_running_export(engine: FakeEngine) -> None:
    operator = make_operator()
    seen: list[bool] = []

    def answer(options: CopyToOptions) -> CopyResult:
        cancellation = engine.arguments["cancellation"]
        seen.append(cancellation.is_cancelled)
        operator.on_kill()
        seen.append(cancellation.is_cancelled)
        return result_of(options)

    engine.answer = answer
    operator.execute(context_of())
    assert seen == [False, True]


def test_on_kill_before_the_export_began_reaches_it_too(engine: FakeEngine) -> None:
    operator = make_operator()
    operator.on_kill()
    operator.execute(context_of())
    assert engine.arguments["cancellation"].is_cancelled
