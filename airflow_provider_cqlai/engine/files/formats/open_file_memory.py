"""What pyarrow keeps in memory for a Parquet file that is open, told from its rows.

pyarrow frees a column's pages and dictionary only when the next column begins, so between two row groups an open file
keeps those of its last column: 1 MB and more, times the open files. No pool of pyarrow's counts them, hence this
estimate, made from measurements of pyarrow 26 on texts, maps and doubles with 100 to 100,000 rows.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_cqlai.engine.files.formats.parquet_columns import sampled_leaves

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
_INDEX_BYTES = 2
_MAX_DICTIONARY_BYTES = 1024 * 1024


class OpenFileMemory:
    """Follows one file; ``held_bytes`` is the estimate."""

    def __init__(self, leaf_count: int, bloom_bytes_per_row_group: int, *, ends_with_dictionary: bool) -> None:
        self._row_group_bytes = leaf_count * _COLUMN_CHUNK_BYTES + bloom_bytes_per_row_group
        self._ends_with_dictionary = ends_with_dictionary
        self._lasting_bytes = _OPEN_FILE_BYTES
        self._levels_bytes = 0
        self._last_column_bytes = 0

    @property
    def held_bytes(self) -> int:
        return self._lasting_bytes + self._levels_bytes + self._last_column_bytes

    def add_row_group(self, table: pa.Table) -> None:
        """``table`` was written."""
        self._lasting_bytes += self._row_group_bytes
        *_, (last_path, _) = sampled_leaves(last_column := table.select([table.num_columns - 1]))
        chunks = [array for path, array in sampled_leaves(last_column) if path == last_path]
        values = pa.chunked_array(chunks)
        # Kept at the size that the largest row group needed.
        self._levels_bytes = max(self._levels_bytes, len(values) * _LEVELS_BYTES)
        self._last_column_bytes = min(PAGE_BYTES, values.nbytes) * _COPIES_OF_A_PAGE
        if self._ends_with_dictionary and not pa.types.is_null(values.type):
            self._last_column_bytes = _dictionary_bytes(values) or self._last_column_bytes


def _dictionary_bytes(values: pa.ChunkedArray) -> int:
    """Its hash table, values and a page of indices; 0 where the dictionary is given up."""
    distinct = pc.count_distinct(values).as_py()
    dictionary_bytes = distinct * values.nbytes // max(1, len(values))
    if dictionary_bytes > _MAX_DICTIONARY_BYTES:
        return 0
    hash_entries = _LEAST_HASH_ENTRIES
    while hash_entries < distinct * 2:
        hash_entries *= 4
    index_bytes = min(PAGE_BYTES, len(values) * _INDEX_BYTES) * _COPIES_OF_A_PAGE
    return int(hash_entries * _HASH_ENTRY_BYTES + dictionary_bytes + index_bytes)
