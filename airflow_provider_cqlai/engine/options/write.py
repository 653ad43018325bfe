"""How an import writes rows (specification, "COPY FROM Parquet" and "Incremental Export/Import")."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.read import check_consistency
from airflow_provider_cqlai.engine.options.values.checks import (
    check_at_least,
    check_count,
    check_truth,
    read_amount,
    set_choices,
)
from airflow_provider_cqlai.engine.options.values.choices import (
    CellTimes,
    ConsistencyLevelName,
    NullHandling,
    WriteMode,
)

# Cassandra's own limit: 20 years.
MAX_TTL_SECONDS = 20 * 365 * 24 * 3600
_REFUSED_WITH = {"ttl": ("counter_update",), "timestamp": ("counter_update", "insert_if_not_exists")}


@dataclass(frozen=True, kw_only=True)
class WriteOptions:
    """How rows reach the cluster."""

    mode: WriteMode = "upsert"
    """``"upsert"`` writes as CQL does: a row that is there is overwritten. ``"insert_if_not_exists"`` leaves such rows
    alone, at the price of a Paxos round for each row; static columns that come with a new row are written even where
    its partition has them. ``"counter_update"`` adds the values to counters: what may have
    been counted is never sent again, and an import that failed midway is not safe to run again."""

    ttl: int | str | None = None
    """Seconds after which the written cells expire, or the file column that has them; None is the table's default."""

    timestamp: int | str | None = None
    """Write time of all cells in microseconds since 1970, or the file column that has it (whole numbers of
    microseconds, or timestamps); None is the time of the import. With equal write times Cassandra keeps the greater
    value, not the last one. Does not go together with ``insert_if_not_exists`` and ``counter_update``."""

    allow_list_duplicates: bool = False
    """Accept a ``timestamp`` on a table with lists that are not frozen: written twice at one write time, as by a
    retry, such a list has every element twice."""

    cell_times: CellTimes = "restore"
    """What happens to write times and expiries that an export put into the files (``include_writetime``,
    ``include_ttl``): ``"restore"`` writes each cell with its own, and leaves expired cells out; ``"ignore"`` reads none
    of them."""

    null_handling: NullHandling = "unset"
    """A null in a file: ``"unset"`` leaves the cell as it is, ``"null"`` deletes it (a tombstone)."""

    max_batch_bytes: int | str = 64 * 1024
    """Bytes of one unlogged batch of rows of one partition. Rows alone in their partition share batches of at most 10
    partitions and 5 KiB."""

    max_bytes_in_flight: int | str = 1024 * 1024
    """Bytes of rows that the cluster has not confirmed yet, over all connections."""

    max_requests_in_flight: int = 256
    """Requests that the cluster has not confirmed yet, over all connections."""

    max_write_attempts: int = 8
    """Tries of one statement, with growing pauses, before the task fails; 15 at the most."""

    rate_limit_rows_per_second: float | None = None
    """Upper bound for rows written per second, to spare a busy cluster."""

    consistency_level: ConsistencyLevelName | None = None
    """How many replicas must confirm a write, and where they are; None takes the connection's. ``"SERIAL"`` and
    ``"LOCAL_SERIAL"`` are for reads."""

    request_timeout_seconds: float | None = None
    """Seconds until a statement counts as timed out and is tried again; None takes the connection's."""

    def __post_init__(self) -> None:
        set_choices(self, "mode", "cell_times", "null_handling")
        object.__setattr__(self, "ttl", _read_seconds_or_column(self.ttl))
        object.__setattr__(self, "timestamp", _read_microseconds_or_column(self.timestamp))
        check_truth("allow_list_duplicates", self.allow_list_duplicates)
        for name in ("ttl", "timestamp"):
            if getattr(self, name) is not None and self.mode in _REFUSED_WITH[name]:
                raise OptionError(f"{name} and mode={self.mode!r}: Cassandra takes no {name} there", option=name)
        for name in ("max_batch_bytes", "max_bytes_in_flight"):
            object.__setattr__(self, name, read_amount(name, getattr(self, name)))
        check_count("max_requests_in_flight", self.max_requests_in_flight, 1)
        check_count("max_write_attempts", self.max_write_attempts, 1)
        if self.max_write_attempts > 15:
            raise OptionError(f"max_write_attempts={self.max_write_attempts} is above 15", option="max_write_attempts")
        if self.rate_limit_rows_per_second is not None:
            check_at_least("rate_limit_rows_per_second", self.rate_limit_rows_per_second, 0.001)
        if self.request_timeout_seconds is not None:
            check_at_least("request_timeout_seconds", self.request_timeout_seconds, 0.001)
        if self.consistency_level is not None:
            object.__setattr__(self, "consistency_level", check_consistency(self.consistency_level))
            if "SERIAL" in str(self.consistency_level):
                raise OptionError(
                    f"consistency_level={self.consistency_level!r} is for reads; a write takes QUORUM or LOCAL_QUORUM",
                    option="consistency_level",
                )


def _read_number_or_column(option: str, value: int | str | None) -> int | str | None:
    """A whole number, also as the text that a template gives; any other text is a column."""
    if isinstance(value, bool) or not isinstance(value, int | str | None):
        raise OptionError(f"{option}={value!r}: expected a whole number or a column's name", option=option)
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            return value
    return value


def _read_seconds_or_column(value: int | str | None) -> int | str | None:
    read = _read_number_or_column("ttl", value)
    if isinstance(read, int) and not 0 <= read <= MAX_TTL_SECONDS:
        raise OptionError(f"ttl={value!r} must be between 0 and {MAX_TTL_SECONDS} seconds", option="ttl")
    return read


def _read_microseconds_or_column(value: int | str | None) -> int | str | None:
    read = _read_number_or_column("timestamp", value)
    # Cassandra keeps the smallest of 64 bits for "no time".
    if isinstance(read, int) and not -(2**63) < read < 2**63:
        raise OptionError(f"timestamp={value!r} must be microseconds since 1970, within 64 bits", option="timestamp")
    return read
