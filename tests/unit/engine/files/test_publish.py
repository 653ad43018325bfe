"""What a dataset looks like after publications of all kinds, and what they refuse."""

# ruff: noqa: PT012  (a publication fails when its context is left, too, so the whole of it is inside)

from __future__ import annotations

import errno
import json
import multiprocessing
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_cqlai import __version__
from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.errors import (
    AccessDeniedError,
    CopyCancelledError,
    OptionError,
    OutputExistsError,
    PublishError,
    SourceMismatchError,
    StorageError,
    SupersededError,
    WindowOverlapError,
)
from airflow_provider_cqlai.engine.files import local_storage
from airflow_provider_cqlai.engine.files.manifest import Source
from tests.unit.engine.files.publications import (
    ARROW_SCHEMA,
    SOURCE,
    InterruptionError,
    assert_nothing_left_over,
    open_attempt,
    publish,
    read_generation,
    tree,
    window_of,
    write,
)

ONE = {"day=1": "one"}
TWO = {"day=1": "two", "day=2": "two"}


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


# --- who may replace what


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"table": "shop.other"}, "table"),
        ({"columns": ("a", "b")}, "columns"),
        ({"where": "x = 1"}, "where"),
        ({"partition_by": ()}, "partition_by"),
        ({"types": {"id": "uuid"}}, "types"),
        ({"time": "writetime"}, "time"),
    ],
)
def test_another_source_is_refused_and_told_apart(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    publish(tmp_path, ONE, window=window_of(1))
    before = tree(tmp_path)
    with pytest.raises(SourceMismatchError, match=told):
        publish(tmp_path, ONE, window=window_of(2), source=replace(SOURCE, **change))
    assert tree(tmp_path) == before


def test_star_stays_star_when_the_table_gains_a_column(tmp_path: Path) -> None:
    publish(tmp_path, ONE)
    publish(tmp_path, TWO, arrow_schema=ARROW_SCHEMA.append(pa.field("added", pa.int64())))
    assert read_generation(tmp_path) == TWO


def test_if_exists_error_refuses_another_owner_but_not_the_same(tmp_path: Path) -> None:
    publish(tmp_path, ONE, if_exists="error", owner="first")
    publish(tmp_path, TWO, if_exists="error", owner="first")
    with pytest.raises(OutputExistsError, match="first"):
        publish(tmp_path, ONE, if_exists="error", owner="second")
    with pytest.raises(OutputExistsError):
        publish(tmp_path, ONE, if_exists="error")
    assert read_generation(tmp_path) == TWO
    publish(tmp_path, ONE, if_exists="replace", owner="second")
    assert read_generation(tmp_path) == ONE


def test_if_exists_error_refuses_a_nameless_caller_even_its_own(tmp_path: Path) -> None:
    publish(tmp_path, ONE, if_exists="error")
    with pytest.raises(OutputExistsError):
        publish(tmp_path, ONE, if_exists="error")


def test_log_is_never_replaced_and_its_owner_learns_what_it_published(tmp_path: Path) -> None:
    first = publish(tmp_path, ONE, window=window_of(1), is_log=True, owner="run")
    before = tree(tmp_path)
    with open_attempt(tmp_path, window=window_of(1), is_log=True, owner="run") as publication:
        assert publication.already_published == first
    with pytest.raises(OutputExistsError):
        publish(tmp_path, TWO, window=window_of(1), is_log=True, owner="another run")
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("there", "new"),
    [
        ({"window": window_of(1, days=2)}, {"window": window_of(2, days=2)}),
        ({"window": window_of(1, days=7)}, {"window": window_of(2)}),
        ({"window": window_of(2)}, {"window": window_of(1, days=7)}),
        ({}, {"window": window_of(1)}),
        ({"window": window_of(1)}, {}),
        ({"shard_index": 0, "shard_count": 2}, {"shard_index": 1, "shard_count": 4}),
        ({}, {"shard_index": 1, "shard_count": 4}),
        ({"shard_index": 1, "shard_count": 4}, {}),
        ({"window": window_of(2)}, {"window": window_of(1, days=7), "shard_index": 0, "shard_count": 2}),
    ],
)
def test_overlap_is_refused(tmp_path: Path, there: dict[str, Any], new: dict[str, Any]) -> None:
    publish(tmp_path, ONE, **there)
    before = tree(tmp_path)
    with pytest.raises(WindowOverlapError):
        publish(tmp_path, TWO, **new)
    assert tree(tmp_path) == before


def test_windows_that_touch_do_not_overlap(tmp_path: Path) -> None:
    publish(tmp_path, {"day=1": "x"}, window=window_of(1))
    publish(tmp_path, {"day=2": "x"}, window=window_of(2))
    assert read_generation(tmp_path) == {"day=1": "x", "day=2": "x"}


def test_shards_of_one_window_are_published_side_by_side(tmp_path: Path) -> None:
    for index in range(3):
        publish(tmp_path, {"day=1": str(index)}, window=window_of(1), shard_index=index, shard_count=3)
    assert read_generation(tmp_path) == {"day=1": "012"}
    publish(tmp_path, {"day=1": "B"}, window=window_of(1), shard_index=1, shard_count=3)
    assert sorted(read_generation(tmp_path)["day=1"]) == ["0", "2", "B"]
    assert_nothing_left_over(tmp_path)


@pytest.mark.parametrize("larger", [{"window": window_of(1, days=31)}, {}], ids=["month", "whole"])
def test_larger_window_replaces_smaller_ones_when_asked(tmp_path: Path, larger: dict[str, Any]) -> None:
    publish(tmp_path, {"day=1": "day"}, window=window_of(1))
    publish(tmp_path, {"day=2": "day"}, window=window_of(2), shard_index=0, shard_count=2)
    publish(tmp_path, {"day=1": "all"}, on_overlap="replace", **larger)
    assert read_generation(tmp_path) == {"day=1": "all"}
    assert_nothing_left_over(tmp_path)
    publish(tmp_path, {"day=4": "again"}, **larger)
    assert read_generation(tmp_path) == {"day=4": "again"}
    with pytest.raises(WindowOverlapError):
        publish(tmp_path, {"day=1": "day"}, window=window_of(1))
    assert_nothing_left_over(tmp_path)


def test_on_overlap_replace_does_not_replace_what_reaches_beyond(tmp_path: Path) -> None:
    publish(tmp_path, ONE, window=window_of(1, days=2))
    with pytest.raises(WindowOverlapError):
        publish(tmp_path, TWO, window=window_of(2, days=2), on_overlap="replace")


def test_log_windows_are_not_replaced_by_a_larger_one(tmp_path: Path) -> None:
    publish(tmp_path, ONE, window=window_of(1), is_log=True)
    with pytest.raises(WindowOverlapError, match="never replaces"):
        publish(tmp_path, TWO, window=window_of(1, days=7), is_log=True, on_overlap="replace")


# --- attempts


def test_the_attempt_that_starts_last_wins(tmp_path: Path) -> None:
    with pytest.raises(SupersededError), open_attempt(tmp_path) as earlier:
        written = write(earlier, ONE)
        with open_attempt(tmp_path) as later:
            later.commit(write(later, TWO))
        earlier.commit(written)
    assert read_generation(tmp_path) == TWO
    assert_nothing_left_over(tmp_path)


def test_superseded_attempt_learns_it_when_it_creates_a_file(tmp_path: Path) -> None:
    with pytest.raises(SupersededError), open_attempt(tmp_path) as earlier:
        write(earlier, ONE)
        publish(tmp_path, TWO)
        write(earlier, ONE)
    assert_nothing_left_over(tmp_path)


def test_superseded_attempt_cannot_commit_after_the_later_one_failed(tmp_path: Path) -> None:
    publish(tmp_path, ONE)
    with pytest.raises(SupersededError), open_attempt(tmp_path) as earlier:
        written = write(earlier, TWO)
        with pytest.raises(ZeroDivisionError), open_attempt(tmp_path):
            raise ZeroDivisionError
        earlier.commit(written)
    assert read_generation(tmp_path) == ONE


def _publish_and_report(path: str, text: str, barrier: Any, outcomes: Any) -> None:
    barrier.wait()
    try:
        publish(path, {"day=1": text, "day=2": text}, window=window_of(1))
    except SupersededError:
        outcomes.put((text, "superseded"))
    else:
        outcomes.put((text, "published"))


def _read_until_told(path: str, stop: Any, seen: Any) -> None:
    while not stop.is_set():
        contents = read_generation(path)
        seen.put(tuple(sorted(contents.items())))


def test_processes_at_the_same_window_publish_whole_generations_while_a_reader_looks(tmp_path: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.unit.engine.files.publications", "pyarrow.parquet"])
    publish(tmp_path, {"day=1": "0", "day=2": "0"}, window=window_of(1))
    stop, seen = context.Event(), context.Manager().Queue()
    reader = context.Process(target=_read_until_told, args=(str(tmp_path), stop, seen))
    reader.start()
    for attempt in range(20):
        barrier, outcomes = context.Barrier(2), context.SimpleQueue()
        texts = [f"{attempt}a", f"{attempt}b"]
        processes = [
            context.Process(target=_publish_and_report, args=(str(tmp_path), text, barrier, outcomes)) for text in texts
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
            assert process.exitcode == 0
        told = dict(outcomes.get() for _ in processes)
        # Both can succeed, one after the other; then the one that started last is there.
        winners = [text for text, outcome in told.items() if outcome == "published"]
        contents = read_generation(tmp_path)
        assert contents["day=1"] == contents["day=2"]
        assert contents["day=1"] in winners
        assert_nothing_left_over(tmp_path)
    stop.set()
    reader.join()
    assert reader.exitcode == 0
    generations = {seen.get() for _ in range(seen.qsize())}
    assert len(generations) > 3
    assert all(len(generation) == 2 and len({text for _, text in generation}) == 1 for generation in generations)


# --- storage that fails


def test_failure_while_the_old_generation_is_removed_is_told_and_made_good_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path, ONE)
    unlink = os.unlink

    def fail_once(path: str, **keywords: Any) -> None:
        if path.endswith("day=1/part-00000.parquet"):
            raise OSError(errno.EIO, "the disk fails")
        unlink(path, **keywords)

    with monkeypatch.context() as patch:
        patch.setattr(local_storage.os, "unlink", fail_once)
        with pytest.raises(StorageError, match="the disk fails"):
            publish(tmp_path, TWO)
    assert read_generation(tmp_path) == TWO
    publish(tmp_path, ONE)
    assert_nothing_left_over(tmp_path)


def test_failure_at_the_commit_itself_leaves_the_outcome_to_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The entry is there although its creation failed: then its files must be, too."""
    publish(tmp_path, ONE)
    link = os.link

    def link_and_fail(source: str, target: str) -> None:
        link(source, target)
        if target.endswith("00000004.json"):
            raise OSError(errno.EIO, "the disk fails")

    with monkeypatch.context() as patch:
        patch.setattr(local_storage.os, "link", link_and_fail)
        with pytest.raises(StorageError):
            publish(tmp_path, TWO)
    assert read_generation(tmp_path) == TWO
    publish(tmp_path, ONE)
    assert_nothing_left_over(tmp_path)


def test_full_disk_can_be_tried_again(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No space"), open_attempt(tmp_path / "dataset") as publication:
        file = publication.create_file("day=1")
        file.stream._stream = open("/dev/full", "wb", buffering=0)  # noqa: SIM115
        try:
            file.stream.write(b"x")
        finally:
            file.stream._stream.close()
    assert tree(tmp_path) == ["./"]


def test_root_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "events").write_text("")
    with pytest.raises(PublishError, match="not a directory"):
        publish(tmp_path / "events", ONE)


@pytest.mark.parametrize("in_the_way", ["_cqlai", "day=1"])
def test_error_names_the_file_that_is_in_the_way_of_a_directory(tmp_path: Path, in_the_way: str) -> None:
    tmp_path.joinpath(in_the_way).write_text("somebody else's")
    with pytest.raises(PublishError, match=f"cannot (create|list).*Not a directory.*/{in_the_way}"):
        publish(tmp_path, ONE)
    assert tmp_path.joinpath(in_the_way).read_text() == "somebody else's"
    tmp_path.joinpath(in_the_way).unlink()
    publish(tmp_path, ONE)
    assert_nothing_left_over(tmp_path)


def test_failed_clean_up_does_not_hide_why_an_attempt_could_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    tmp_path.joinpath("_cqlai", "whole").mkdir(parents=True)
    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(os, "rmdir", refuse)
    with pytest.raises(PublishError, match=r"cannot create.*Read-only"):
        publish(tmp_path, ONE)
    assert "could not be removed" in caplog.text


def test_missing_permission_is_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(local_storage.os, "makedirs", refuse)
    with pytest.raises(AccessDeniedError):
        publish(tmp_path / "dataset", ONE)


def test_file_system_without_hard_links_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EPERM, "no")

    monkeypatch.setattr(local_storage.os, "link", refuse)
    with pytest.raises(OptionError, match="hard links"):
        publish(tmp_path / "dataset", ONE)
    assert tree(tmp_path) == ["./"]


def test_manifest_that_names_a_file_outside_is_refused(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("")
    root = tmp_path / "dataset"
    publish(root, ONE)
    path = next((root / "_cqlai" / "whole").glob("*.json"))
    path.write_text(path.read_text().replace("day=1/part-00000.parquet", "../victim"))
    with pytest.raises(PublishError, match="outside"):
        publish(root, TWO)
    assert victim.exists()


def test_damaged_log_entry_is_named(tmp_path: Path) -> None:
    publish(tmp_path, ONE)
    path = next((tmp_path / "_cqlai" / "whole").glob("*.json"))
    path.write_text("{")
    with pytest.raises(PublishError, match=r"00000002\.json"):
        publish(tmp_path, TWO)


def test_path_takes_the_resolved_window(tmp_path: Path) -> None:
    template = f"{tmp_path}/{{window_start:%Y}}/{{window_start:%m-%d}}"
    publish(template, ONE, window=window_of(3))
    assert read_generation(tmp_path / "2024" / "01-03") == ONE


# --- a dataset's first publication, killed between its manifest and the file that names the source


def _kill_before_source_is_named(root: Path, **arguments: Any) -> None:
    link = os.link

    def kill(source: str, target: str) -> None:
        if target.endswith("source.json"):
            raise InterruptionError
        link(source, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local_storage.os, "link", kill)
        with pytest.raises(InterruptionError):
            publish(root, ONE, **arguments)
    with pytest.raises(PublishError, match="no manifests"):
        read_generation(root)


def test_retry_of_a_log_finishes_what_was_committed(tmp_path: Path) -> None:
    arguments = {"window": window_of(1), "is_log": True, "owner": "run"}
    _kill_before_source_is_named(tmp_path, **arguments)
    with open_attempt(tmp_path, **arguments) as publication:
        assert publication.already_published is not None
    assert read_generation(tmp_path) == ONE
    assert_nothing_left_over(tmp_path)


def test_another_source_takes_the_dataset_and_the_next_run_of_it_cleans_up(tmp_path: Path) -> None:
    _kill_before_source_is_named(tmp_path)
    other = Source(table="shop.customers", partition_by=("day",))
    publish(tmp_path, TWO, source=other)
    assert read_generation(tmp_path) == TWO
    assert_nothing_left_over(tmp_path)


def test_attempt_of_another_source_that_fails_does_not_harm_what_may_come_to_count(tmp_path: Path) -> None:
    _kill_before_source_is_named(tmp_path, window=window_of(1))
    with pytest.raises(ZeroDivisionError), open_attempt(tmp_path, window=window_of(1), source=Source(table="a.b")):
        raise ZeroDivisionError
    # Another window of the same source names it, and the first one's manifest counts from then on.
    publish(tmp_path, {"day=2": "two"}, window=window_of(2))
    assert read_generation(tmp_path) == ONE | {"day=2": "two"}
