"""How rows are read from the cluster: `ReadOptions`, a part of every export and capture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast, get_args

from airflow_provider_cqlai.engine.options.values.checks import (
    check_at_least,
    check_choice,
    check_count,
    check_truth,
    read_amount,
)
from airflow_provider_cqlai.engine.options.values.choices import ConsistencyLevelName


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """How rows are read from the cluster."""

    _can_switch_paging_off = False

    concurrency: int = 4
    """Token ranges in flight at once. More is faster until the cluster is busy; memory grows with it."""

    page_size: int | str | None = None
    """Rows per page at the most; None takes the connection's, which is 10,000 unless it says otherwise. Fewer are asked
    for where rows are large, see ``page_bytes``."""

    page_bytes: int | str = 2 * 1024 * 1024
    """Bytes a page should not exceed: rows per page shrink as rows are seen to be larger."""

    consistency_level: ConsistencyLevelName | None = None
    """How many replicas must answer a read, and where they are; None takes the connection's."""

    request_timeout_seconds: float | None = None
    """Seconds until a page counts as timed out and is tried again; None takes the connection's."""

    max_page_attempts: int = 8
    """Tries of one page, from its paging state, with growing pauses and then smaller pages, before the task fails."""

    rate_limit_rows_per_second: float | None = None
    """Upper bound for rows read per second over all token ranges, to spare a busy cluster."""

    rate_limit_bytes_per_second: int | str | None = None
    """Upper bound for bytes of pages read per second over all token ranges: a number or ``"20MB"``."""

    allow_masked: bool = False
    """Read columns outside of the primary key that the role sees masked (dynamic data masking, Cassandra 5.0), as the
    masks; False is an error that names them."""

    def __post_init__(self) -> None:
        check_truth("allow_masked", self.allow_masked)
        check_count("concurrency", self.concurrency, 1)
        check_count("max_page_attempts", self.max_page_attempts, 1)
        if self.page_size is not None:
            is_off = self._can_switch_paging_off and str(self.page_size).strip() == "0"
            object.__setattr__(self, "page_size", 0 if is_off else read_amount("page_size", self.page_size))
        object.__setattr__(self, "page_bytes", read_amount("page_bytes", self.page_bytes))
        if self.request_timeout_seconds is not None:
            check_at_least("request_timeout_seconds", self.request_timeout_seconds, 0.001)
        if self.rate_limit_rows_per_second is not None:
            check_at_least("rate_limit_rows_per_second", self.rate_limit_rows_per_second, 0.001)
        if self.rate_limit_bytes_per_second is not None:
            amount = read_amount("rate_limit_bytes_per_second", self.rate_limit_bytes_per_second)
            object.__setattr__(self, "rate_limit_bytes_per_second", amount)
        if self.consistency_level is not None:
            object.__setattr__(self, "consistency_level", check_consistency(self.consistency_level))


def check_consistency(level: str) -> ConsistencyLevelName:
    """The level's name as the driver has it, `OptionError` for one that there is not."""
    known = [name.lower() for name in get_args(ConsistencyLevelName)]
    return cast("ConsistencyLevelName", check_choice("consistency_level", level, known).upper())
