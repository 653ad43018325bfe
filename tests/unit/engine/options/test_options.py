"""Every option that cannot be meant is refused when the options are made, with the known values in the message."""

import datetime
import pickle
from typing import Any

import pytest

from airflow_provider_cqlai.engine import errors
from airflow_provider_cqlai.engine.errors import CqlaiError, OptionError, ValueDoesNotFitError
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions, TimeWindow
from airflow_provider_cqlai.engine.options.values.checks import build_options

DAY = TimeWindow(
    start=datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc),
    end=datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone.utc),
)


def options(**values: Any) -> CopyToOptions:
    return build_options(CopyToOptions, {"table": "shop.events", "path": "/data/events", **values})


@pytest.mark.parametrize(
    ("text", "amount"), [(10_000, 10_000), ("50K", 50_000), ("100k", 100_000), ("1M", 1_000_000), ("1000", 1_000)]
)
def test_chunk_size_reads_numbers_and_the_specifications_shorthand(text: int | str, amount: int) -> None:
    assert options(chunk_size=text).chunk_size == amount


@pytest.mark.parametrize(("text", "amount"), [("500MB", 500_000_000), ("100MiB", 104_857_600), ("1GB", 10**9)])
def test_max_file_size_reads_sizes(text: str, amount: int) -> None:
    assert options(max_file_size=text).max_file_size == amount


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"compresion": "zstd"}, ["compresion", "did you mean 'compression'", "chunk_size"]),
        ({"compression": "lzo"}, ["lzo", "snappy, gzip, zstd, lz4, none"]),
        ({"compression": "snappy", "compression_level": 3}, ["snappy", "no level"]),
        ({"compression": "zstd", "compression_level": 23}, ["1 to 22"]),
        ({"chunk_size": "many"}, ["chunk_size", "'50K'"]),
        ({"chunk_size": 0}, ["at least 1"]),
        ({"chunk_size": True}, ["chunk_size"]),
        ({"concurrency": 0}, ["concurrency", "at least 1"]),
        ({"if_exists": "append"}, ["append", "replace, error"]),
        ({"on_empty": "ignore"}, ["write, skip, fail"]),
        ({"on_mixed_cell_times": "min"}, ["on_mixed_cell_times", "error, max"]),
        ({"include_writetime": 1}, ["include_writetime"]),
        ({"include_ttl": "maybe"}, ["include_ttl"]),
        ({"format": "avro"}, ["avro", "parquet"]),
        ({"path": "/data/events.csv"}, [".csv", ".parquet"]),
        ({"path": " "}, ["empty"]),
        ({"path": " /data/events"}, ["path", "space"]),
        ({"path": "/data/events.parquet\n"}, ["path", "line break"]),
        ({"path": "/"}, ["path", "root"]),
        ({"path": "//"}, ["path", "root"]),
        ({"path": "/x.parquet", "partition_by": "day"}, ["partition_by", "give a directory"]),
        ({"path": "/x.parquet", "max_file_size": "1MB"}, ["max_file_size", "give a directory"]),
        ({"path": "/x.parquet", "shard_count": 2}, ["one file"]),
        ({"shard_index": 2, "shard_count": 2}, ["shard_index"]),
        ({"partition_by": "year,year"}, ["more than once"]),
        ({"columns": []}, ["columns is empty"]),
        ({"columns": ["id", "id"]}, ["id", "more than once"]),
        ({"bucket_column": "day"}, ["bucket_format"]),
        ({"window": DAY}, ["time_column"]),
        ({"time_column": "at"}, ["window"]),
        ({"window_by": "writetime"}, ["window"]),
        ({"window_by": "ttl"}, ["time_column, writetime"]),
        ({"consistency_level": "MOST"}, ["MOST", "local_quorum"]),
        ({"bloom_filters": {"id": 2.0}}, ["bloom_filters", "between 0 and 1"]),
        ({"types": {"amount": 3}}, ["types"]),
        ({"types": None}, ["types=None", "mapping"]),
        ({"metadata": "team=x"}, ["metadata", "mapping"]),
        ({"concurrency": 1.5}, ["concurrency=1.5", "whole number"]),
        ({"max_open_files": 2.5}, ["max_open_files=2.5", "whole number"]),
        ({"shard_count": 2.5}, ["shard_count=2.5", "whole number"]),
        ({"rate_limit_rows_per_second": float("nan")}, ["rate_limit_rows_per_second=nan"]),
        ({"allow_filtering": "no"}, ["allow_filtering='no'", "True or False"]),
        ({"allow_future_end": "no"}, ["allow_future_end='no'", "True or False"]),
        ({"page_index": "no"}, ["page_index='no'", "True or False"]),
        ({"columns": 5}, ["columns=5", "names"]),
        ({"table": 5}, ["table=5", "text"]),
        ({"where": 5}, ["where=5", "text"]),
        ({"window": ("2024-01-01", "2024-01-02"), "time_column": "at"}, ["window=", "TimeWindow"]),
        ({"consistency_level": "ANY"}, ["'ANY'", "known values: local_quorum"]),
        ({"path": "/data/events\0"}, ["zero byte"]),
        ({"path": "/data/events.parquet.gz"}, [".gz", ".parquet"]),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_could(values: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(OptionError) as caught:
        options(**values)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("path", ["sftp://ada:hush-hush@host/data", "s3://AKIA1:hush-hush@bucket/key"])
def test_a_password_in_the_path_is_refused_and_not_repeated(path: str) -> None:
    with pytest.raises(OptionError, match="connection") as caught:
        options(path=path)
    assert "hush-hush" not in str(caught.value)
    assert "AKIA1" not in str(caught.value)


@pytest.mark.parametrize(
    "path", ["s3://conn_id@bucket/key", "abfs://box@account.dfs.core.windows.net/key", "sftp://host:22/a@b"]
)
def test_a_connection_or_port_in_the_path_is_no_password(path: str) -> None:
    assert options(path=path).path == path


def test_a_window_in_the_future_needs_to_be_allowed_by_name() -> None:
    tomorrow = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(days=1)
    window = TimeWindow(start=tomorrow - datetime.timedelta(days=2), end=tomorrow)
    with pytest.raises(OptionError, match="allow_future_end"):
        options(window=window, time_column="at")
    assert options(window=window, time_column="at", allow_future_end=True).window == window


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (DAY.start.replace(tzinfo=None), DAY.end.replace(tzinfo=None)),
        (DAY.end, DAY.start),
        (DAY.start, DAY.start),
        (DAY.start, DAY.start + datetime.timedelta(microseconds=1)),
    ],
)
def test_a_window_is_aware_not_empty_and_of_whole_milliseconds(
    start: datetime.datetime, end: datetime.datetime
) -> None:
    with pytest.raises(OptionError):
        TimeWindow(start=start, end=end)


@pytest.mark.parametrize(
    ("path", "is_single_file"),
    [
        ("/data/events.parquet", True),
        ("/data/events.PARQUET", True),
        ("/data/events.parquet/", False),
        ("/data/events", False),
        ("/data/events/", False),
        ("/data/v1.2", False),
        ("/data/{window_start:%d.%m}", False),
        ("/data/e-{window_start:%Y-%m-%d}.parquet", True),
        ("s3://bucket/events.parquet", True),
    ],
)
def test_a_path_is_one_file_by_its_extension(path: str, is_single_file: bool) -> None:
    assert options(path=path).is_single_file is is_single_file


def all_errors(error_type: type[CqlaiError] = CqlaiError) -> list[type[CqlaiError]]:
    found = [error_type]
    for child in error_type.__subclasses__():
        found += all_errors(child)
    return found


@pytest.mark.parametrize("error_type", all_errors())
def test_every_error_survives_pickling_with_its_details(error_type: type[CqlaiError]) -> None:
    error = pickle.loads(pickle.dumps(error_type("what happened", column="amount")))
    assert type(error) is error_type
    assert (str(error), error.column) == ("what happened", "amount")


def test_every_error_is_either_retryable_or_terminal_and_drawn_in_the_tree() -> None:
    for error_type in all_errors()[1:]:
        assert issubclass(error_type, errors.TerminalError) != issubclass(error_type, errors.RetryableError)
        assert f" {error_type.__name__} " in (errors.__doc__ or "")


def test_an_unknown_detail_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError):
        _ = ValueDoesNotFitError("x").colunm
