"""The rate limits hold over all threads and end at once when cancelled."""

import time

import pytest

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.cassandra.connect.rate_limit import PageRateLimits, RateLimit
from airflow_provider_cqlai.engine.errors import CopyCancelledError
from airflow_provider_cqlai.engine.options.copy_to import ReadOptions


def test_each_page_is_paid_for_after_the_ones_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 1_000.0)
    limit = RateLimit(100)
    assert [limit.spend(50) for _ in range(3)] == [0.5, 1.0, 1.5]


def test_unused_time_is_not_saved_up_for_a_burst(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = 1_000.0
    monkeypatch.setattr(time, "monotonic", lambda: moment)
    limit = RateLimit(100)
    moment = 2_000.0
    assert limit.spend(50) == 0.5


def test_the_stricter_of_rows_and_bytes_decides() -> None:
    waited = []

    class Recording(Cancellation):
        def wait(self, seconds: float) -> None:
            waited.append(seconds)

    limits = PageRateLimits(ReadOptions(rate_limit_rows_per_second=1_000, rate_limit_bytes_per_second="1MB"))
    limits.spend(100, 500_000, Recording())
    assert waited == [pytest.approx(0.5, abs=0.05)]


def test_without_limits_nothing_waits() -> None:
    cancelled = Cancellation()
    cancelled.cancel()
    PageRateLimits(ReadOptions()).spend(10**9, 10**12, cancelled)


def test_a_cancelled_export_does_not_sit_out_its_rate_limit() -> None:
    cancelled = Cancellation()
    cancelled.cancel()
    with pytest.raises(CopyCancelledError):
        PageRateLimits(ReadOptions(rate_limit_rows_per_second=1)).spend(1_000, 1, cancelled)
