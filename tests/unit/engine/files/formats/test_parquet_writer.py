"""Parquet options: each shows in the written file, and what Parquet refuses is an error before the first row."""

from __future__ import annotations

import datetime
import decimal
import io
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.errors import CopyCancelledError, OptionError, StorageError, ValueDoesNotFitError
from airflow_provider_cqlai.engine.files.formats import parquet_writer
from airflow_provider_cqlai.engine.files.formats.parquet_columns import leaf_arrays, leaf_columns, leaf_paths
from airflow_provider_cqlai.engine.files.formats.parquet_writer import ParquetFile, ParquetSettings
from airflow_provider_cqlai.engine.files.write.dataset_writer import DatasetWriter
from airflow_provider_cqlai.engine.options.copy_to import DatasetOptions
from tests.pyarrow_versions import NEEDS_BLOOM_FILTERS, NEEDS_UUIDS, PYARROW
from tests.unit.engine.files.local_staged_files import LocalFolder, LocalStagedFile

# What the oldest pyarrow cannot write is not among the rows of every test.
UUID = pa.uuid() if PYARROW >= 21 else pa.binary(16)
NULL_VECTOR = None if PYARROW >= 26 else [0, 0, 0]
NESTED_SCHEMA = pa.schema(
    [
        pa.field("id", UUID, metadata={b"cql_type": b"uuid"}),
        pa.field("tags", pa.list_(pa.field("item", pa.string())), metadata={b"cql_type": b"list<text>"}),
        pa.field("scores", pa.map_(pa.string(), pa.int32()), metadata={b"cql_type": b"map<text, int>"}),
        pa.field("place", pa.struct([("lat", pa.float64()), ("names", pa.list_(pa.string()))])),
        pa.field("vector", pa.list_(pa.float32(), 3)),
        pa.field("is_open", pa.bool_()),
    ]
)
NESTED_ROWS = pa.table(
    [
        pa.array([uuid.UUID(int=number).bytes for number in range(4)], pa.binary(16)).cast(UUID),
        pa.array([["a", "b"], None, [], ["c", None]], NESTED_SCHEMA.field("tags").type),
        pa.array([[("a", 1)], None, [], [("b", None), ("c", 2)]], NESTED_SCHEMA.field("scores").type),
        pa.array([{"lat": 1.5, "names": ["x"]}, None, {"lat": None, "names": None}, {"lat": 0.0, "names": []}],
                 NESTED_SCHEMA.field("place").type),
        pa.array([[1, 2, 3], NULL_VECTOR, [4, 5, 6], [7, 8, 9]], NESTED_SCHEMA.field("vector").type),
        pa.array([True, None, False, True]),
    ],
    schema=NESTED_SCHEMA,
)  # fmt: skip


def write_file(
    folder: Path,
    table: pa.Table,
    options: DatasetOptions | None = None,
    footer_metadata: Mapping[str, str] | None = None,
) -> Path:
    settings = ParquetSettings(table.schema, options or DatasetOptions(), footer_metadata or {})
    file = ParquetFile(LocalFolder(folder).create_file(""), settings, table)
    file.write(table)
    written = file.close()
    assert written.rows == table.num_rows
    path = folder / "part-00000.parquet"
    assert written.bytes == path.stat().st_size
    return path


def column_chunks(path: Path) -> dict[str, pq.ColumnChunkMetaData]:
    row_group = pq.read_metadata(path).row_group(0)
    return {row_group.column(n).path_in_schema: row_group.column(n) for n in range(row_group.num_columns)}


def test_leaf_paths_are_those_of_the_parquet_file(tmp_path: Path) -> None:
    paths = [path for field in NESTED_SCHEMA for path in leaf_paths(field)]
    assert paths == list(column_chunks(write_file(tmp_path, NESTED_ROWS)))
    assert [
        path for column in NESTED_SCHEMA for path, _ in leaf_arrays(column.name, NESTED_ROWS[column.name].chunk(0))
    ] == paths


def test_each_leaf_belongs_to_its_column_whatever_dots_the_name_has(tmp_path: Path) -> None:
    path = tmp_path / "file.parquet"
    pq.write_table(pa.table({"a": [{"b": 1, "c": [2]}], "a.b": [3], "m": [{"x": 1}]}), path)
    with pq.ParquetFile(path) as parquet_file:
        assert leaf_columns(parquet_file) == ["a", "a", "a.b", "m"]


def test_leaf_arrays_of_a_slice_hold_its_own_values_only() -> None:
    arrays = {
        path: array.to_pylist()
        for field in NESTED_SCHEMA
        for path, array in leaf_arrays(field.name, NESTED_ROWS[field.name].chunk(0).slice(3))
    }
    assert arrays["tags.list.element"] == ["c", None]
    assert arrays["scores.key_value.key"] == ["b", "c"]
    assert arrays["place.lat"] == [0.0]
    assert arrays["vector.list.element"] == [7, 8, 9]


def test_arrow_schema_and_cql_types_survive(tmp_path: Path) -> None:
    table = pq.read_table(write_file(tmp_path, NESTED_ROWS))
    assert table.equals(NESTED_ROWS)
    assert table.schema.field("scores").metadata[b"cql_type"] == b"map<text, int>"
    assert table.schema.field("id").type == UUID


VECTORS = {
    "column": (pa.list_(pa.float32(), 2), [[1.0, 2.0], None]),
    "in a struct": (pa.struct([("v", pa.list_(pa.float32(), 2))]), [{"v": [1.0, 2.0]}, {"v": None}]),
    "of a null struct": (pa.struct([("v", pa.list_(pa.float32(), 2))]), [{"v": [1.0, 2.0]}, None]),
    "in a list": (pa.list_(pa.list_(pa.float32(), 2)), [[[1.0, 2.0]], [[1.0, 2.0], None]]),
    "in a map": (pa.map_(pa.string(), pa.list_(pa.float32(), 2)), [[], [("a", None)]]),
    "in a vector": (pa.list_(pa.list_(pa.float32(), 1), 2), [[[1.0], [2.0]], [[1.0], None]]),
}


@pytest.mark.parametrize("place", VECTORS)
def test_null_vector_is_an_error_naming_column_and_version_where_pyarrow_cannot_write_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr(parquet_writer, "WRITES_NULL_VECTORS", False)
    arrow_type, values = VECTORS[place]
    table = pa.table({"id": [1, 2], "embedding": pa.array(values, arrow_type)})
    settings = ParquetSettings(table.schema, DatasetOptions(), {})
    file = ParquetFile(LocalFolder(tmp_path).create_file(""), settings, table)
    try:
        file.write(table.slice(0, 1))
        with pytest.raises(ValueDoesNotFitError, match=r"embedding: a vector that is null.*pyarrow>=26") as caught:
            file.write(table)
    finally:
        file.discard()
    assert caught.value.details["column"] == "embedding"


def test_uuid_override_is_an_error_where_pyarrow_writes_bytes_without_a_meaning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_writer, "WRITES_UUIDS", False)
    uuids = pa.table({"id": pa.array([b"0123456789abcdef"], pa.binary(16)).cast(pa.uuid())})
    with pytest.raises(OptionError, match=r"types: id: .*pyarrow>=21"):
        write_file(tmp_path, uuids)


@NEEDS_UUIDS
def test_uuid_override_has_the_parquet_logical_type(tmp_path: Path) -> None:
    schema = pq.read_metadata(write_file(tmp_path, NESTED_ROWS)).schema
    assert schema.column(0).logical_type.type == "UUID"
    assert schema.column(0).length == 16


EXTREMES = {
    "ms": pa.array([-(2**63), 2**63 - 1, None], pa.timestamp("ms", "UTC")),
    "us": pa.array([-(2**63), 2**63 - 1, None], pa.timestamp("us", "UTC")),
    "ns": pa.array([-(2**63), 2**63 - 1, None], pa.timestamp("ns", "UTC")),
    "date": pa.array([-(2**31), 2**31 - 1, None], pa.date32()),
    "time_ms": pa.array([0, 86_399_999, None], pa.time32("ms")),
    "time_ns": pa.array([0, 86_399_999_999_999, None], pa.time64("ns")),
    "decimal": pa.array([decimal.Decimal(10**38 - 1), decimal.Decimal(1 - 10**38), None], pa.decimal128(38, 0)),
    "wide": pa.array([decimal.Decimal(10**76 - 1), decimal.Decimal(1 - 10**76), None], pa.decimal256(76, 0)),
    "double": pa.array([float("-inf"), -0.0, None], pa.float64()),
    "text": pa.array(["", "\x00 ü 🚀", None]),
    "blob": pa.array([b"", b"\xff\x00", None]),
}


def test_extreme_values_are_not_coerced(tmp_path: Path) -> None:
    table = pa.table(EXTREMES)
    read = pq.read_table(write_file(tmp_path, table))
    assert read.schema.equals(table.schema)
    assert read.equals(table)
    assert str(read["double"][1].as_py()) == "-0.0"


def test_seconds_which_parquet_lacks_become_the_same_moments_in_milliseconds(tmp_path: Path) -> None:
    seconds = [-9_223_372_036_854_775, 9_223_372_036_854_775, None]
    table = pa.table({"at": pa.array(seconds, pa.timestamp("s", "UTC"))})
    read = pq.read_table(write_file(tmp_path, table))["at"]
    assert read.equals(table["at"].cast(pa.timestamp("ms", "UTC")))


@pytest.mark.parametrize(
    ("options", "chunk_codec"),
    [
        ({}, "SNAPPY"),
        ({"compression": "snappy"}, "SNAPPY"),
        ({"compression": "GZIP", "compression_level": 9}, "GZIP"),
        ({"compression": "zstd", "compression_level": 19}, "ZSTD"),
        ({"compression": "lz4"}, "LZ4"),
        ({"compression": "lz4", "compression_level": 12}, "LZ4"),
        ({"compression": "none"}, "UNCOMPRESSED"),
    ],
    ids=str,
)
def test_compression_is_the_one_asked_for(tmp_path: Path, options: dict[str, Any], chunk_codec: str) -> None:
    table = pa.table({"text": ["some text"] * 1000})
    path = write_file(tmp_path, table, DatasetOptions(**options))
    assert column_chunks(path)["text"].compression == chunk_codec
    duck_codec = {"LZ4": "LZ4_RAW"}.get(chunk_codec, chunk_codec)
    assert duckdb.sql(f"select distinct compression from parquet_metadata('{path}')").fetchall() == [(duck_codec,)]
    assert duckdb.sql(f"select count(*), min(text) from '{path}'").fetchall() == [(1000, "some text")]


def test_compression_level_makes_a_difference(tmp_path: Path) -> None:
    table = pa.table({"text": [f"{number * 7919 % 10007} and more" for number in range(20_000)]})
    sizes = []
    for level in (1, 19):
        folder = tmp_path / str(level)
        folder.mkdir()
        options = DatasetOptions(compression="zstd", compression_level=level, dictionary=False)
        sizes.append(write_file(folder, table, options).stat().st_size)
    assert sizes[1] < sizes[0]


@pytest.mark.parametrize(
    ("statistics", "with_statistics"),
    [
        (True, ["a", "tags.list.element", "b"]),
        (False, []),
        ((), []),
        (["b"], ["b"]),
        ("a,b", ["a", "b"]),
        (["tags"], ["tags.list.element"]),
    ],
    # Of lists: every process that runs tests must tell the same names, and sets have another order in each.
    ids=str,
)
def test_statistics_are_written_for_the_columns_asked_for(
    tmp_path: Path, statistics: bool | str | Sequence[str], with_statistics: list[str]
) -> None:
    table = pa.table({"a": [1, 2, None], "tags": [["x"], ["y"], None], "b": ["p", "q", "r"]})
    chunks = column_chunks(write_file(tmp_path, table, DatasetOptions(statistics=statistics)))
    assert [path for path, chunk in chunks.items() if chunk.is_stats_set] == with_statistics
    if statistics is True:
        statistics_of_a = chunks["a"].statistics
        assert (statistics_of_a.min, statistics_of_a.max, statistics_of_a.null_count) == (1, 2, 1)


@pytest.mark.parametrize("page_index", [True, False])
def test_page_index_is_written_when_asked_for(tmp_path: Path, page_index: bool) -> None:
    chunks = column_chunks(write_file(tmp_path, NESTED_ROWS, DatasetOptions(page_index=page_index)))
    assert {chunk.has_column_index for chunk in chunks.values()} == {page_index}
    assert {chunk.has_offset_index for chunk in chunks.values()} == {page_index}


def has_dictionary(path: Path) -> dict[str, bool]:
    return {name: chunk.has_dictionary_page for name, chunk in column_chunks(path).items()}


@pytest.mark.parametrize(
    ("dictionary", "expected"),
    [
        (True, {"few": True, "distinct": False, "tags.list.element": True}),
        (False, {"few": False, "distinct": False, "tags.list.element": False}),
        (["distinct"], {"few": False, "distinct": True, "tags.list.element": False}),
        (["tags"], {"few": False, "distinct": False, "tags.list.element": True}),
    ],
    ids=str,
)
def test_dictionaries_are_for_what_repeats_or_for_the_columns_asked_for(
    tmp_path: Path, dictionary: bool | list[str], expected: dict[str, bool]
) -> None:
    rows = range(1000)
    table = pa.table({"few": [n % 7 for n in rows], "distinct": [str(n) for n in rows], "tags": [["x"]] * 1000})
    assert has_dictionary(write_file(tmp_path, table, DatasetOptions(dictionary=dictionary))) == expected


@pytest.mark.parametrize("data_type", [field.type for field in pa.table(EXTREMES).schema], ids=str)
def test_every_type_is_sampled_for_its_dictionary(tmp_path: Path, data_type: pa.DataType) -> None:
    table = pa.table({"a": pa.nulls(1000, data_type)})
    assert pq.read_table(write_file(tmp_path, table)).equals(table)


@NEEDS_BLOOM_FILTERS
def test_bloom_filter_holds_every_value_and_few_others(tmp_path: Path) -> None:
    table = pa.table({"id": [f"id-{number}" for number in range(5000)], "n": range(5000), "tags": [["x", "y"]] * 5000})
    options = DatasetOptions(bloom_filters={"id": 0.01, "tags": 0.1})
    path = write_file(tmp_path, table, options)
    filters = duckdb.sql(
        f"select path_in_schema, bloom_filter_offset is not null from parquet_metadata('{path}')"
    ).fetchall()
    assert dict(filters) == {"id": True, "n": False, "tags, list, element": True}

    def excluded(value: str) -> bool:
        rows = duckdb.sql(
            f"select bloom_filter_excludes from parquet_bloom_probe('{path}', 'id', '{value}')"
        ).fetchall()
        return bool(rows[0][0])

    assert not any(excluded(f"id-{number}") for number in range(0, 5000, 250))
    assert sum(excluded(f"other-{number}") for number in range(100)) > 90


def test_metadata_of_the_user_and_of_the_export_are_in_the_footer(tmp_path: Path) -> None:
    options = DatasetOptions(metadata={"team": "données"})
    path = write_file(tmp_path, NESTED_ROWS, options, {"cqlai:window_start": "2024-01-01"})
    key_values = pq.read_metadata(path).metadata
    assert key_values[b"team"] == "données".encode()
    assert key_values[b"cqlai:window_start"] == b"2024-01-01"
    assert duckdb.sql(f"select decode(value) from parquet_kv_metadata('{path}') where key = 'team'").fetchall() == [
        ("données",)
    ]


@pytest.mark.parametrize("key", ["cqlai:window_start", "cqlai.owner", "ARROW:schema"])
def test_metadata_of_the_export_cannot_be_replaced(key: str) -> None:
    options = DatasetOptions(metadata={key: "mine"})
    with pytest.raises(OptionError, match=key) as raised:
        ParquetSettings(NESTED_SCHEMA, options, {"cqlai:window_start": "2024-01-01"})
    assert raised.value.option == "metadata"


@pytest.mark.parametrize("option", ["statistics", "dictionary", "bloom_filters"])
def test_unknown_column_is_an_error_that_lists_the_known_ones(option: str) -> None:
    options = DatasetOptions(**{option: ["nope"]})  # type: ignore[arg-type]
    with pytest.raises(OptionError, match=r"'nope'; known columns: id, tags, scores") as raised:
        ParquetSettings(NESTED_SCHEMA, options, {})
    assert raised.value.option == option


def test_one_leaf_of_a_nested_column_can_be_named(tmp_path: Path) -> None:
    path = write_file(tmp_path, NESTED_ROWS, DatasetOptions(statistics=["scores.key_value.key"]))
    assert {path for path, chunk in column_chunks(path).items() if chunk.is_stats_set} == {"scores.key_value.key"}


@NEEDS_BLOOM_FILTERS
def test_bloom_filter_that_parquet_refuses_is_an_error_before_the_first_row(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    with pytest.raises(OptionError, match="boolean"):
        DatasetWriter(NESTED_SCHEMA, DatasetOptions(bloom_filters=["is_open"]), folder.create_file)
    assert folder.created == []


def test_type_that_parquet_cannot_hold_is_an_error_before_the_first_row() -> None:
    with pytest.raises(OptionError, match="struct"):
        ParquetSettings(pa.schema([("a", pa.int32()), ("empty", pa.struct([]))]), DatasetOptions(), {})


def test_pages_carry_checksums(tmp_path: Path) -> None:
    table = pa.table({"text": ["some text of a row"] * 1000})
    path = write_file(tmp_path, table, DatasetOptions(compression="none", dictionary=False))
    content = bytearray(path.read_bytes())
    content[content.index(b"some text of a row", 2000)] ^= 1
    path.write_bytes(content)
    with pytest.raises(OSError, match="CRC"):
        pq.read_table(path, page_checksum_verification=True)


class _FailingStream:
    """A disk that fills up."""

    def __init__(self, stream: Any, bytes_left: int, error: Exception) -> None:
        self._stream = stream
        self._bytes_left = bytes_left
        self._error = error
        self.path = "/data/part-00000.parquet"

    def write(self, data: Any) -> int:
        self._bytes_left -= len(data)
        if self._bytes_left < 0:
            raise self._error
        return int(self._stream.write(data))

    def close(self) -> None:
        self._stream.close()

    @property
    def closed(self) -> bool:
        return bool(self._stream.closed)


@pytest.mark.parametrize("bytes_left", [0, 3, 5000])
def test_full_disk_is_a_storage_error_that_names_the_file_and_leaves_none(tmp_path: Path, bytes_left: int) -> None:
    folder = LocalFolder(tmp_path)
    error = OSError(28, "No space left on device")
    folder.wrap_stream = lambda stream: _FailingStream(stream, bytes_left, error)  # type: ignore[assignment,return-value]
    record_batch = pa.record_batch({"a": pa.array(range(10_000), pa.int64())})
    with pytest.raises(StorageError, match=r"/data/part-00000.parquet.*No space left"):
        folder.write(record_batch, options=DatasetOptions())
    assert folder.paths == []
    assert folder.open_count == 0


def test_error_of_the_engine_inside_a_stream_comes_out_as_it_is(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    error = CopyCancelledError("stopped")
    folder.wrap_stream = lambda stream: _FailingStream(stream, 100, error)  # type: ignore[assignment,return-value]
    with pytest.raises(CopyCancelledError, match="stopped"):
        folder.write(pa.record_batch({"a": pa.array(range(10_000))}), options=DatasetOptions())
    assert folder.paths == []


class _ForgetfulStream(_FailingStream):
    """Takes fewer bytes than it is given, and says so."""

    def write(self, data: Any) -> int:
        return int(self._stream.write(bytes(data)[:-1])) if len(data) > 100 else int(self._stream.write(data))


class _LyingStream(_FailingStream):
    """Loses bytes silently."""

    def write(self, data: Any) -> int:
        self._stream.write(bytes(data)[:-1])
        return len(data)


@pytest.mark.parametrize("stream_type", [_ForgetfulStream, _LyingStream])
def test_bytes_lost_by_a_stream_are_noticed(tmp_path: Path, stream_type: type[_FailingStream]) -> None:
    folder = LocalFolder(tmp_path)
    folder.wrap_stream = lambda stream: stream_type(stream, 0, OSError())  # type: ignore[assignment,return-value]
    with pytest.raises(StorageError, match="bytes"):
        folder.write(pa.record_batch({"a": pa.array(range(10_000))}), options=DatasetOptions())
    assert folder.paths == []


class _ScramblingStream(_FailingStream):
    """Keeps the number of bytes, but not the bytes of the footer."""

    def write(self, data: Any) -> int:
        content = bytes(data)
        return int(self._stream.write(bytes(len(content)) if content.endswith(b"PAR1") else content))


def test_footer_that_cannot_be_read_back_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    folder.wrap_stream = lambda stream: _ScramblingStream(stream, 0, OSError())  # type: ignore[assignment,return-value]
    with pytest.raises(StorageError, match=r"/data/part-00000.parquet: the footer .* cannot be read back: Arrow"):
        folder.write(pa.record_batch({"a": pa.array(range(10))}), options=DatasetOptions())
    assert folder.paths == []


def test_rows_that_the_finished_file_lacks_are_noticed(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    two_rows = pa.record_batch({"a": pa.array([1, 2])})
    other = write_file(tmp_path, pa.table({"a": pa.array([1], pa.int64())}), DatasetOptions())
    content = other.read_bytes()
    other.unlink()

    class ReplacedFile(LocalStagedFile):
        def open_finished(self) -> BinaryIO:
            return io.BytesIO(content)

    def create_file(hive_partition: str) -> LocalStagedFile:
        return ReplacedFile(folder, hive_partition, tmp_path / "part-00000.parquet")

    with DatasetWriter(two_rows.schema, DatasetOptions(), create_file) as writer:
        writer.write(two_rows)
        with pytest.raises(StorageError, match=r"part-00000.parquet: 2 rows were written, but the file has 1 rows"):
            writer.finish()


class _CountingStream(_FailingStream):
    byte_count = 0

    def write(self, data: Any) -> int:
        self.byte_count += len(data)
        return int(self._stream.write(data))


def test_discarded_file_gets_no_footer(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    folder.wrap_stream = lambda stream: _CountingStream(stream, 0, OSError())  # type: ignore[assignment,return-value]
    options = DatasetOptions(row_group_size=10)
    with DatasetWriter(pa.schema([("a", pa.int64())]), options, folder.create_file) as writer:
        writer.write(pa.record_batch({"a": pa.array(range(10))}))
        stream = folder.created[0].stream
        assert isinstance(stream, _CountingStream)
        byte_count = stream.byte_count
    assert 0 < byte_count == stream.byte_count


def test_cancellation_ends_writing_with_nothing_left(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    cancellation = Cancellation()
    record_batch = pa.record_batch({"k": range(10), "v": [datetime.date(2024, 1, 1)] * 10})
    options = DatasetOptions(partition_by="k")
    with DatasetWriter(record_batch.schema, options, folder.create_file, cancellation=cancellation) as writer:
        writer.write(record_batch)
        cancellation.cancel()
        with pytest.raises(CopyCancelledError):
            writer.finish()
    assert folder.paths == []
