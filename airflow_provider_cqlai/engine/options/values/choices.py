"""The values of every option that takes one of a fixed list, each list written once.

Fields and arguments are annotated with these, and `checks.set_choices` reads what is accepted from the annotation. What
a value means is said at the field. Values are accepted in upper case, too.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

FormatName: TypeAlias = Literal["parquet", "json", "csv"]
Compression: TypeAlias = Literal["snappy", "gzip", "zstd", "lz4", "none"]
BlobEncoding: TypeAlias = Literal["base64", "hex"]
NonFinite: TypeAlias = Literal["error", "null", "string"]

VirtualColumnSeparator: TypeAlias = Literal[".", "_"]

IfExists: TypeAlias = Literal["replace", "error"]
OnEmpty: TypeAlias = Literal["write", "skip", "fail"]
OnOverlap: TypeAlias = Literal["error", "replace"]

Anchor: TypeAlias = Literal["end", "start"]
TimeUnit: TypeAlias = Literal["s", "ms", "us"]
WindowBy: TypeAlias = Literal["time_column", "writetime"]
RowsWithoutWritetime: TypeAlias = Literal["error", "include", "skip"]
OnMixedCellTimes: TypeAlias = Literal["error", "max"]

OnUncoveredWindow: TypeAlias = Literal["error", "ignore"]
OnUnnamedFiles: TypeAlias = Literal["error", "read", "ignore"]
OnDirectoryDifference: TypeAlias = Literal["error", "ignore"]
OnExtraColumn: TypeAlias = Literal["error", "ignore"]
OnMissingColumn: TypeAlias = Literal["error", "ignore", "null"]

WriteMode: TypeAlias = Literal["upsert", "insert_if_not_exists", "counter_update"]
CellTimes: TypeAlias = Literal["restore", "ignore"]
NullHandling: TypeAlias = Literal["unset", "null"]
VerifiedRows: TypeAlias = Literal["sample", "all"]

# Those of the driver but ANY, which is for writes only; in the order of the connection's form.
ConsistencyLevelName: TypeAlias = Literal[
    "LOCAL_QUORUM",
    "LOCAL_ONE",
    "ONE",
    "TWO",
    "THREE",
    "QUORUM",
    "ALL",
    "EACH_QUORUM",
    "SERIAL",
    "LOCAL_SERIAL",
]
