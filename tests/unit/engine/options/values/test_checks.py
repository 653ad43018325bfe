"""Paths as texts, of pathlib and of universal_pathlib; amounts; choices as the annotations have them."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from upath import UPath

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
from airflow_provider_cqlai.engine.options.values.checks import choices_of, read_amount, read_path


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("s3://bucket/key/", "s3://bucket/key/"),
        ("s3:/a file's name", "s3:/a file's name"),
        (Path("/data/x.parquet"), "/data/x.parquet"),
        (PurePosixPath("data") / "c:x", "data/c:x"),
        (UPath("memory://bucket/key"), "memory://bucket/key"),
        (UPath("memory://bucket") / "key", "memory://bucket/key"),
        (UPath("/data/x.parquet"), "/data/x.parquet"),
    ],
)
def test_a_path_is_read_as_its_text(path: Any, text: str) -> None:
    assert read_path("path", path) == text


@pytest.mark.parametrize("path", [5, None, b"/data", ["/data"], {"/data"}])
def test_what_is_no_path_is_refused(path: Any) -> None:
    with pytest.raises(OptionError, match=r"where=.*: expected a path, got"):
        read_path("where", path)


def test_a_uri_that_pathlib_cut_is_refused() -> None:
    with pytest.raises(OptionError, match="pathlib drops a slash of a URI"):
        read_path("path", Path("s3://bucket/key"))


def test_options_that_would_be_lost_with_the_text_are_refused_without_their_values() -> None:
    path = UPath("s3://bucket/key", key="ada", secret="hush-hush")
    with pytest.raises(OptionError, match=r"path='s3://bucket/key' has options of its own \(key, secret\)") as caught:
        read_path("path", path)
    assert "hush-hush" not in str(caught.value)


def test_options_hold_texts() -> None:
    path = Path("/data/x")
    assert CopyToOptions(table="k.t", path=path).path == "/data/x"
    options = CopyFromOptions(table="k.t", path=[path, "/data/y"], rejected_path=Path("/r.parquet"))
    assert (options.paths, options.rejected_path) == (("/data/x", "/data/y"), "/r.parquet")


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        (5, 5),
        ("1000", 1_000),
        ("100_000", 100_000),
        (" 50K ", 50_000),
        ("1.5M", 1_500_000),
        (".5k", 500),
        ("64 MiB", 2**26),
        ("9007199254740993b", 2**53 + 1),
        ("2EiB", 2**61),
    ],
)
def test_an_amount_is_a_number_with_a_unit_of_thousands_or_of_1024(written: int | str, amount: int) -> None:
    assert read_amount("chunk_size", written) == amount


@pytest.mark.parametrize(
    "written", ["1,000", "500MB a file", "50KK", "1e3", "", "K", "-5", -5, "0.4", 0, "1 kbit", 1.5]
)
def test_what_is_not_an_amount_as_a_whole_is_refused(written: Any) -> None:
    with pytest.raises(OptionError, match=r"^chunk_size="):
        read_amount("chunk_size", written)


def test_choices_are_those_of_the_annotation_in_any_case() -> None:
    assert choices_of(CopyToOptions, "on_empty") == ("write", "skip", "fail")
    assert choices_of(CopyToOptions, "compression") == ("snappy", "gzip", "zstd", "lz4", "none")
    assert choices_of(CopyFromOptions, "verify") == ("sample", "all")
    on_empty: Any = "SKIP"
    assert CopyToOptions(table="k.t", path="/x", on_empty=on_empty).on_empty == "skip"
    with pytest.raises(OptionError, match=r"on_empty=None is unknown; known values: write, skip, fail"):
        CopyToOptions(table="k.t", path="/x", on_empty=None)  # type: ignore[arg-type]
