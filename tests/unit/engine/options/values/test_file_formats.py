"""The format of a result: by its path's extension or by an option, never by both in different ways."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.capture import CaptureOptions
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions


@pytest.mark.parametrize(
    ("path", "options", "name", "compression", "extension"),
    [
        ("/d/a.parquet", {}, "parquet", "snappy", ".parquet"),
        ("/d/a", {}, "parquet", "snappy", ".parquet"),
        ("/d/a", {"compression": "ZSTD"}, "parquet", "zstd", ".parquet"),
        ("/d/a.json", {}, "json", "none", ".jsonl"),
        ("/d/a.JSON", {"format": "JSON"}, "json", "none", ".jsonl"),
        ("/d/a.jsonl.gz", {}, "json", "gzip", ".jsonl.gz"),
        ("/d/a.ndjson", {"format": "json", "compression": "none"}, "json", "none", ".jsonl"),
        ("/d/a.csv", {}, "csv", "none", ".csv"),
        ("/d/a.csv.zst", {"compression": "zstd"}, "csv", "zstd", ".csv.zst"),
        ("s3://b/a-{window_start:%Y.%m.%d}.csv.gz", {}, "csv", "gzip", ".csv.gz"),
        ("/d/a", {"format": "csv"}, "csv", "none", ".csv"),
        ("/d/a.json/", {"format": "csv", "compression": "gzip"}, "csv", "gzip", ".csv.gz"),
        ("/d/a.csv/", {}, "csv", "none", ".csv"),
        ("/d/a.csv/", {"compression": "gzip"}, "csv", "gzip", ".csv.gz"),
        ("/d/a.csv.gz/", {"compression": "none"}, "csv", "none", ".csv"),
        ("/d/a.jsonl.gz/", {}, "json", "gzip", ".jsonl.gz"),
        ("/d/a.parquet/", {"format": "json"}, "json", "none", ".jsonl"),
        ("/d/a.txt/", {}, "parquet", "snappy", ".parquet"),
        ("/d/v1.2", {"format": "json"}, "json", "none", ".jsonl"),
        ("/d/{window_start:%Y.json}", {}, "parquet", "snappy", ".parquet"),
    ],
)
def test_a_format_is_that_of_the_path_or_of_the_option(
    path: str, options: dict[str, Any], name: str, compression: str, extension: str
) -> None:
    chosen = CaptureOptions(path=path, **options)
    assert (chosen.format, chosen.compression, chosen.file_format.extension) == (name, compression, extension)


@pytest.mark.parametrize(
    ("path", "options", "words"),
    [
        ("/d/a.json", {"format": "csv"}, ["format='csv'", ".json"]),
        ("/d/a.parquet", {"format": "json"}, ["format='json'", ".parquet"]),
        ("/d/a.json", {"format": "xml"}, ["format='xml'", "parquet, json, csv"]),
        ("/d/a.json", {"compression": "gzip"}, ["compression='gzip'", "no compression", ".jsonl.gz"]),
        ("/d/a.csv.gz", {"compression": "none"}, ["compression='none'", "says gzip"]),
        ("/d/a.csv.gz", {"compression": "zstd"}, ["compression='zstd'", ".csv.zst"]),
        ("/d/a.json", {"compression": "snappy"}, ["compression='snappy'", "none, gzip, zstd"]),
        ("/d/a", {"format": "json", "compression": "lz4"}, ["compression='lz4'", "none, gzip, zstd"]),
        ("/d/a.json", {"compression": "bzip"}, ["compression='bzip'", "snappy, gzip"]),
        ("/d/a.parquet.gz", {}, [".gz", ".parquet", ".csv"]),
        ("/d/a.json.bz2", {}, [".bz2"]),
        ("/d/a.tsv", {"format": "csv"}, [".tsv"]),
        ("/d/a.gz", {}, [".gz"]),
        ("/d/a.json", {"compression_level": 3}, ["compression_level: none has no levels"]),
        ("/d/a.json.zst", {"compression_level": 3}, ["compression_level=3", "zstd", "text"]),
        ("/d/a.json.gz", {"compression_level": 10}, ["compression_level", "1 to 9"]),
        ("/d/a.json", {"bloom_filters": ["a"]}, ["bloom_filters", "json"]),
        ("/d/a.json", {"metadata": {"a": "b"}}, ["metadata"]),
        ("/d/a.csv", {"statistics": False}, ["statistics", "csv"]),
        ("/d/a.json", {"csv_null": ""}, ["csv_null", "json"]),
        ("/d/a.csv", {"query_field": None}, ["query_field", "csv"]),
        ("/d/a", {"blob_encoding": "hex"}, ["blob_encoding", "parquet"]),
        ("/d/a.json", {"blob_encoding": "octal"}, ["blob_encoding='octal'", "base64, hex"]),
        ("/d/a.json", {"non_finite": "nan"}, ["non_finite='nan'", "error, null, string"]),
        ("/d/a.csv", {"partition_by": "a"}, ["partition_by", "directory"]),
        ("/d/a.json", {"max_file_size": "1MB"}, ["max_file_size", "directory"]),
    ],
)
def test_options_that_contradict_each_other_are_refused(path: str, options: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(OptionError) as raised:
        CaptureOptions(path=path, **options)
    for word in words:
        assert word in str(raised.value)


@pytest.mark.parametrize(("path", "options"), [("/d/a.json", {}), ("/d/a.csv.gz", {}), ("/d/a", {"format": "csv"})])
def test_an_export_of_a_table_keeps_to_parquet(path: str, options: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=r"writes Parquet.*by a capture"):
        CopyToOptions(table="k.t", path=path, **options)


def test_queries_may_differ_where_files_can_tell() -> None:
    needs = {
        path: CaptureOptions(path=path, format=name).needs_same_columns
        for path, name in [
            ("/d/a.parquet", None),
            ("/d/a", None),
            ("/d/a.csv", None),
            ("/d/c/", "csv"),
            ("/d/a.json", None),
        ]
    }
    assert needs == {"/d/a.parquet": True, "/d/a": True, "/d/a.csv": True, "/d/c/": False, "/d/a.json": False}
