"""What a result sends to Airflow's metrics."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_cqlai import metrics
from airflow_provider_cqlai.engine.results import CaptureResult, CopyResult, DataFile
from airflow_provider_cqlai.lineage import record_asset_events, record_capture_events

FILES = (DataFile(path="part-0.parquet", rows=2, bytes=200),)


class Recorded:
    """Stands for Airflow's `Stats`."""

    def __init__(self) -> None:
        self.sent: dict[tuple[str, str | None], float] = {}

    def incr(self, stat: str, count: int = 1, *, tags: dict[str, Any] | None = None) -> None:
        self.sent[stat, (tags or {}).get("table")] = count

    timing = incr


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    made = Recorded()
    monkeypatch.setattr(metrics, "Stats", made)
    return made


def test_an_export_counts_by_name_and_by_tag(recorded: Recorded) -> None:
    result = CopyResult(
        path="/data",
        table='shop."Orders"',
        rows=2,
        bytes=200,
        files=FILES,
        window=None,
        elapsed_seconds=1.5,
        retried_pages=3,
    )
    record_asset_events({}, result)
    counts = {"rows": 2, "bytes": 200, "files": 1, "retried_pages": 3, "duration": 1500}
    assert recorded.sent == {
        **{(f"cqlai.export.{what}.shop._Orders_", None): count for what, count in counts.items()},
        **{(f"cqlai.export.{what}", 'shop."Orders"'): count for what, count in counts.items()},
    }


def test_a_capture_counts_under_its_tables(recorded: Recorded) -> None:
    result = CaptureResult(
        path="/data",
        rows=2,
        bytes=200,
        files=FILES,
        window=None,
        elapsed_seconds=0.5,
        queries=(),
        tables=("a.b", "a.c"),
    )
    record_capture_events({}, result)
    assert recorded.sent["cqlai.capture.rows.a.b-a.c", None] == 2
    assert recorded.sent["cqlai.capture.duration", "a.b-a.c"] == 500
