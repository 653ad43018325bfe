"""Where rejected rows may go: never over a file that is not theirs, and never where the next import reads them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_cqlai.engine.errors import OptionError, SourceFileError
from airflow_provider_cqlai.engine.files.storage.storage_access import StorageAccess
from airflow_provider_cqlai.engine.importing.outcome.rejected_path import locate_rejected_file
from airflow_provider_cqlai.engine.importing.outcome.rejected_rows import RejectedRows
from airflow_provider_cqlai.engine.importing.sources.sources import find_source_files
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions

REJECTED_COLUMNS = ("rejected_file", "rejected_row_group", "rejected_row", "rejected_reason")


def write(path: Path, *names: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({name: [1] for name in names}), path)
    return path


def open_rejected(path: Any, rejected_path: Any, filesystem: Any = None) -> RejectedRows:
    """What an import without a row to reject makes of ``rejected_path``."""
    options = CopyFromOptions(table="t", path=str(path), rejected_path=str(rejected_path))
    plan: Any = SimpleNamespace(options=options, files=(), wanted_rows=0)
    return RejectedRows(plan, StorageAccess(filesystem))


@pytest.mark.parametrize("name", ["other.parquet", "other.txt", "empty.parquet"])
def test_file_of_something_else_is_left_alone(tmp_path: Path, name: str) -> None:
    source = write(tmp_path / "in" / "a.parquet", "k")
    other = tmp_path / name
    if name == "other.parquet":
        write(other, "k", *REJECTED_COLUMNS[1:])
    else:
        other.write_bytes(b"" if name.startswith("empty") else b"data")
    content = other.read_bytes()
    with pytest.raises(OptionError, match=r"rejected_path.*not a file of rejected rows") as raised:
        open_rejected(source, other)
    assert raised.value.details["option"] == "rejected_path"
    assert other.read_bytes() == content


def test_file_of_rejected_rows_is_removed_where_there_are_none(tmp_path: Path) -> None:
    source = write(tmp_path / "in" / "a.parquet", "k")
    rejected = write(tmp_path / "rejected.parquet", "k", *REJECTED_COLUMNS)
    rows = open_rejected(source, rejected)
    rows.claim()
    assert rows.publish() is None
    assert not rejected.exists()


def test_source_behind_a_link_is_one_of_the_files(tmp_path: Path) -> None:
    # With the columns of rejected rows: a corrected file is imported.
    source = write(tmp_path / "real" / "x.parquet", "k", *REJECTED_COLUMNS)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "x.parquet").symlink_to(source)
    for path, rejected_path in (
        (tmp_path / "link" / "x.parquet", source),
        (source, tmp_path / "link" / "x.parquet"),
        (source, tmp_path / "x.parquet"),
    ):
        options = CopyFromOptions(table="t", path=str(path), rejected_path=str(rejected_path))
        [file] = find_source_files(options.path, None, StorageAccess())
        with pytest.raises(OptionError, match="is one of the files"):
            locate_rejected_file(str(rejected_path), options.path, [file], StorageAccess())


@pytest.mark.parametrize(
    ("path", "rejected_path", "is_read"),
    [
        ("in", "in/rejected.parquet", True),
        ("in", "in/y=2/rejected.PARQUET", True),
        ("in", "in/new/rejected.parquet", True),
        ("link", "in/rejected.parquet", True),
        ("in", "link/rejected.parquet", True),
        ("in/*/*.parquet", "in/y=2/rejected.parquet", True),
        ("in/**/*.parquet", "in/rejected.parquet", True),
        ("in/*", "in/new/rejected.parquet", True),
        ("in", "in/_r=1/rejected.parquet", True),
        ("in/*/*.parquet", "in/rejected.parquet", False),
        ("in/y=*/*.parquet", "in/new/rejected.parquet", False),
        ("in/y=1/a.parquet", "in/y=1/rejected.parquet", False),
        ("in", "in/_rejected.parquet", False),
        ("in", "in/_rejected/rows.parquet", False),
        ("in", "in/.rejected.parquet", False),
        ("in", "in/rows.rejected", True),
        ("in", "in/r=1.rejected", True),
        ("in", "in/_r=1.parquet", False),
        ("in", "in/.r=1/rejected.parquet", False),
        ("in", "in-rejected.parquet", False),
        ("in", "rejected.parquet", False),
    ],
)
def test_rejected_rows_do_not_go_where_they_would_be_read(
    tmp_path: Path, path: str, rejected_path: str, is_read: bool
) -> None:
    write(tmp_path / "in" / "y=1" / "a.parquet", "k")
    (tmp_path / "link").symlink_to(tmp_path / "in")
    target = tmp_path / rejected_path
    if is_read:
        with pytest.raises(OptionError, match=r"rejected_path.* next import would read it"):
            open_rejected(tmp_path / path, target)
    else:
        open_rejected(tmp_path / path, target)
    assert [file.name for file in tmp_path.rglob("*.parquet")] == ["a.parquet"]


def test_file_that_a_filter_leaves_out_is_no_place_either(tmp_path: Path) -> None:
    write(tmp_path / "in" / "y=1" / "x.parquet", "k")
    left_out = write(tmp_path / "in" / "y=2" / "x.parquet", "k")
    with pytest.raises(OptionError, match="rejected_path"):
        open_rejected(tmp_path / "in", left_out)
    assert left_out.exists()


def test_object_stores_are_held_to_the_same() -> None:
    filesystem = fsspec.filesystem("memory", skip_instance_cache=True)
    filesystem.pipe_file("/b/in/a.parquet", b"data")
    filesystem.pipe_file("/b/other.parquet", b"data")
    with pytest.raises(OptionError, match="next import would read it"):
        open_rejected("memory://b/in", "memory://b/in/rejected.parquet", filesystem)
    with pytest.raises(OptionError, match="not a file of rejected rows"):
        open_rejected("memory://b/in", "memory://b/other.parquet", filesystem)
    open_rejected("memory://b/in", "memory://b/rejected.parquet", filesystem)


@pytest.mark.parametrize(
    ("rejected_path", "words"),
    [
        ("/b/rejected.parquet", "is not in the storage of"),
        ("file:///b/rejected.parquet", "is not in the storage of"),
        ("s3://b/rejected.parquet", "is not in the storage of"),
        ("memory://conn@b/rejected.parquet", "names a connection"),
    ],
)
def test_one_file_system_opens_both(rejected_path: str, words: str) -> None:
    filesystem = fsspec.filesystem("memory", skip_instance_cache=True)
    filesystem.pipe_file("/b/in/a.parquet", b"data")
    for path in ("memory://b/in", "memory://other@b/in"):
        with pytest.raises(OptionError, match=rf"rejected_path=.*{words}"):
            open_rejected(path, rejected_path, filesystem)


@pytest.mark.parametrize(
    ("rejected_path", "paths"),
    [
        ("gs://b/rejected.parquet", ["/b/in"]),
        ("gs://b/rejected.parquet", ["memory://b/in", "/b/in"]),
        ("b/rejected.parquet", ["memory://b/in", "/b/in"]),
    ],
)
def test_a_store_that_the_file_system_does_not_know_is_refused(rejected_path: str, paths: list[str]) -> None:
    filesystem = fsspec.filesystem("memory", skip_instance_cache=True)
    with pytest.raises(OptionError, match="is not in the storage of"):
        locate_rejected_file(rejected_path, paths, [], StorageAccess(filesystem))


def test_a_file_system_goes_by_several_names(tmp_path: Path) -> None:
    filesystem = fsspec.filesystem("memory", skip_instance_cache=True)
    filesystem.pipe_file("/b/in/a.parquet", b"data")
    open_rejected("/b/in", "/b/rejected.parquet", filesystem)
    filesystem.protocol = ("memory", "ram")
    open_rejected("memory://b/in", "ram://b/rejected.parquet", filesystem)
    open_rejected("memory://conn@b/in", "memory://conn@b/rejected.parquet", filesystem)
    write(tmp_path / "in" / "a.parquet", "k")
    open_rejected(f"file://{tmp_path}/in", tmp_path / "rejected.parquet", fsspec.filesystem("file"))


def test_part_of_an_earlier_try_that_is_damaged_is_named(tmp_path: Path) -> None:
    source = write(tmp_path / "in" / "a.parquet", "k")
    rejected = tmp_path / "rejected.parquet"
    part = tmp_path / ".rejected.parquet.parts" / "earlier" / "00000.parquet"
    part.parent.mkdir(parents=True)
    reasons = pa.table({"rejected_reason": ["a value that does not fit"]})
    # Statistics would have the text a second time.
    options = {"compression": "none", "use_dictionary": False, "write_statistics": False}
    pq.write_table(reasons, part, write_page_checksum=True, **options)
    part.write_bytes(part.read_bytes().replace(b"does not fit", b"does not f1t"))
    with pytest.raises(SourceFileError, match=rf"^{part}: the file is damaged: .*CRC"):
        open_rejected(source, rejected).resume("earlier", {})
