"""Paths as texts, of pathlib and of universal_pathlib."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from upath import UPath

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.checks import read_path
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions


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
    with pytest.raises(OptionError, match=r"where=.* is no text and no path"):
        read_path("where", path)


def test_a_uri_that_pathlib_cut_is_refused() -> None:
    with pytest.raises(OptionError, match="pathlib takes a slash of a URI"):
        read_path("path", Path("s3://bucket/key"))


def test_options_that_would_be_lost_with_the_text_are_refused_without_their_values() -> None:
    path = UPath("s3://bucket/key", key="ada", secret="hush-hush")
    with pytest.raises(OptionError, match=r"path='s3://bucket/key' has options of its own \(key, secret\)") as caught:
        read_path("path", path)
    assert "hush-hush" not in str(caught.value)


def test_options_hold_texts() -> None:
    # The fields are declared as what they hold afterwards.
    path: Any = Path("/data/x")
    rejected_path: Any = Path("/r.parquet")
    assert CopyToOptions(table="k.t", path=path).path == "/data/x"
    options = CopyFromOptions(table="k.t", path=[path, "/data/y"], rejected_path=rejected_path)
    assert (options.path, options.rejected_path) == (("/data/x", "/data/y"), "/r.parquet")
