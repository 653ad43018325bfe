"""Manifests and sources survive their JSON, and sources are compared as asked."""

from __future__ import annotations

import pyarrow as pa
import pytest

from airflow_provider_cqlai.engine.errors import PublishError, SourceMismatchError
from airflow_provider_cqlai.engine.files.manifests.manifest import Manifest, Source, decode_json, encode_json
from airflow_provider_cqlai.engine.files.manifests.run_key import RunKey
from airflow_provider_cqlai.engine.results import DataFile
from tests.unit.engine.files.publish.publications import window_of

SOURCE = Source(
    table='shop."Orders"',
    columns=("id", "ü"),
    where="x = 'a''b'",
    partition_by=("day",),
    types={"b": "string", "a": "uuid"},
    time="ts",
    queries=(),
)


def _manifest() -> Manifest:
    field = pa.field(
        "id", pa.list_(pa.struct([("x", pa.decimal128(38, 18))])), metadata={b"cql_type": b"list<frozen<x>>"}
    )
    return Manifest(
        run_key=RunKey(window_of(1), 1, 2),
        number=4,
        attempt="attempt-00000003-0123456789ab",
        source=SOURCE,
        files=(DataFile(path="day=1/part-00000.parquet", rows=3, bytes=7, hive_partition="day=1"),),
        next_part_number=1,
        arrow_schema=pa.schema([field], metadata={b"k": b"v"}),
        is_hive=True,
        is_log=False,
        owner="dag.task",
        consistency_level="ONE",
        replaces=(RunKey(window_of(1)),),
    )


def test_manifest_survives_its_json() -> None:
    manifest = _manifest()
    read = Manifest.from_json(decode_json(encode_json(manifest.to_json()), "here"), 4)
    assert read == manifest
    assert read.arrow_schema.equals(manifest.arrow_schema, check_metadata=True)


def test_source_survives_its_json() -> None:
    assert Source.from_json(SOURCE.to_json()) == SOURCE
    assert Source.from_json(Source(table="a.b").to_json()).columns is None


def test_source_from_before_there_were_companions_has_none() -> None:
    written = SOURCE.to_json()
    del written["include_writetime"], written["include_ttl"]
    assert Source.from_json(written) == SOURCE


def test_source_from_before_the_keyspace_was_written_down_is_any_keyspaces() -> None:
    before, now = Source(queries=("SELECT * FROM t",)), Source(queries=("SELECT * FROM t",), keyspace="a")
    assert now.is_same_as(before)
    assert before.is_same_as(now)
    assert now.differences_from(Source(queries=("SELECT * FROM t",), keyspace="b")) == [
        "keyspace is 'a' here and 'b' there"
    ]


@pytest.mark.parametrize("flag", ["include_writetime", "include_ttl"])
def test_companions_make_another_source(flag: str) -> None:
    with_companions = Source(**{**vars(SOURCE), flag: True})
    assert Source.from_json(with_companions.to_json()) == with_companions
    assert SOURCE.differences_from(with_companions) == [f"{flag} is False here and True there"]


def test_order_of_types_makes_no_difference_but_order_of_columns_does() -> None:
    assert SOURCE.is_same_as(Source(**{**vars(SOURCE), "types": {"a": "uuid", "b": "string"}}))
    assert not SOURCE.is_same_as(Source(**{**vars(SOURCE), "columns": ("ü", "id")}))


def test_lists_and_tuples_are_the_same_source() -> None:
    assert Source(columns=["a"], partition_by=["b"]).is_same_as(Source(columns=("a",), partition_by=("b",)))
    assert Source(partition_by=None).is_same_as(Source(partition_by=()))


def test_whole_table_has_no_time_to_differ_in_but_two_columns_do() -> None:
    assert Source(table="a.b").is_same_as(Source(table="a.b", time="created"))
    assert not Source(table="a.b", time="updated").is_same_as(Source(table="a.b", time="created"))


def test_mismatch_names_what_differs_on_both_sides() -> None:
    with pytest.raises(SourceMismatchError, match="where is 'x = 1' here and None there") as raised:
        Source(table="a.b", where="x = 1").check_same_as(Source(table="a.b"), "/data/orders")
    assert "/data/orders" in str(raised.value)
    assert "columns" not in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff"])
def test_damaged_file_is_named(content: bytes) -> None:
    with pytest.raises(PublishError, match=r"/data/x\.json"):
        decode_json(content, "/data/x.json")


def test_file_of_a_newer_version_is_not_guessed_at() -> None:
    with pytest.raises(PublishError, match="newer version"):
        decode_json(b'{"format_version": 2}', "/data/x.json")
