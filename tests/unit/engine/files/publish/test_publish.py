"""What a dataset looks like after a publication, and that one which does not end leaves no trace."""

# ruff: noqa: PT012  (a publication fails when its context is left, too, so the whole of it is inside)

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_cqlai import __version__
from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.errors import (
    CopyCancelledError,
    StorageError,
)
from airflow_provider_cqlai.engine.files.manifests.manifest import Source
from airflow_provider_cqlai.engine.files.storage import local_storage
from tests.unit.engine.files.publish.publications import (
    ARROW_SCHEMA,
    ONE,
    TWO,
    assert_nothing_left_over,
    open_attempt,
    publish,
    read_generation,
    tree,
    window_of,
    write,
)


def _manifest(root: Path, run_key: str = "whole") -> dict[str, Any]:
    (path,) = (root / "_cqlai" / run_key).glob("*.json")
    manifest: dict[str, Any] = json.loads(path.read_text())
    return manifest


def test_files_are_named_and_numbered_as_in_the_specification_and_never_twice(tmp_path: Path) -> None:
    root = tmp_path / "dataset"
    publish(root, {"a=1/b=01": "x", "a=1/b=02": "x"})
    assert [name for name in tree(root) if name.endswith(".parquet")] == [
        "a=1/b=01/part-00000.parquet",
        "a=1/b=02/part-00000.parquet",
    ]
    publish(root, {"a=1/b=02": "y"})
    assert [name for name in tree(root) if name.endswith(".parquet")] == ["a=1/b=02/part-00001.parquet"]
    publish(root, {"a=1/b=01": "z"})
    assert [name for name in tree(root) if name.endswith(".parquet")] == ["a=1/b=01/part-00002.parquet"]


def test_files_of_one_hive_partition_count_up(tmp_path: Path) -> None:
    with open_attempt(tmp_path) as publication:
        written = [file for _ in range(25) for file in write(publication, {"day=1": "x"})]
        publication.commit(written)
    assert sorted(os.listdir(tmp_path / "day=1")) == [f"part-{number:05d}.parquet" for number in range(25)]
    publish(tmp_path, ONE)
    assert os.listdir(tmp_path / "day=1") == ["part-00025.parquet"]


def test_window_and_shard_are_in_the_file_name(tmp_path: Path) -> None:
    publish(tmp_path, ONE, window=window_of(1), shard_index=2, shard_count=4)
    assert os.listdir(tmp_path / "day=1") == ["part-20240101T000000Z-20240102T000000Z-shard-2-of-4-00000.parquet"]


def test_manifest_says_what_is_there_and_where_it_comes_from(tmp_path: Path) -> None:
    result = publish(tmp_path, TWO, window=window_of(1), owner="dag.task.run")
    assert result.manifest is not None
    manifest = json.loads(Path(result.manifest).read_text())
    assert manifest["files"] == [
        {"path": "day=1/part-20240101T000000Z-20240102T000000Z-00000.parquet", "rows": 3, "bytes": 3,
         "hive_partition": "day=1"},
        {"path": "day=2/part-20240101T000000Z-20240102T000000Z-00000.parquet", "rows": 3, "bytes": 3,
         "hive_partition": "day=2"},
    ]  # fmt: skip
    assert (manifest["rows"], manifest["bytes"]) == (6, 6)
    assert manifest["window"] == {"start": "2024-01-01T00:00:00+00:00", "end": "2024-01-02T00:00:00+00:00"}
    assert manifest["source"]["table"] == "shop.orders"
    assert manifest["source"]["columns"] == "*"
    assert manifest["consistency_level"] == "LOCAL_QUORUM"
    assert manifest["owner"] == "dag.task.run"
    assert manifest["package_version"] == __version__
    assert "name: string" in manifest["arrow_schema"]["text"]


def test_result_counts_the_published_files(tmp_path: Path) -> None:
    result = publish(tmp_path, TWO)
    assert [(file.hive_partition, file.rows, file.bytes) for file in result.files] == [("day=1", 3, 3), ("day=2", 3, 3)]
    for file in result.files:
        assert (tmp_path / file.path).stat().st_size == file.bytes


def test_common_metadata_is_the_file_schema_and_follows_the_table(tmp_path: Path) -> None:
    publish(tmp_path, ONE)
    assert pq.read_schema(tmp_path / "_common_metadata").names == ["name"]
    publish(tmp_path, ONE, arrow_schema=ARROW_SCHEMA.append(pa.field("added", pa.int64())))
    assert pq.read_schema(tmp_path / "_common_metadata").names == ["name", "added"]


def test_empty_hive_result_is_a_manifest_and_common_metadata_and_no_parquet_file(tmp_path: Path) -> None:
    publish(tmp_path, ONE)
    result = publish(tmp_path, {})
    assert result.files == ()
    assert read_generation(tmp_path) == {}
    assert tree(tmp_path) == ["_common_metadata", "_cqlai/source.json", "_cqlai/whole/00000004.json"]
    assert _manifest(tmp_path)["rows"] == 0


def test_plain_directory_gets_no_common_metadata(tmp_path: Path) -> None:
    publish(tmp_path, {"": "x"}, is_hive=False, source=Source(table="shop.orders"))
    assert tree(tmp_path) == ["_cqlai/source.json", "_cqlai/whole/00000002.json", "part-00000.parquet"]


def test_re_export_of_a_window_touches_no_other_window(tmp_path: Path) -> None:
    publish(tmp_path, {"day=1": "one"}, window=window_of(1))
    publish(tmp_path, {"day=1": "two"}, window=window_of(2))
    publish(tmp_path, {"day=3": "moved"}, window=window_of(1))
    assert read_generation(tmp_path) == {"day=1": "two", "day=3": "moved"}
    assert_nothing_left_over(tmp_path)


def test_file_of_somebody_else_is_neither_overwritten_nor_removed(tmp_path: Path) -> None:
    (tmp_path / "day=1").mkdir()
    (tmp_path / "day=1" / "part-00000.parquet").write_text("somebody else's")
    publish(tmp_path, ONE)
    publish(tmp_path, {"day=2": "two"})
    assert (tmp_path / "day=1" / "part-00000.parquet").read_text() == "somebody else's"
    assert read_generation(tmp_path) == {"day=2": "two"}


def test_file_of_somebody_else_that_appears_meanwhile_is_an_error_and_stays(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="somebody else"), open_attempt(tmp_path) as publication:
        written = write(publication, TWO)
        (tmp_path / "day=2").mkdir()
        (tmp_path / "day=2" / "part-00000.parquet").write_text("somebody else's")
        publication.commit(written)
    assert [name for name in tree(tmp_path) if "_cqlai" not in name] == ["day=2/part-00000.parquet"]
    publish(tmp_path, TWO)
    assert (tmp_path / "day=2" / "part-00000.parquet").read_text() == "somebody else's"


def test_staged_files_match_no_glob_for_parquet(tmp_path: Path) -> None:
    with open_attempt(tmp_path) as publication:
        write(publication, TWO)
        assert len([name for name in tree(tmp_path) if name.endswith(".staging")]) == 2
        assert not list(tmp_path.glob("**/*.parquet"))


def test_attempt_that_fails_leaves_nothing_not_even_directories_it_made(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), open_attempt(tmp_path / "dataset") as publication:
        write(publication, TWO)
        raise ZeroDivisionError
    assert tree(tmp_path) == ["./"]


def test_attempt_that_fails_leaves_the_earlier_generation(tmp_path: Path) -> None:
    publish(tmp_path, ONE)
    before = tree(tmp_path)
    with pytest.raises(ZeroDivisionError), open_attempt(tmp_path) as publication:
        write(publication, TWO)
        raise ZeroDivisionError
    assert tree(tmp_path) == before


def test_file_left_out_of_the_commit_is_not_published(tmp_path: Path) -> None:
    with open_attempt(tmp_path) as publication:
        written = write(publication, TWO)
        publication.commit(written[:1])
    assert read_generation(tmp_path) == {"day=1": "two"}
    assert_nothing_left_over(tmp_path)


def test_cancellation_before_the_commit_publishes_nothing(tmp_path: Path) -> None:
    cancellation = Cancellation()
    publish(tmp_path, ONE)
    before = tree(tmp_path)
    with (
        pytest.raises(CopyCancelledError),
        open_attempt(tmp_path, cancellation=cancellation) as publication,
    ):
        written = write(publication, TWO)
        cancellation.cancel()
        publication.commit(written)
    assert tree(tmp_path) == before


def test_cancellation_while_files_get_their_names_publishes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancellation = Cancellation()
    publish(tmp_path, ONE)
    link = os.link

    def link_and_cancel(source: str, target: str) -> None:
        link(source, target)
        if target.endswith(".parquet"):
            cancellation.cancel()

    monkeypatch.setattr(local_storage.os, "link", link_and_cancel)
    with pytest.raises(CopyCancelledError):
        publish(tmp_path, TWO, cancellation=cancellation)
    assert read_generation(tmp_path) == ONE
    assert len(list(tmp_path.glob("**/*.parquet"))) == 1
    publish(tmp_path, TWO)
    assert_nothing_left_over(tmp_path)


def test_cancellation_after_the_commit_point_lets_the_publication_finish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancellation = Cancellation()
    publish(tmp_path, ONE)
    link = os.link

    def link_and_cancel(source: str, target: str) -> None:
        link(source, target)
        if target.endswith("00000004.json"):
            cancellation.cancel()

    monkeypatch.setattr(local_storage.os, "link", link_and_cancel)
    publish(tmp_path, TWO, cancellation=cancellation)
    assert cancellation.is_cancelled
    assert read_generation(tmp_path) == TWO
    assert_nothing_left_over(tmp_path)
