"""What pyarrow keeps in memory for a Parquet file that is open, told from its rows.

pyarrow frees a column's pages and dictionary only when the next column begins, so between two row groups an open file
keeps those of its last column: 1 MB and more, times the open files. No pool of pyarrow's counts them, hence this
estimate, made from measurements of pyarrow 26 on texts, maps and doubles with 100 to 100,000 rows.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_cqlai.engine.files.parquet_columns import sampled_leaves

# Page size asked of pyarrow, below its 1 MiB, for an open file keeps about three times a page: the values, the page
# before compression and after.
PAGE_BYTES = 256 * 1024
_COPIES_OF_A_PAGE = 3
# The writer's own state.
_OPEN_FILE_BYTES = 32 * 1024
# For the footer, the metadata and page index of a column chunk: some 100 bytes, 5 kB where texts of 1,000 characters
# are the smallest and largest values.
_COLUMN_CHUNK_BYTES = 512
# Definition and repetition levels, 16 bits each.
_LEVELS_BYTES = 4
# A dictionary's hash table: its smallest size, growing by 4 while more than half full. A dictionary beyond pyarrow's
# limit is given up, and its memory with it.
_HASH_ENTRY_BYTES = 24
_LEAST_HASH_ENTRIES = 1024
_MAX_DICTIONARY_BYTES = 1024 * 1024


class OpenFileMemory:
    """Follows one file from the sample of its first rows; ``held_bytes`` is the estimate."""

    def __init__(self, sample: pa.Table, leaf_count: int, bloom_bytes_per_row_group: int) -> None:
        self._row_group_bytes = leaf_count * _COLUMN_CHUNK_BYTES + bloom_bytes_per_row_group
        self._most_rows = 0
        self._values_per_row = self._bytes_per_row = self._distinct_per_row = 0.0
        self.held_bytes = _OPEN_FILE_BYTES
        leaves = list(sampled_leaves(sample.select([sample.num_columns - 1]).combine_chunks()))
        if sample.num_rows and leaves:
            _, last_leaf = leaves[-1]
            self._values_per_row = max(1.0, len(last_leaf) / sample.num_rows)
            self._bytes_per_row = last_leaf.nbytes / sample.num_rows
            if not pa.types.is_null(last_leaf.type):
                self._distinct_per_row = pc.count_distinct(last_leaf).as_py() / sample.num_rows

    def add_row_group(self, row_count: int, *, has_dictionary: bool) -> None:
        """``has_dictionary``: the last column is dictionary-encoded."""
        self.held_bytes += self._row_group_bytes + self._last_column_bytes(
            max(row_count, self._most_rows), has_dictionary
        )
        self.held_bytes -= self._last_column_bytes(self._most_rows, has_dictionary)
        self._most_rows = max(row_count, self._most_rows)

    def _last_column_bytes(self, row_count: int, has_dictionary: bool) -> int:
        page_bytes = min(PAGE_BYTES, row_count * self._bytes_per_row)
        byte_count = row_count * self._values_per_row * _LEVELS_BYTES + page_bytes * _COPIES_OF_A_PAGE
        if has_dictionary:
            byte_count += self._dictionary_bytes(row_count * self._distinct_per_row)
        return int(byte_count)

    def _dictionary_bytes(self, distinct: float) -> float:
        dictionary_bytes = distinct * self._bytes_per_row / self._values_per_row
        if dictionary_bytes > _MAX_DICTIONARY_BYTES:
            return 0
        hash_entries = _LEAST_HASH_ENTRIES
        while hash_entries < distinct * 2:
            hash_entries *= 4
        return hash_entries * _HASH_ENTRY_BYTES + dictionary_bytes
