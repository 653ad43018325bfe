"""What the tasks of a sharded publication have in common: `Sharding`, in the claim of their attempt and its manifest.

A shard writes part numbers that are its own: those with ``number % shard_count == shard_index``. So a file's name tells
whose it is, now and when a single shard is published anew.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa


@dataclass(frozen=True, kw_only=True)
class Sharding:
    """Decided once, by the task that plans."""

    plan_id: str
    """Unique; further attempts that publish single shards anew keep it."""
    shard_count: int
    columns: tuple[str, ...]
    """Those that are exported, whatever the table gains meanwhile."""
    arrow_schema: pa.Schema
    """Of the rows, under the names of the files."""
    table_identity: str
    """`TableIdentity.to_json` of the table when the export was planned."""
    owner: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "plan_id": self.plan_id,
            "shard_count": self.shard_count,
            "columns": list(self.columns),
            "arrow_schema": base64.b64encode(self.arrow_schema.serialize().to_pybytes()).decode("ascii"),
            "table_identity": self.table_identity,
            "owner": self.owner,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Sharding:
        schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(values["arrow_schema"])))
        return cls(**{**values, "columns": tuple(values["columns"]), "arrow_schema": schema})
