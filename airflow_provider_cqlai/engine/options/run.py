"""What every verb takes about its run: `RunOptions`."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_cqlai.engine.options.values.checks import check_at_least


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a verb behaves while it runs."""

    progress_interval_seconds: float = 30.0
    """Seconds between two progress lines in the log."""

    storage_timeout_seconds: float = 60.0
    """Seconds until a request to an object store, or each 8 MiB of one, counts as failed, which ends the try; ten times
    as many for a listing, a move and the completion of an upload. The client library's own tries are within them."""

    def __post_init__(self) -> None:
        check_at_least("progress_interval_seconds", self.progress_interval_seconds, 0.01)
        check_at_least("storage_timeout_seconds", self.storage_timeout_seconds, 0.1)
