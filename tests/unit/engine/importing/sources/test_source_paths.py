"""Which files an import's path leads to, of datasets with leftovers in them above all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_cqlai.engine.errors import AccessDeniedError, OptionError, PublishError
from airflow_provider_cqlai.engine.files.publish.attempt import Attempt
from airflow_provider_cqlai.engine.files.publish.dataset_publication import DatasetPublication
from airflow_provider_cqlai.engine.files.storage.local_storage import LocalStorage
from airflow_provider_cqlai.engine.files.storage.object_storage import ObjectStorage
from airflow_provider_cqlai.engine.files.storage.storage_access import StorageAccess
from airflow_provider_cqlai.engine.importing.sources.sources import find_source_files
from tests.memory_file_system import make_memory_file_system
from tests.unit.engine.files.publish.publications import InterruptionError, publish, window_of

DAYS = {"day=1": "x", "day=2": "x"}


def _found(root: Path, *paths: str, **arguments: Any) -> list[str]:
    """Names below ``root`` of the files that ``paths`` below it lead to."""
    given = [str(root / path) for path in paths]
    window = arguments.pop("window", None)
    arguments = {"windows": None if window is None else (window,), "access": StorageAccess(), **arguments}
    return [str(file).removeprefix(f"{root}/") for file in find_source_files(given, **arguments)]


@contextmanager
def _killed_before_its_commit() -> Iterator[None]:
    """The publication inside places its files, and is gone when it should commit."""

    def kill(*_: Any) -> None:
        raise InterruptionError

    with pytest.MonkeyPatch.context() as patch, suppress(InterruptionError):
        patch.setattr(Attempt, "commit", kill)
        # A killed process does not leave its context manager.
        patch.setattr(DatasetPublication, "_leave", lambda self: None)
        yield


@contextmanager
def _killed_after_its_commit(storage: type[LocalStorage | ObjectStorage] = LocalStorage) -> Iterator[None]:
    """The publication inside leaves the generation that it replaced where it is."""
    delete = storage.delete

    def delete_all_but_data(self: Any, paths: Any) -> None:
        delete(self, [path for path in paths if not path.endswith(".parquet")])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storage, "delete", delete_all_but_data)
        yield


@pytest.fixture
def replaced(tmp_path: Path) -> Path:
    """A dataset with files of its old and of its current generation, below a directory of its own."""
    publish(tmp_path / "lake" / "ds", DAYS)
    with _killed_after_its_commit():
        publish(tmp_path / "lake" / "ds", DAYS)
    assert len(list(tmp_path.rglob("*.parquet"))) == 4
    return tmp_path / "lake"


@pytest.mark.parametrize("path", ["", "day=1", "day=*/*.parquet", "*", "day=1/part-00000.parquet"])
def test_dataset_whose_first_export_was_killed_is_refused(tmp_path: Path, path: str) -> None:
    with _killed_before_its_commit():
        publish(tmp_path / "ds", DAYS)
    assert len(list(tmp_path.rglob("day=*/*.parquet"))) == 2
    with pytest.raises(PublishError, match=r"/ds: nothing was published there"):
        _found(tmp_path / "ds", path)


def test_files_of_an_unpublished_dataset_among_others_are_left_out_aloud(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    publish(tmp_path / "a", {"day=1": "x"})
    with _killed_before_its_commit():
        publish(tmp_path / "b", {"day=1": "x"})
    assert _found(tmp_path, "") == ["a/day=1/part-00000.parquet"]
    assert "/b: nothing was published there" in caplog.text
    with pytest.raises(OptionError, match="no Parquet file"):
        _found(tmp_path, "b*")


def test_what_an_export_that_ended_by_itself_leaves_is_no_dataset(tmp_path: Path) -> None:
    (tmp_path / "_cqlai" / "whole").mkdir(parents=True)
    (tmp_path / "a.parquet").touch()
    assert _found(tmp_path, "") == ["a.parquet"]


@pytest.mark.parametrize(
    ("path", "days"),
    [
        ("ds", "12"),
        ("ds/day=1", "1"),
        ("ds/*/*.parquet", "12"),
        ("ds/day=2/*", "2"),
        ("", "12"),
        ("*/day=1/*.parquet", "1"),
        ("**", "12"),
        ("ds/day=1/part-00001.parquet", "1"),
    ],
)
def test_only_the_current_generation_is_read_by_any_path(replaced: Path, path: str, days: str) -> None:
    assert _found(replaced, path) == [f"ds/day={day}/part-00001.parquet" for day in days]


def test_each_file_is_read_once_by_several_paths(replaced: Path) -> None:
    assert len(_found(replaced, "ds/day=1", "", "ds", "ds/*/*.parquet")) == 2


def test_named_file_that_is_in_no_manifest_is_an_error(replaced: Path) -> None:
    with pytest.raises(OptionError, match=r"day=1/part-00000\.parquet.* in no manifest of the dataset .*/ds"):
        _found(replaced, "ds/day=1/part-00000.parquet")


def test_files_that_were_not_committed_are_not_read(tmp_path: Path) -> None:
    publish(tmp_path, {"day=1": "x"})
    with _killed_before_its_commit():
        publish(tmp_path, {"day=1": "x", "day=3": "x"})
    assert _found(tmp_path, "day=1") == ["day=1/part-00000.parquet"]
    assert _found(tmp_path, "day=[1-3]/*") == ["day=1/part-00000.parquet"]
    with pytest.raises(OptionError, match="no Parquet file"):
        _found(tmp_path, "day=3")


def test_dataset_is_known_behind_links(replaced: Path, tmp_path: Path) -> None:
    (tmp_path / "root").symlink_to(replaced / "ds")
    (tmp_path / "day").symlink_to(replaced / "ds" / "day=1")
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    for number in (0, 1):
        (foreign / f"{number}.parquet").symlink_to(replaced / "ds" / "day=1" / f"part-{number:05d}.parquet")
    assert _found(tmp_path, "root") == [f"root/day={day}/part-00001.parquet" for day in "12"]
    assert _found(tmp_path, "day") == ["lake/ds/day=1/part-00001.parquet"]
    assert _found(tmp_path, "foreign") == ["foreign/1.parquet"]
    with pytest.raises(OptionError, match="in no manifest"):
        _found(tmp_path, "foreign/0.parquet")


def test_directory_whose_name_is_a_hive_one_can_be_a_dataset(tmp_path: Path) -> None:
    publish(tmp_path / "run=1", DAYS)
    with _killed_after_its_commit():
        publish(tmp_path / "run=1", DAYS)
    expected = ["run=1/day=1/part-00001.parquet"]
    assert _found(tmp_path, "run=1/day=1") == _found(tmp_path, "run=*/day=1/*") == expected
    [file] = find_source_files([f"{tmp_path}/run=1/day=1"], None, StorageAccess())
    assert (file.hive_values, file.values_above) == ((("day", "1"),), (("run", "1"),))
    [file] = find_source_files([f"{tmp_path}/run=1/day=1"], None, StorageAccess(), partition_base_path=str(tmp_path))
    assert file.hive_values == (("run", "1"), ("day", "1"))


def test_several_windows_select_what_any_of_them_overlaps(tmp_path: Path) -> None:
    for day in range(1, 6):
        publish(tmp_path / "ds", {"day=x": "x"}, window=window_of(day))
    found = _found(tmp_path, "ds", windows=(window_of(1), window_of(4)))
    assert [name[len("ds/day=x/part-") :][:8] for name in found] == ["20240101", "20240104"]
    # Each window is to be covered, and what lies between them is not.
    with pytest.raises(OptionError, match="no complete export covers 2024-01-06"):
        _found(tmp_path, "ds", windows=(window_of(1), window_of(5, days=2)))


def test_window_selects_by_any_path(tmp_path: Path) -> None:
    for day in (1, 2):
        publish(tmp_path / "ds", {"shop=a": "x", f"shop={day}": "x"}, window=window_of(day))
    name = "part-20240101T000000Z-20240102T000000Z-00000.parquet"
    for path in ("ds/shop=a", "ds/shop=a/*", "", "*/shop=a/*.parquet", f"ds/shop=a/{name}"):
        assert f"ds/shop=a/{name}" in _found(tmp_path, path, window=window_of(1))
        assert not any("20240103" in file for file in _found(tmp_path, path, window=window_of(1)))
    assert _found(tmp_path, "ds/shop=2", window=window_of(1)) == []
    with pytest.raises(OptionError, match="of another window") as raised:
        _found(tmp_path, f"ds/shop=a/{name}", window=window_of(2))
    assert raised.value.option == "window"


@pytest.mark.parametrize("path", ["ds", "ds/shop=a", "ds/shop=*/*", ""])
def test_window_that_was_not_exported_is_an_error(tmp_path: Path, path: str, caplog: pytest.LogCaptureFixture) -> None:
    publish(tmp_path / "ds", {"shop=a": "x"}, window=window_of(1))
    with pytest.raises(OptionError, match=r"/ds: .* covers 2024-01-02T00:00:00\+00:00 to 2024-01-05") as raised:
        _found(tmp_path, path, window=window_of(1, days=4))
    assert raised.value.option == "on_uncovered_window"
    assert len(_found(tmp_path, path, window=window_of(1, days=4), on_uncovered_window="ignore")) == 1
    assert "covers 2024-01-02T00:00:00+00:00 to 2024-01-05" in caplog.text
    with pytest.raises(OptionError, match="covers 2024-01-08"):
        _found(tmp_path, path, window=window_of(8))
    assert _found(tmp_path, path, window=window_of(8), on_uncovered_window="ignore") == []


def test_window_without_rows_is_no_window_that_was_not_exported(tmp_path: Path) -> None:
    publish(tmp_path / "ds", {"shop=a": "x"}, window=window_of(1))
    publish(tmp_path / "ds", {}, window=window_of(2))
    assert _found(tmp_path, "ds", window=window_of(2)) == _found(tmp_path, "ds/shop=a", window=window_of(2)) == []
    assert len(_found(tmp_path, "ds", window=window_of(1, days=2))) == 1


def test_export_of_the_whole_table_covers_every_window(tmp_path: Path) -> None:
    publish(tmp_path, {"day=1": "x"})
    assert len(_found(tmp_path, "", window=window_of(20))) == 1


def test_window_is_refused_for_files_without_manifests_beside_a_dataset(tmp_path: Path) -> None:
    publish(tmp_path / "ds", {"day=1": "x"}, window=window_of(1))
    (tmp_path / "foreign.parquet").touch()
    for path in ("", "foreign.parquet"):
        with pytest.raises(OptionError, match="no manifests"):
            _found(tmp_path, path, window=window_of(1))


@pytest.mark.parametrize("path", ["lake/ds", "lake/ds/day=1", "lake/ds/*/*.parquet", "lake", "lake/d*"])
def test_object_stores_are_read_by_manifests_as_well(path: str) -> None:
    memory = make_memory_file_system()
    publish("memory://lake/ds", DAYS, filesystem=memory)
    with _killed_after_its_commit(ObjectStorage):
        publish("memory://lake/ds", DAYS, filesystem=memory)
    assert len(memory.glob("/lake/ds/day=*/*.parquet")) == 4
    files = find_source_files([f"memory://{path}"], None, StorageAccess(memory))
    assert {file.path.rpartition("/")[2] for file in files} == {"part-00001.parquet"}


def test_role_that_may_not_look_above_its_path_reads_the_files(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    memory = make_memory_file_system()
    memory.pipe_file("/lake/table/a.parquet", b"")
    exists = ObjectStorage.exists

    def refuse_above(self: ObjectStorage, path: str) -> bool:
        if not path.startswith("/lake/table/"):
            raise AccessDeniedError(f"{path}: no permission to look up")
        return exists(self, path)

    monkeypatch.setattr(ObjectStorage, "exists", refuse_above)
    assert len(find_source_files(["memory://lake/table"], None, StorageAccess(memory))) == 1
    assert "/lake/_cqlai: no permission to look up; whether" in caplog.text


def test_each_directory_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = make_memory_file_system()
    for number in range(5):
        memory.pipe_file(f"/lake/table/day=1/{number}.parquet", b"")
    asked: list[str] = []
    exists = ObjectStorage.exists
    monkeypatch.setattr(ObjectStorage, "exists", lambda self, path: (asked.append(path), exists(self, path))[1])
    paths = [f"memory://lake/table/day=1/{number}.parquet" for number in range(5)]
    assert len(find_source_files([*paths, "memory://lake/table"], None, StorageAccess(memory))) == 5
    assert sorted(asked) == ["/lake/_cqlai", "/lake/table/_cqlai", "/lake/table/day=1/_cqlai"]


@pytest.mark.parametrize("uri", ["{}", "memory:///lake"])
def test_what_is_there_by_its_very_name_goes_before_a_glob(tmp_path: Path, uri: str) -> None:
    memory = make_memory_file_system() if "{" not in uri else None
    root = uri.format(tmp_path)
    for name in (
        "x[1].parquet",
        "x1.parquet",
        "d[1]/a.parquet",
        "d1/b.parquet",
        "d[1]/k=1/c.parquet",
        "e1/k=1/d.parquet",
    ):
        if memory is not None:
            memory.pipe_file(f"/lake/{name}", b"")
        else:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()

    def found(path: str) -> list[str]:
        return [
            str(file).removeprefix(f"{root}/")
            for file in find_source_files([f"{root}/{path}"], None, StorageAccess(memory))
        ]

    assert found("x[1].parquet") == ["x[1].parquet"]
    assert found("d[1]/*.parquet") == ["d[1]/a.parquet"]
    assert found("d[1]") == ["d[1]/a.parquet", "d[1]/k=1/c.parquet"]
    assert found("e[1]/k=?") == ["e1/k=1/d.parquet"]


def _touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_directories_that_are_links_are_read(tmp_path: Path) -> None:
    _touch(tmp_path, "s/a/1.parquet", "other/2.parquet", "other/deep/3.parquet")
    (tmp_path / "s" / "b").symlink_to(tmp_path / "other")
    assert _found(tmp_path, "s") == ["s/a/1.parquet", "s/b/2.parquet", "s/b/deep/3.parquet"]
    assert _found(tmp_path, "s/*/*.parquet") == ["s/a/1.parquet", "s/b/2.parquet"]


def test_links_that_lead_in_a_circle_come_to_an_end(tmp_path: Path) -> None:
    _touch(tmp_path, "a/1.parquet", "b/2.parquet")
    (tmp_path / "a" / "self").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "b").symlink_to(tmp_path / "b")
    (tmp_path / "b" / "a").symlink_to(tmp_path / "a")
    assert [name[-9:] for name in _found(tmp_path, "")] == ["1.parquet", "2.parquet"]


def test_file_is_read_once_however_many_names_it_has(tmp_path: Path) -> None:
    _touch(tmp_path, "a.parquet")
    (tmp_path / "latest.parquet").symlink_to(tmp_path / "a.parquet")
    assert _found(tmp_path, "") == ["a.parquet"]
    assert _found(tmp_path, "latest.parquet", "a.parquet") == ["latest.parquet"]


def test_name_that_tells_the_keys_of_a_file_is_kept(tmp_path: Path) -> None:
    _touch(tmp_path, "year=2024/a.parquet")
    (tmp_path / "latest").symlink_to(tmp_path / "year=2024")
    assert _found(tmp_path, "") == ["year=2024/a.parquet"]
    assert _found(tmp_path, "", partition_filter=[("year", "=", 2024)]) == ["year=2024/a.parquet"]
    (tmp_path / "year=2025").symlink_to(tmp_path / "year=2024")
    assert _found(tmp_path, "") == ["year=2024/a.parquet", "year=2025/a.parquet"]


def test_listing_of_what_is_deleted_never_leads_behind_a_link(tmp_path: Path) -> None:
    _touch(tmp_path, "own/1.parquet", "other/2.parquet")
    (tmp_path / "own" / "link").symlink_to(tmp_path / "other")
    assert LocalStorage().list_files(str(tmp_path / "own")) == ["1.parquet"]


def test_files_that_are_left_out_by_their_names_are_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _touch(tmp_path, "a.parquet", "A.PQ", "b.parq", "k=1/000000_0", "c.parquet.gz", "_SUCCESS", ".a.parquet.crc")
    assert _found(tmp_path, "") == ["A.PQ", "a.parquet"]
    assert "3 files: b.parq, c.parquet.gz, k=1/000000_0" in caplog.text
    _touch(tmp_path, *(f"d/{number:02d}" for number in range(15)))
    with pytest.raises(OptionError, match=r"no Parquet: .* names 15 files: .*08, 09 and 5 more"):
        _found(tmp_path, "d/*")
    with pytest.raises(OptionError, match="no Parquet file"):
        _found(tmp_path, "d/*", on_unnamed_files="ignore")
    assert "15 files: " in caplog.text
    assert "08, 09 and 5 more" in caplog.text


def test_nothing_is_said_of_files_that_were_not_asked_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _touch(tmp_path, "a.parquet", "b.parq")
    publish(tmp_path / "ds", {"day=1": "x"})
    assert len(_found(tmp_path, "**/*.parquet")) == 2
    assert len(_found(tmp_path, "ds")) == 1
    assert caplog.text == ""


def test_names_with_an_equals_sign_are_hidden_as_others_are_but_for_keys_of_directories(tmp_path: Path) -> None:
    _touch(tmp_path, "_year=2024/a.parquet", "k=1/b=2.parquet", ".tmp=1.parquet", "_tmp=1.parquet", ".x=1/a.parquet")
    _touch(tmp_path, "k=1/.x=1/y=2/a.parquet", "k=1/_tmp=2.parquet", "_year=2024/_temporary/a.parquet")
    assert _found(tmp_path, "") == ["_year=2024/a.parquet", "k=1/b=2.parquet"]
    assert _found(tmp_path, "**/*.parquet") == ["_year=2024/a.parquet", "k=1/b=2.parquet"]


def test_a_shard_that_is_missing_is_an_error_without_a_window_too(tmp_path: Path) -> None:
    publish(tmp_path / "ds", {"day=1": "half"}, window=window_of(1), shard_index=1, shard_count=2)
    with pytest.raises(OptionError, match=r"a part of an export is missing; .* lacks shard 0 of 2") as raised:
        _found(tmp_path, "ds")
    assert raised.value.option == "on_uncovered_window"
    assert len(_found(tmp_path, "ds", on_uncovered_window="ignore")) == 1
    publish(tmp_path / "ds", {"day=1": "other"}, window=window_of(1), shard_index=0, shard_count=2)
    assert len(_found(tmp_path, "ds")) == 2
