"""Placeholders of a path."""

from __future__ import annotations

import pytest

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.files.publish.publish import check_location, fill_path
from airflow_provider_cqlai.engine.files.storage.storage_access import StorageAccess
from airflow_provider_cqlai.engine.files.storage.storage_location import locate
from tests.unit.engine.files.publish.publications import window_of


@pytest.mark.parametrize(
    ("path", "filled"),
    [
        ("/data/events", "/data/events"),
        ("/data/events-{window_start:%Y-%m-%d}.parquet", "/data/events-2024-01-03.parquet"),
        ("/data/{window_start:%Y/%m/%d}/", "/data/2024/01/03/"),
        ("/data/{window_start}_{window_end}", "/data/20240103T000000Z_20240104T000000Z"),
        ("s3://b/{{x}}/{window_end:%H:%M}", "s3://b/{x}/00:00"),
    ],
)
def test_window_is_filled_in(path: str, filled: str) -> None:
    assert fill_path(path, window_of(3)) == filled


@pytest.mark.parametrize(
    "path",
    ["/data/{start}", "/data/{}", "/data/{0}", "/data/{window_start.year}", "/data/{window_start!r}",
     "/data/{window_start", "/data/}", "/data/{window_start:{window_end}}", "/data/{ds}"],
)  # fmt: skip
def test_unknown_placeholder_is_an_error_that_names_the_option(path: str) -> None:
    with pytest.raises(OptionError) as raised:
        fill_path(path, window_of(3))
    assert raised.value.option == "path"


def test_placeholder_without_a_window_is_an_error() -> None:
    with pytest.raises(OptionError, match="no window"):
        fill_path("/data/{window_start}", None)


def test_path_without_placeholders_needs_no_window() -> None:
    assert fill_path("/data/events", None) == "/data/events"


@pytest.mark.parametrize("path", ["/", "file:///", "/data/..", "memory://"])
def test_root_of_a_storage_is_refused(path: str) -> None:
    with pytest.raises(OptionError, match="is the root of the storage") as raised:
        check_location(*locate(path, StorageAccess()))
    assert raised.value.option == "path"


def test_names_of_a_local_path_have_at_most_255_bytes() -> None:
    longest = "ü" * 127 + "x"
    check_location(*locate(f"/data/{longest}/{longest}", StorageAccess()))
    check_location(*locate(f"memory://data/{longest}x", StorageAccess()))
    for path in (f"/data/{longest}x/events", f"/data/{longest}x"):
        with pytest.raises(OptionError, match=r"256 bytes, at most 255 can be taken$") as raised:
            check_location(*locate(path, StorageAccess()))
        assert raised.value.option == "path"
    with pytest.raises(OptionError, match="at most 212 can be taken of a file that has a longer name"):
        check_location(*locate("/data/" + "x" * 213, StorageAccess()), longest_prefix_and_suffix=43)
