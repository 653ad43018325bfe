"""The capture operator without a server: its arguments are the engine's, and what it passes on."""

from __future__ import annotations

import copy
import dataclasses
import datetime
import inspect
from types import SimpleNamespace
from typing import Any

import pytest

import airflow_provider_cqlai.engine.verbs.capture.run as capture_module
from airflow_provider_cqlai.airflow_compat import AirflowFailException, AirflowSkipException
from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.capture import CaptureOptions
from airflow_provider_cqlai.engine.options.copy_to import TimeWindow
from airflow_provider_cqlai.engine.results import CaptureResult, DataFile
from airflow_provider_cqlai.hooks.cqlai import CqlaiHook
from airflow_provider_cqlai.operators._base import WINDOW_ARGUMENTS
from airflow_provider_cqlai.operators.capture_queries import CaptureQueriesOperator
from airflow_provider_cqlai.run_window import WindowRequest

ENGINE_ARGUMENTS = [
    field.name for field in dataclasses.fields(CaptureOptions) if field.name in CaptureQueriesOperator.arguments
]
WINDOW = TimeWindow(
    start=datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc),
    end=datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone.utc),
)
QUERY = "SELECT id FROM shop.orders"


class FakeEngine:
    """Stands where `engine.capture` stands, and remembers its call."""

    def __init__(self) -> None:
        self.options: CaptureOptions | None = None
        self.arguments: dict[str, Any] = {}
        self.changes: dict[str, Any] = {}

    def capture(self, session: Any, options: CaptureOptions, **arguments: Any) -> CaptureResult:
        assert session == "session"
        self.options, self.arguments = options, arguments
        values: dict[str, Any] = {"path": options.path, "queries": (), "tables": ("shop.orders",), "rows": 3}
        values |= {"files": (DataFile(path="part-00000.parquet", rows=3, bytes=300),), "bytes": 300}
        return CaptureResult(**{**values, "window": options.window, "elapsed_seconds": 1.0, **self.changes})


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    fake = FakeEngine()
    monkeypatch.setattr(capture_module, "capture", fake.capture)
    monkeypatch.setattr(CqlaiHook, "get_conn", lambda hook: "session")
    monkeypatch.setenv("AIRFLOW_CONN_CQLAI_DEFAULT", '{"conn_type": "cqlai", "host": "node1"}')
    return fake


def make_operator(**arguments: Any) -> CaptureQueriesOperator:
    return CaptureQueriesOperator(**{"task_id": "capture", "queries": QUERY, "path": "/data/orders", **arguments})


def context_of() -> Any:
    instance = SimpleNamespace(dag_id="shop", task_id="capture", run_id="run1", map_index=2, try_number=3)
    context = {"ti": instance, "task": SimpleNamespace(outlets=[])}
    return context | {"data_interval_start": WINDOW.start, "data_interval_end": WINDOW.end}


def run(engine: FakeEngine, **arguments: Any) -> CaptureOptions:
    make_operator(**arguments).execute(context_of())
    assert engine.options is not None
    return engine.options


def test_every_option_of_the_engine_is_an_argument_with_the_same_default() -> None:
    parameters = inspect.signature(CaptureQueriesOperator.__init__).parameters
    for owner, names in ((CaptureOptions, ENGINE_ARGUMENTS), (WindowRequest, WINDOW_ARGUMENTS)):
        fields = {field.name: field for field in dataclasses.fields(owner)}
        for name in names:
            expected = fields[name].default
            if fields[name].default_factory is dict:
                expected = None
            # A session has no queries to begin with; a task must.
            if expected is dataclasses.MISSING or name == "queries":
                expected = inspect.Parameter.empty
            assert parameters[name].default == expected, name
    left_out = {field.name for field in dataclasses.fields(CaptureOptions)} - set(ENGINE_ARGUMENTS)
    assert left_out == {"window", "owner", "shard_index", "shard_count", "concurrency"}


def test_a_page_has_5000_rows_unless_another_number_is_asked_for() -> None:
    assert CaptureOptions(path="/data/orders").page_size == 5_000


def test_every_argument_is_templated_and_stored_as_given() -> None:
    parameters = inspect.signature(CaptureQueriesOperator.__init__).parameters
    own = [name for name in parameters if name not in ("self", "kwargs")]
    assert sorted(CaptureQueriesOperator.template_fields) == sorted(own)
    marks = {name: f"{{{{ params.{name} }}}}" for name in own}
    operator = make_operator(**marks)
    assert {name: getattr(operator, name) for name in own} == marks


def test_a_task_can_be_copied_as_airflow_does_before_it_runs() -> None:
    assert copy.deepcopy(make_operator(period=datetime.timedelta(days=1))).period == datetime.timedelta(days=1)


def test_without_a_word_about_time_the_capture_belongs_to_no_window(engine: FakeEngine) -> None:
    assert run(engine) == CaptureOptions(queries=QUERY, path="/data/orders", owner="shop/capture/run1/2")


@pytest.mark.parametrize(
    "arguments",
    [
        {"use_run_window": True},
        {"use_run_window": "True"},
        {"queries": [QUERY, f"{QUERY} WHERE at < :window_end ALLOW FILTERING"]},
        {"start": "2024-01-01", "end": "2024-01-02"},
        {"period": "1 day"},
    ],
)
def test_the_window_of_the_run_reaches_the_engine(engine: FakeEngine, arguments: dict[str, Any]) -> None:
    assert run(engine, **arguments).window == WINDOW


def test_rendered_texts_become_numbers_and_mappings(engine: FakeEngine) -> None:
    options = run(engine, page_size="8", page_index="False", types='{"id": "string"}', parameters='{"k": 1}')
    assert (options.page_size, options.page_index) == (8, False)
    assert (options.types, options.parameters) == ({"id": "string"}, {"k": 1})
    assert run(engine, parameters=[{"k": 1}, {"k": 2}]).parameters == [{"k": 1}, {"k": 2}]


def test_options_of_text_reach_the_engine(engine: FakeEngine) -> None:
    options = run(engine, path="/data/o.json.gz", blob_encoding="hex", non_finite="null", query_field=None)
    assert (options.format, options.compression, options.blob_encoding) == ("json", "gzip", "hex")
    assert (options.non_finite, options.query_field) == ("null", None)
    assert run(engine, format="csv", csv_null="").csv_null == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"path": "/data/o.json", "compression": "snappy"}, "OptionError: compression='snappy': json files can have"),
        ({"compression": "brotli"}, "OptionError: compression='brotli' is unknown"),
        ({"use_run_window": "maybe"}, "OptionError: use_run_window='maybe': expected True or False"),
        ({"start": "2024-01-01"}, "OptionError: start without end"),
        ({"parameters": "k"}, "OptionError: parameters: expected a mapping"),
        ({"queries": 5}, "OptionError: queries=5: expected a text or a list of texts"),
        ({"queries": [5]}, r"OptionError: queries=\[5\]: expected a text or a list of texts"),
    ],
)
def test_a_wrong_argument_fails_without_retries(engine: FakeEngine, arguments: dict[str, Any], message: str) -> None:
    operator = make_operator(**dict.fromkeys(arguments, "{{ params.argument }}"))
    # As Airflow renders it.
    vars(operator).update(arguments)
    with pytest.raises(AirflowFailException, match=message):
        operator.execute(context_of())
    assert engine.options is None
    with pytest.raises(OptionError, match=message.removeprefix("OptionError: ")):
        make_operator(**arguments)


def test_nothing_published_skips_the_task(engine: FakeEngine) -> None:
    engine.changes = {"rows": 0, "files": (), "bytes": 0, "is_published": False}
    with pytest.raises(AirflowSkipException, match="no query returned a row"):
        run(engine, on_empty="skip")


def test_on_kill_before_the_capture_began_reaches_it_too(engine: FakeEngine) -> None:
    operator = make_operator()
    operator.on_kill()
    operator.execute({"ti": SimpleNamespace(dag_id="d", task_id="t", run_id="r", map_index=-1)})  # type: ignore[typeddict-item]
    assert engine.arguments["cancellation"].is_cancelled
