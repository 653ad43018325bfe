"""Chooses the sizes of the bloom filters in one Parquet file from its first rows.

They become pyarrow's ``bloom_filter_options`` and byte counts. Note: pyarrow keeps the filters of every row group at
full size until the file ends and folds each to what its values need only then, so that memory, not the file, pays for a
generous number of distinct values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import pyarrow as pa

from airflow_provider_cqlai.engine.files.formats.parquet_columns import sampled_leaves


class BloomFilters:
    """Filters for the leaves in ``probabilities`` (false positive probability by leaf path).

    They are sized for ``row_group_rows`` rows with as many values each as in ``sample``.
    """

    def __init__(self, probabilities: Mapping[str, float], sample: pa.Table, row_group_rows: int) -> None:
        counts = dict.fromkeys(probabilities, 0)
        if counts:
            for path, array in sampled_leaves(sample):
                if path in counts:
                    counts[path] += len(array)
        self._probabilities = probabilities
        self._values_per_row = {path: max(1.0, count / max(1, sample.num_rows)) for path, count in counts.items()}
        self._distinct = {
            path: math.ceil(max(1, row_group_rows) * values) for path, values in self._values_per_row.items()
        }

    @property
    def options(self) -> dict[str, dict[str, float]]:
        """What `pyarrow.parquet.ParquetWriter` takes."""
        return {path: {"ndv": distinct, "fpp": self._probabilities[path]} for path, distinct in self._distinct.items()}

    @property
    def held_bytes_per_row_group(self) -> int:
        """Memory until the file ends."""
        return sum(_filter_bytes(distinct, self._probabilities[path]) for path, distinct in self._distinct.items())

    def written_bytes(self, row_count: int) -> int:
        """About what a row group of ``row_count`` rows adds to the file at its end."""
        return sum(
            _filter_bytes(row_count * values, self._probabilities[path])
            for path, values in self._values_per_row.items()
        )


def _filter_bytes(distinct: float, probability: float) -> int:
    """Bytes of a split block filter, a power of two (parquet-format, BloomFilter.md, "Sizing")."""
    byte_count = -distinct / math.log(1 - probability ** (1 / 8))
    return int(2 ** math.ceil(math.log2(max(32, byte_count))))
