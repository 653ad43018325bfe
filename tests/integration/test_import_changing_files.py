"""Source files that are replaced or removed between plan and reading, or that a store fails to give."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.errors import SourceChangedError, SourceFileError
from airflow_provider_cqlai.engine.importing import run
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
from airflow_provider_cqlai.engine.verbs import copy_from as copy_from_verb
from airflow_provider_cqlai.engine.verbs.copy_from import copy_from
from airflow_provider_cqlai.engine.verbs.copy_to import copy_to
from tests.integration.import_cases import import_files, rows_of, write_parquet
from tests.object_store import S3Server


@pytest.fixture
def after_listing(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
    """Runs something once the files were listed, before any is opened."""
    return _interposing(monkeypatch, copy_from_verb, "plan_import")


@pytest.fixture
def after_plan(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
    """Runs something once the files were checked, before any is read."""
    return _interposing(monkeypatch, run, "read_source_rows")


def _interposing(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> Callable[[Callable[[], None]], None]:
    function = getattr(module, name)

    def interpose(action: Callable[[], None]) -> None:
        def wrapped(*arguments: Any) -> Any:
            monkeypatch.setattr(module, name, function)
            action()
            return function(*arguments)

        monkeypatch.setattr(module, name, wrapped)

    return interpose


@pytest.fixture
def dataset(session: Session, keyspace: str, tmp_path: Path) -> Path:
    session.execute(f"CREATE TABLE {keyspace}.source (k int PRIMARY KEY, v int)")
    session.execute(f"CREATE TABLE {keyspace}.copy (k int PRIMARY KEY, v int)")
    session.execute(f"INSERT INTO {keyspace}.source (k, v) VALUES (1, 1)")
    _export(session, keyspace, tmp_path / "ds")
    return tmp_path / "ds"


def _export(session: Session, keyspace: str, path: Path) -> None:
    copy_to(session, CopyToOptions(table=f"{keyspace}.source", path=str(path), partition_by="v"))


@pytest.mark.parametrize("moment", ["after_listing", "after_plan"])
def test_dataset_that_is_exported_again_meanwhile_is_read_by_the_retry(
    session: Session, keyspace: str, dataset: Path, moment: str, request: pytest.FixtureRequest
) -> None:
    def export_again() -> None:
        session.execute(f"INSERT INTO {keyspace}.source (k, v) VALUES (2, 1)")
        _export(session, keyspace, dataset)

    request.getfixturevalue(moment)(export_again)
    with pytest.raises(SourceChangedError, match="was there a moment ago and is gone") as raised:
        import_files(session, keyspace, "copy", str(dataset))
    assert raised.value.is_retryable
    import_files(session, keyspace, "copy", str(dataset))
    assert rows_of(session, keyspace, "copy") == [(1, 1), (2, 1)]


def test_file_of_a_listed_directory_that_goes_is_retryable_and_a_named_one_is_not(
    session: Session, keyspace: str, tmp_path: Path, after_listing: Any
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (k int PRIMARY KEY)")
    path = write_parquet(tmp_path / "in" / "a.parquet", k=[1])
    after_listing(Path(path).unlink)
    with pytest.raises(SourceChangedError, match="is gone"):
        import_files(session, keyspace, "t", str(tmp_path / "in"))
    with pytest.raises(SourceFileError, match="no such file"):
        import_files(session, keyspace, "t", path)


def test_local_file_that_is_replaced_by_a_like_one(
    session: Session, keyspace: str, tmp_path: Path, after_plan: Any
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (k int PRIMARY KEY, v int)")
    path = write_parquet(tmp_path / "a.parquet", k=[1], v=[1])

    def replace() -> None:
        Path(write_parquet(tmp_path / "b.parquet", k=[1], v=[2])).replace(path)

    after_plan(replace)
    with pytest.raises(SourceChangedError, match=rf"{path}: the file was replaced"):
        import_files(session, keyspace, "t", path)
    assert rows_of(session, keyspace, "t") == []
    import_files(session, keyspace, "t", path)
    assert rows_of(session, keyspace, "t") == [(1, 2)]


def test_object_that_is_replaced_by_a_like_one(
    session: Session, keyspace: str, s3_server: S3Server, after_plan: Any
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (k int PRIMARY KEY, v int)")
    filesystem = fsspec.filesystem("s3", **s3_server.fsspec_options())
    uri = f"s3://{s3_server.bucket}/in/a.parquet"

    def put(value: int) -> None:
        content = io.BytesIO()
        pq.write_table(pa.table({"k": [1], "v": [value]}), content)
        filesystem.pipe_file(uri, content.getvalue())

    put(1)
    after_plan(lambda: put(2))
    values = CopyFromOptions(table=f"{keyspace}.t", path=uri)
    with pytest.raises(SourceChangedError, match=r"a\.parquet: the file was replaced"):
        copy_from(session, values, filesystem=filesystem)
    assert rows_of(session, keyspace, "t") == []
    copy_from(session, values, filesystem=filesystem)
    assert rows_of(session, keyspace, "t") == [(1, 2)]
