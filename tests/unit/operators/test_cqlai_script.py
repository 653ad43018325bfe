"""The script operator without a server: what it passes on, and what it makes of the run."""

from __future__ import annotations

import copy
import datetime
import inspect
from types import SimpleNamespace
from typing import Any

import pytest

import airflow_provider_cqlai.engine.verbs.script.run as script_module
from airflow_provider_cqlai.airflow_compat import AirflowFailException, Asset, AssetAlias
from airflow_provider_cqlai.engine.errors import OptionError, PageReadError, TimeWindowError
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.options.copy_to import TimeWindow
from airflow_provider_cqlai.engine.results import CaptureResult, CopyResult, DataFile, ImportedFile, ImportResult
from airflow_provider_cqlai.engine.verbs.script.result import CqlResult, ScriptResult, StatementResult
from airflow_provider_cqlai.hooks.cqlai import CqlaiHook
from airflow_provider_cqlai.operators import cqlai_script
from airflow_provider_cqlai.operators.cqlai_script import CqlaiScriptOperator

WINDOW = TimeWindow(
    start=datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc),
    end=datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone.utc),
)
PUBLISHED: dict[str, Any] = {
    "rows": 3,
    "files": (DataFile(path="part-00000.parquet", rows=3, bytes=300),),
    "bytes": 300,
    "window": None,
    "elapsed_seconds": 1.0,
}
EXPORT = CopyResult(path="/data/events", table="shop.events", columns={"id": "int"}, **PUBLISHED)
CAPTURED = CaptureResult(path="/data/report", queries=(), tables=("shop.events", "shop.orders"), **PUBLISHED)
IMPORT = ImportResult(
    table="shop.archive",
    files=(ImportedFile(path="/data/events/part-00000.parquet", rows_read=3, rows=3),),
    bytes=30,
    duplicate_rows=0,
    elapsed_seconds=1.0,
)
KINDS = (("CREATE", CqlResult()), ("COPY TO", EXPORT), ("CAPTURE", CAPTURED), ("COPY FROM", IMPORT))
RESULT = ScriptResult(
    statements=tuple(StatementResult(line=n, kind=kind, result=result) for n, (kind, result) in enumerate(KINDS, 1)),
    elapsed_seconds=2.0,
)


class FakeEngine:
    """Stands where `engine.script.run_script` stands, and remembers its call."""

    def __init__(self) -> None:
        self.text: str | None = None
        self.arguments: dict[str, Any] = {}
        self.error: Exception | None = None

    def run_script(self, session: Any, text: str, **arguments: Any) -> ScriptResult:
        assert session == "session"
        self.text, self.arguments = text, arguments
        if self.error is not None:
            raise self.error
        return RESULT


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    fake = FakeEngine()
    monkeypatch.setattr(script_module, "run_script", fake.run_script)
    monkeypatch.setattr(CqlaiHook, "get_conn", lambda hook: "session")
    monkeypatch.setenv("AIRFLOW_CONN_CQLAI_DEFAULT", '{"conn_type": "cqlai", "host": "node1"}')
    return fake


def make_context(**changes: Any) -> Any:
    instance = SimpleNamespace(dag_id="shop", task_id="script", run_id="run1", map_index=2, try_number=3, max_tries=3)
    context: dict[str, Any] = {"ti": instance, "task": SimpleNamespace(outlets=[])}
    return {**context, "data_interval_start": WINDOW.start, "data_interval_end": WINDOW.end, **changes}


def run(script: Any = "SELECT 1", context: Any = None, **arguments: Any) -> Any:
    operator = CqlaiScriptOperator(task_id="script", script=script, **arguments)
    return operator.execute(context or make_context())


def test_every_argument_is_templated_and_stored_as_given() -> None:
    parameters = inspect.signature(CqlaiScriptOperator.__init__).parameters
    own = [name for name in parameters if name not in ("self", "kwargs")]
    assert sorted(CqlaiScriptOperator.template_fields) == sorted(own)
    marks = {name: f"{{{{ params.{name} }}}}" for name in own}
    operator = CqlaiScriptOperator(task_id="script", **marks)
    assert {name: getattr(copy.deepcopy(operator), name) for name in own} == marks
    assert (CqlaiScriptOperator.template_ext, CqlaiScriptOperator.template_fields_renderers) == (
        (".cql",),
        {"script": "sql"},
    )


def test_what_is_returned_tells_each_statement(engine: FakeEngine) -> None:
    returned = run("COPY events TO '/data/events'")
    assert engine.text == "COPY events TO '/data/events'"
    assert engine.arguments["surroundings"].owner == "shop/script/run1/2"
    assert [(each["line"], each["statement"], each.get("rows")) for each in returned["statements"]] == [
        (1, "CREATE", None),
        (2, "COPY TO", 3),
        (3, "CAPTURE", 3),
        (4, "COPY FROM", 3),
    ]
    assert (returned["statement_count"], returned["rows_published"], returned["rows_imported"]) == (4, 6, 3)


def test_windows_of_statements_are_resolved_from_the_run(engine: FakeEngine) -> None:
    run()
    resolve = engine.arguments["surroundings"].resolve_window
    assert resolve({}, False) is None
    assert resolve({}, True) == resolve({"period": "1 day"}, True) == WINDOW
    explicit = resolve({"start": "2024-03-01", "end": "2024-03-02"}, False)
    assert explicit.start == datetime.datetime(2024, 3, 1, tzinfo=datetime.timezone.utc)
    with pytest.raises(TimeWindowError, match="contradicts"):
        resolve({"period": "2 days"}, True)


def test_a_connection_is_for_paths_that_are_uris_and_name_none(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cqlai_script, "open_filesystem", lambda path, connection: connection)
    run(storage_conn_id="my_aws")
    open_storage = engine.arguments["surroundings"].open_storage
    assert open_storage("/data/events") == ("/data/events", None)
    assert open_storage("file:///data") == ("file:///data", None)
    assert open_storage("s3://bucket/key") == ("s3://bucket/key", "my_aws")
    assert open_storage("s3://my_aws@bucket/key") == ("s3://bucket/key", "my_aws")
    with pytest.raises(OptionError, match="another one"):
        open_storage("s3://other@bucket/key")


def test_each_import_of_a_script_has_a_journal_of_its_own(engine: FakeEngine) -> None:
    run()
    options = CopyFromOptions(table="t", path="/p")
    first, again, second = (engine.arguments["open_journal"](number, options) for number in (1, 1, 2))
    assert first.key == again.key != second.key


def test_an_alias_has_an_asset_for_each_result_and_an_asset_has_all(engine: FakeEngine) -> None:
    alias, asset = AssetAlias(name="moved"), Asset(uri="file:///data/events")
    added: list[str] = []
    events = {
        alias: SimpleNamespace(add=lambda asset, extra: added.append(asset.uri)),
        asset: SimpleNamespace(extra={}),
    }
    run(context=make_context(task=SimpleNamespace(outlets=[alias, asset]), outlet_events=events))
    assert added == ["file:///data/events", "file:///data/report", "cassandra://node1:9042/shop/archive"]
    results = events[asset].extra["results"]
    assert [each.get("path", each.get("table")) for each in results] == ["/data/events", "/data/report", "shop.archive"]
    assert [each["rows"] for each in results] == [3, 3, 3]


def test_lineage_has_the_inputs_and_outputs_of_all_statements_once(engine: FakeEngine) -> None:
    pytest.importorskip("airflow.providers.openlineage", reason="OpenLineage's provider is optional")
    operator = CqlaiScriptOperator(task_id="script", script="SELECT 1")
    assert operator.get_openlineage_facets_on_complete(None) is None
    operator.execute(make_context())
    lineage = operator.get_openlineage_facets_on_complete(None)
    assert lineage is not None
    assert sorted(each.name for each in lineage.inputs) == [
        "/data/events/part-00000.parquet",
        "shop.events",
        "shop.orders",
    ]
    assert [each.name for each in lineage.outputs] == ["/data/events", "/data/report", "shop.archive"]


@pytest.mark.parametrize("script", [5, ["SELECT 1"]])
def test_a_script_that_is_no_text_fails_without_retries(engine: FakeEngine, script: Any) -> None:
    with pytest.raises(AirflowFailException, match="OptionError: script: expected a text, got"):
        run(script)
    assert engine.text is None


def test_a_terminal_error_fails_without_retries_and_a_retryable_one_goes_through(engine: FakeEngine) -> None:
    engine.error = OptionError("line 3, COPY TO: no", line=3)
    with pytest.raises(AirflowFailException, match="OptionError: line 3, COPY TO: no"):
        run()
    engine.error = PageReadError("line 4, SELECT: gave up", line=4)
    with pytest.raises(PageReadError):
        run()


def test_on_kill_cancels_also_before_the_script_began(engine: FakeEngine) -> None:
    operator = CqlaiScriptOperator(task_id="script", script="SELECT 1")
    operator.execute(make_context())
    assert not engine.arguments["cancellation"].is_cancelled
    operator.on_kill()
    assert engine.arguments["cancellation"].is_cancelled
    operator.execute(make_context())
    assert engine.arguments["cancellation"].is_cancelled
