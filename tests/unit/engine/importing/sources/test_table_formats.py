"""Directories of Delta, Iceberg and Hudi tables: never read as the Parquet files that are in them."""

from __future__ import annotations

from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.files.storage.storage_access import StorageAccess
from airflow_provider_cqlai.engine.importing.sources.sources import find_source_files

LOGS = {
    "Delta": "_delta_log/00000000000000000000.json",
    "Hudi": ".hoodie/hoodie.properties",
    "Iceberg": "metadata/v1.metadata.json",
    "Iceberg by a catalog": "metadata/00001-0d2cd1f0.metadata.json",
}


@pytest.fixture(params=LOGS)
def table(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """A table's directory, and what it is."""
    root = tmp_path / "lake" / "orders"
    for name in ("data/day=1/a.parquet", "b.parquet"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"id": [1]}), root / name)
    log = root / LOGS[request.param]
    log.parent.mkdir()
    log.write_text("{}")
    return root, request.param.split()[0]


INTO = ["", "/", "/data", "/data/day=1", "/b.parquet", "/data/day=1/a.parquet", "/**/*.parquet"]


@pytest.mark.parametrize("below", INTO)
def test_a_table_is_refused_wherever_the_path_leads(table: tuple[Path, str], below: str) -> None:
    root, kind = table
    with pytest.raises(OptionError, match=f"leads to a {kind} table") as caught:
        find_source_files([f"{root}{below}"], None, StorageAccess())
    log = next(name for name in ("_delta_log", ".hoodie", "metadata") if (root / name).exists())
    assert str(root / log) in str(caught.value)


@pytest.mark.parametrize("path", ["", "/*", "/or*/*.parquet"])
def test_a_table_below_the_path_is_found(table: tuple[Path, str], path: str) -> None:
    root, kind = table
    with pytest.raises(OptionError, match=f"leads to a {kind} table"):
        find_source_files([f"{root.parent}{path}"], None, StorageAccess())


def test_a_directory_called_metadata_alone_is_none(tmp_path: Path) -> None:
    (tmp_path / "metadata").mkdir()
    (tmp_path / "metadata" / "readme.json").write_text("{}")
    pq.write_table(pa.table({"id": [1]}), tmp_path / "a.parquet")
    assert len(find_source_files([str(tmp_path)], None, StorageAccess())) == 1


def test_in_an_object_store_as_well() -> None:
    store = fsspec.filesystem("memory", skip_instance_cache=True)
    with store.open("/bucket/t/part=1/a.parquet", "wb") as stream:
        pq.write_table(pa.table({"id": [1]}), stream)
    store.pipe("/bucket/t/_delta_log/00000000000000000000.json", b"{}")
    try:
        for path in ("memory://bucket/t", "memory://bucket/t/part=1", "memory://bucket/t/part=1/a.parquet"):
            with pytest.raises(OptionError, match="Delta"):
                find_source_files([path], None, StorageAccess(store))
    finally:
        store.rm("/bucket", recursive=True)


@pytest.mark.parametrize("link", ["directory", "file", "partition"])
def test_a_table_behind_a_link_is_found(table: tuple[Path, str], tmp_path: Path, link: str) -> None:
    root, kind = table
    place = tmp_path / "in" / "day=1"
    place.parent.mkdir()
    if link == "directory":
        place.symlink_to(root)
    elif link == "partition":
        place.symlink_to(root / "data" / "day=1")
    else:
        place.mkdir()
        (place / "a.parquet").symlink_to(root / "b.parquet")
    for path in (place.parent, place):
        with pytest.raises(OptionError, match=f"leads to a {kind} table"):
            find_source_files([str(path)], None, StorageAccess())
