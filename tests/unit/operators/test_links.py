"""The link from a task to its dataset."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_cqlai.airflow_compat import XCom
from airflow_provider_cqlai.operators.links import DatasetLink, dataset_url


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("s3://bucket/events", "https://s3.console.aws.amazon.com/s3/buckets/bucket?prefix=events%2F"),
        ("s3://bucket/a b.parquet", "https://s3.console.aws.amazon.com/s3/object/bucket?prefix=a+b.parquet"),
        ("s3://bucket/a.json.gz", "https://s3.console.aws.amazon.com/s3/object/bucket?prefix=a.json.gz"),
        # The root of a dataset whose last placeholder left a dot.
        ("s3://bucket/events.txt", "https://s3.console.aws.amazon.com/s3/buckets/bucket?prefix=events.txt%2F"),
        ("gs://bucket/events/", "https://console.cloud.google.com/storage/browser/bucket/events"),
        ("abfs://container/events", "abfs://container/events"),
        ("/data/my events", "file:///data/my%20events"),
        ("file:///data/events", "file:///data/events"),
    ],
)
def test_a_dataset_is_found_where_its_store_shows_it(path: str, expected: str) -> None:
    assert dataset_url(path) == expected


@pytest.mark.parametrize(
    ("returned", "expected"),
    [
        ({"path": "/data/events", "rows": 1}, "file:///data/events"),
        ({"rows": 1, "files": [{"path": "/data/events/a.parquet"}]}, "file:///data/events/a.parquet"),
        ({"statements": [{"statement": "INSERT"}, {"path": "/data/events"}]}, "file:///data/events"),
        ({"rows": 0, "files": []}, ""),
        (None, ""),
        ("text", ""),
    ],
)
def test_the_link_is_what_the_task_returned(returned: Any, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def get_value(**arguments: Any) -> Any:
        asked.append(arguments)
        return returned

    monkeypatch.setattr(XCom, "get_value", get_value)
    key: Any = object()
    assert DatasetLink().get_link(operator=SimpleNamespace(), ti_key=key) == expected  # type: ignore[arg-type]
    assert asked == [{"ti_key": key, "key": "return_value"}]


@pytest.mark.parametrize(("published", "expected"), [("/data/events", "file:///data/events"), (None, "")])
def test_an_operator_that_just_ran_is_asked_itself(published: str | None, expected: str) -> None:
    operator: Any = SimpleNamespace(dataset_path=published)
    assert DatasetLink().get_link(operator, ti_key=None) == expected  # type: ignore[arg-type]
