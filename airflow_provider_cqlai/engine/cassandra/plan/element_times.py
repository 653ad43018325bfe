"""Times of values that are several cells: a collection or user-defined type that is not frozen.

What flows in are two list columns, as WRITETIME and TTL answer for such a column since Cassandra 5.0: one entry for
each element, or for each field of a user-defined type; what flows out is one time a row. The surprising thing: a
field that is null has an entry too, null in both lists, and must not be taken for one that never expires.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_cqlai.engine.types.companions import EXPIRY, WRITETIME


class ElementTimes:
    """The element times of one column of one record batch, summed up by row."""

    def __init__(self, writetimes: Any, ttls: Any | None) -> None:
        elements = pa.table(
            {
                "row": pc.list_parent_indices(writetimes),
                WRITETIME: pc.list_flatten(writetimes),
                EXPIRY: pa.nulls(len(writetimes.flatten()), pa.int32()) if ttls is None else pc.list_flatten(ttls),
            }
        )
        # Counts and bounds pass over nulls.
        self._sums = elements.group_by("row", use_threads=False).aggregate(
            [(kind, function) for kind in (WRITETIME, EXPIRY) for function in ("min", "max", "count")]
        )
        self._row_count = len(writetimes)

    def find_mixed(self, kind: str) -> int | None:
        """The first row whose elements differ in their time; to expire and not to expire are different."""
        sums = self._sums
        is_mixed = pc.fill_null(pc.not_equal(sums[f"{kind}_min"], sums[f"{kind}_max"]), False)
        if kind == EXPIRY:
            is_mixed = pc.or_(is_mixed, pc.and_(pc.greater(sums["expiry_count"], 0), pc.invert(self._all_expire())))
        mixed = sums["row"].filter(is_mixed)
        return None if not len(mixed) else pc.min(mixed).as_py()

    def latest(self, kind: str) -> Any:
        """The greatest time of each row, null where it has no element; one that never expires is the latest."""
        times = self._sums[f"{kind}_max"]
        if kind == EXPIRY:
            times = pc.if_else(self._all_expire(), times, pa.scalar(None, times.type))
        rows = pa.array(np.arange(self._row_count), self._sums["row"].type)
        return times.combine_chunks().take(pc.index_in(rows, value_set=self._sums["row"].combine_chunks()))

    def _all_expire(self) -> Any:
        return pc.equal(self._sums["expiry_count"], self._sums["writetime_count"])
