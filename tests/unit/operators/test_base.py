"""What the operators share: rendered texts read by the types of the option's field, and which errors are final."""

from __future__ import annotations

import datetime
import inspect
import logging
import traceback
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_cqlai.airflow_compat import DAG, AirflowFailException, AirflowNotFoundException
from airflow_provider_cqlai.engine import errors
from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
from airflow_provider_cqlai.operators._arguments import read_rendered
from airflow_provider_cqlai.operators._base import CqlaiOperator, failing_without_retries, read_flag
from airflow_provider_cqlai.operators.capture_queries import CaptureQueriesOperator
from airflow_provider_cqlai.operators.cassandra_to_parquet import CassandraToParquetOperator
from airflow_provider_cqlai.operators.cqlai_script import CqlaiScriptOperator
from airflow_provider_cqlai.operators.parquet_to_cassandra import ParquetToCassandraOperator


@pytest.mark.parametrize(
    "operator_type",
    [CaptureQueriesOperator, CassandraToParquetOperator, CqlaiScriptOperator, ParquetToCassandraOperator],
)
def test_a_constructor_stores_every_argument_as_given(operator_type: type[CqlaiOperator]) -> None:
    names = set(inspect.signature(operator_type.__init__).parameters) - {"self", "kwargs"}
    marks = {name: object() for name in names}
    operator = operator_type(task_id="task", **marks)
    attributes = {name: "is_dry_run" if name == "dry_run" else name for name in names}
    assert set(operator.template_fields) == set(attributes.values())
    for name, attribute in attributes.items():
        assert getattr(operator, attribute) is marks[name]


@pytest.mark.parametrize(
    ("option", "rendered", "expected"),
    [
        ("concurrency", "8", 8),
        ("concurrency", " 8 ", 8),
        ("shard_index", "0", 0),
        ("compression_level", "3", 3),
        ("request_timeout_seconds", "2.5", 2.5),
        ("allow_filtering", "False", False),
        ("allow_filtering", "true", True),
        ("page_index", "0", False),
        ("page_index", "Yes", True),
        ("shard_count", "8.0", 8),
        ("statistics", "True", True),
        ("statistics", "id,name", "id,name"),
        ("dictionary", "false", False),
        ("chunk_size", "50K", "50K"),
        ("page_size", "500", "500"),
        ("table", "shop.orders", "shop.orders"),
        ("where", "8", "8"),
        ("columns", "id,name", "id,name"),
        ("types", '{"id": "uuid"}', {"id": "uuid"}),
        ("bloom_filters", "id,name", "id,name"),
        ("bloom_filters", '{"id": 0.05}', {"id": 0.05}),
    ],
)
def test_a_text_becomes_what_the_option_takes(option: str, rendered: str, expected: Any) -> None:
    read = read_rendered(option, rendered, CopyToOptions)
    assert read == expected
    assert type(read) is type(expected)


@pytest.mark.parametrize("value", [None, 4, 2.5, True, ["id"], {"id": "uuid"}])
def test_anything_but_a_text_is_left_alone(value: Any) -> None:
    assert read_rendered("concurrency", value, CopyToOptions) is value


@pytest.mark.parametrize(
    ("option", "rendered", "expected"),
    [
        ("concurrency", "None", "a whole number"),
        ("concurrency", "many", "a whole number"),
        ("concurrency", "2.5", "a whole number"),
        ("request_timeout_seconds", "", "a number"),
        ("allow_filtering", "perhaps", "True or False"),
        ("types", "id=uuid", "is not a JSON object"),
        ("metadata", "[1]", "is not a JSON object"),
    ],
)
def test_a_text_that_cannot_be_read_is_an_error_naming_the_option(option: str, rendered: str, expected: str) -> None:
    with pytest.raises(OptionError, match=f"^{option}=") as raised:
        read_rendered(option, rendered, CopyToOptions)
    assert expected in str(raised.value)
    assert raised.value.option == option


@pytest.mark.parametrize(("rendered", "expected"), [(True, True), (" true ", True), ("False", False), (False, False)])
def test_a_flag_is_a_truth_value_or_its_text(rendered: Any, expected: bool) -> None:
    assert read_flag("use_run_window", rendered) is expected


@pytest.mark.parametrize("rendered", ["", "yes", None, 1])
def test_anything_else_is_no_flag(rendered: Any) -> None:
    with pytest.raises(OptionError, match=r"use_run_window=.*expected True or False"):
        read_flag("use_run_window", rendered)


@pytest.mark.parametrize(
    "error_type", [errors.OptionError, errors.TableMetadataError, errors.AccessDeniedError, errors.ValueDoesNotFitError]
)
def test_a_terminal_error_fails_without_retries_and_keeps_its_message(error_type: type[errors.CqlaiError]) -> None:
    cause = error_type("shop.orders.amount: 1e99 does not fit")
    with pytest.raises(AirflowFailException) as raised, failing_without_retries():
        raise cause
    assert str(raised.value) == f"{error_type.__name__}: shop.orders.amount: 1e99 does not fit"
    # Its text would be in the log a second time; where it was raised is in the traceback all the same.
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
    assert traceback.extract_tb(raised.value.__traceback__)[-1].line == "raise cause"


@pytest.mark.parametrize("error_type", [errors.ClusterUnavailableError, errors.StorageError, errors.SupersededError])
def test_a_retryable_error_goes_through_as_it_is(error_type: type[errors.CqlaiError]) -> None:
    cause = error_type("no host answered")
    with pytest.raises(error_type) as raised, failing_without_retries():
        raise cause from OSError("connection refused")
    assert raised.value is cause
    assert (cause.__cause__, cause.__suppress_context__) == (None, True)


@pytest.mark.parametrize("error_type", [errors.ClusterUnavailableError, errors.AccessDeniedError])
def test_an_error_with_its_causes_is_logged_at_debug(
    error_type: type[errors.CqlaiError], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "airflow_provider_cqlai")
    with pytest.raises((error_type, AirflowFailException)), failing_without_retries():
        raise error_type("no host answered") from OSError("connection refused")
    assert "OSError: connection refused" in caplog.text


def test_a_connection_that_does_not_exist_fails_without_retries() -> None:
    with pytest.raises(AirflowFailException, match="no such connection"), failing_without_retries():
        raise AirflowNotFoundException("no such connection")


def test_an_error_of_nobody_goes_through_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError), failing_without_retries():
        raise ZeroDivisionError


def test_only_queries_scripts_and_conditions_name_files(tmp_path: Path) -> None:
    (tmp_path / "active.cql").write_text("status = '{{ params.status }}'")
    with DAG("files", schedule=None, template_searchpath=[str(tmp_path)], params={"status": "active"}):
        export = CassandraToParquetOperator(
            task_id="export", table="app.cql", path="/data/{{ ds }}/x.cql", where="active.cql", metadata={"a": "b.cql"}
        )
        capture = CaptureQueriesOperator(
            task_id="capture", queries="active.cql", path="/data/x.parquet", parameters={"file": "{{ ds }}.cql"}
        )
    for operator in (export, capture):
        operator.resolve_template_files()
        operator.render_template_fields({"ds": "2024-01-01", "params": {"status": "new"}})
    assert (export.table, export.path) == ("app.cql", "/data/2024-01-01/x.cql")
    assert (export.where, export.metadata) == ("status = 'new'", {"a": "b.cql"})
    assert (capture.queries, capture.parameters) == ("status = 'new'", {"file": "2024-01-01.cql"})
    assert list(export.template_fields) == ["table", "path", "where", "metadata"]
    assert export.template_ext == (".cql",)


@pytest.mark.parametrize("is_native", [False, True])
def test_texts_stay_what_the_template_says(is_native: bool) -> None:
    with DAG("native", schedule=None, render_template_as_native_obj=is_native):
        capture = CaptureQueriesOperator(
            task_id="capture",
            queries="SELECT k FROM t WHERE v = :version AND k = :key",
            path="{{ params.number }}",
            parameters={"version": "{{ params.version }}", "key": "{{ params.key }}"},
            max_page_attempts="{{ params.number }}",
            start="{{ params.day }}",
        )
    params = {"version": "1.10", "key": "007", "number": "12", "day": "20240131", "flag": "True"}
    capture.render_template_fields({"params": params})
    assert capture.parameters == {"version": "1.10", "key": "007"}
    assert (capture.path, capture.max_page_attempts, capture.start) == ("12", "12", "20240131")


def test_lists_and_moments_of_native_templates_are_taken_as_they_are() -> None:
    with DAG("native", schedule=None, render_template_as_native_obj=True):
        load = ParquetToCassandraOperator(
            task_id="load", table="t", path="{{ params.paths }}", start="{{ at }}", end="{{ at }}"
        )
    at = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
    load.render_template_fields({"params": {"paths": ["/a", "/b"]}, "at": at})
    assert (load.path, load.start) == (["/a", "/b"], at)


def test_native_template_without_a_value_is_no_missing_argument() -> None:
    with DAG("native", schedule=None, render_template_as_native_obj=True):
        export = CassandraToParquetOperator(task_id="e", table="t", path="/x", where="{{ params.where }}")
    with pytest.raises(
        AirflowFailException, match=r"render_template_as_native_obj=True made None of '\{\{ params.where"
    ):
        export.render_template_fields({"params": {"where": None}})
