"""Airflow connections in a dataset's URI."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from upath import UPath

from airflow_provider_cqlai.airflow_compat import ObjectStoragePath
from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.hooks.storage_connection import open_filesystem, resolve_path, split_connection


@pytest.mark.parametrize(
    ("path", "conn_id", "expected"),
    [
        ("/data/events", None, ("/data/events", None)),
        ("file:///data/a@b", None, ("file:///data/a@b", None)),
        ("s3://bucket/key", None, ("s3://bucket/key", None)),
        ("s3://bucket/a@b", None, ("s3://bucket/a@b", None)),
        ("s3://bucket/key", "my_aws", ("s3://bucket/key", "my_aws")),
        ("s3://my_aws@bucket/key", None, ("s3://bucket/key", "my_aws")),
        ("s3://my_aws@bucket/key", "my_aws", ("s3://bucket/key", "my_aws")),
        ("s3://my.aws@bucket", None, ("s3://bucket", "my.aws")),
        ("s3://a@b/{window_start:%Y-%m-%d}.parquet", None, ("s3://b/{window_start:%Y-%m-%d}.parquet", "a")),
        (
            "abfs://container@account.dfs.core.windows.net/key",
            "my_azure",
            ("abfs://container@account.dfs.core.windows.net/key", "my_azure"),
        ),
        ("abfs://my_azure@container/key", None, ("abfs://container/key", "my_azure")),
    ],
)
def test_a_uri_is_split_from_its_connection(path: str, conn_id: str | None, expected: tuple[str, str | None]) -> None:
    assert split_connection(path, conn_id) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (Path("/data/events"), ("/data/events", None)),
        (ObjectStoragePath("file:///data/events"), ("file:///data/events", None)),
        (ObjectStoragePath("s3://my_conn@bucket/key"), ("s3://bucket/key", "my_conn")),
        (ObjectStoragePath("s3://bucket/key", conn_id="my_conn"), ("s3://bucket/key", "my_conn")),
    ],
)
def test_a_path_object_is_split_as_its_text(path: Any, expected: tuple[str, str | None]) -> None:
    assert split_connection(path, None) == expected


@pytest.mark.parametrize(
    "path", [Path("/data/{{ ds }}"), UPath("memory://b/{{ ds }}"), UPath("/data/{% if x %}"), UPath("s3://b/{{ ds }}")]
)
def test_a_template_that_airflow_leaves_alone_is_refused(path: Any) -> None:
    with pytest.raises(OptionError, match=r"rejected_path=.*texts and ObjectStoragePath only"):
        split_connection(path, None, "rejected_path")


def test_what_a_template_gave_may_have_braces() -> None:
    path = ObjectStoragePath("file:///data/{{ ds }}")
    assert split_connection(path, None) == ("file:///data/{{ ds }}", None)


def test_a_password_in_a_uri_is_refused_without_being_shown() -> None:
    with pytest.raises(OptionError, match="credentials belong in an Airflow connection") as caught:
        split_connection("s3://user:hunter2@bucket/key", None)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("path", [5, None, ["s3://bucket"]])
def test_what_is_no_text_is_a_terminal_error(path: object) -> None:
    with pytest.raises(OptionError, match=r"path=.*: expected a path, got"):
        split_connection(path, None)


def test_two_different_connections_are_an_error() -> None:
    with pytest.raises(OptionError, match="names the connection 'a' and storage_conn_id another one, 'b'"):
        split_connection("s3://a@bucket/key", "b")


@pytest.mark.parametrize("path", ["/data/events", "file:///data/events"])
def test_a_connection_for_a_local_path_is_an_error(path: str) -> None:
    with pytest.raises(OptionError, match="is local and needs no connection"):
        split_connection(path, "my_aws")


def test_without_connection_the_engine_opens_the_uri_itself() -> None:
    assert open_filesystem("s3://bucket/key", None) is None


def test_a_scheme_that_airflow_does_not_know_is_an_error_naming_it() -> None:
    with pytest.raises(OptionError, match="Airflow cannot open nowhere with the connection 'c'"):
        open_filesystem("nowhere://bucket/key", "c")


@pytest.mark.parametrize("path", ["/data/events", "~/events", "s3://bucket/events", "file:///data/events"])
def test_an_absolute_path_needs_no_base(path: str) -> None:
    assert resolve_path(path, None) == path
    assert resolve_path(path, "/base") == path


def test_a_relative_path_begins_at_the_base(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve_path("events", "/base") == "/base/events"
    assert resolve_path(Path("events/day"), "s3://my_aws@lake/") == "s3://my_aws@lake/events/day"
    monkeypatch.setenv("AIRFLOW__CQLAI__BASE_PATH", "/configured")
    assert resolve_path("events", None) == "/configured/events"
    assert resolve_path("events", "/base") == "/base/events"


def test_a_relative_path_without_a_base_is_an_error_that_names_it() -> None:
    with pytest.raises(OptionError, match=r"rejected_path='events' is relative: .* set base_path"):
        resolve_path("events", None, "rejected_path")
