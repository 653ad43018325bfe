"""Finds the distinct hive partitions of a record batch, and the one that each row belongs to.

It works on whole columns: each key column is dictionary-encoded, and texts are made once per distinct value.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pyarrow as pa

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.files.write.hive_partitioning import hive_directory, value_texts
from airflow_provider_cqlai.engine.files.write.row_names import HiveValueError, RowNames
from airflow_provider_cqlai.engine.files.write.virtual_columns import find_virtual_column
from airflow_provider_cqlai.engine.pyarrow_versions import concat_batches
from airflow_provider_cqlai.engine.types.cells.number_arrays import null_mask, to_array, to_numpy

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _HiveKey:
    name: str
    column: str
    """That the values come from."""
    values: Callable[[pa.RecordBatch], pa.Array]
    texts: Callable[[pa.Array], list[str]]
    is_virtual: bool = False

    def encode(self, record_batch: pa.RecordBatch) -> tuple[list[str], np.ndarray]:
        """Directory names of the distinct values, and for each row the number of its own."""
        array = self.values(record_batch)
        storage = array.storage if isinstance(array, pa.ExtensionArray) else array
        encoded = storage.dictionary_encode()
        numbers = encoded.indices
        names = []
        for number, text in enumerate(self.texts(encoded.dictionary)):
            try:
                names.append(hive_directory(self.name, text))
            except HiveValueError as error:
                error.position = int((to_numpy(numbers, np.int32) == number).argmax())
                raise
        found = to_numpy(numbers, np.int32).astype(np.int64)
        if numbers.null_count:
            found[null_mask(numbers)] = len(names)
            names.append(hive_directory(self.name, None))
        return names, found


class HiveSplit:
    """Tells hive partitions for an Arrow schema and ``partition_by``, both checked at construction.

    ``row_names`` tells what an error says about a row, and which columns are there for that only. ``keeps_columns``:
    the files have those that are directories, too. ``separator`` is that of virtual columns' directories,
    and ``rename`` the names of directories that are called otherwise.

    Raises:
        OptionError: an unknown column, one whose type makes no directory names, two directories of one name, or no
            column left for the files.
    """

    def __init__(
        self,
        arrow_schema: pa.Schema,
        partition_by: Sequence[str],
        row_names: RowNames | None = None,
        *,
        keeps_columns: bool = False,
        separator: str = ".",
        rename: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._row_names = row_names or RowNames()
        exported = pa.schema(field for field in arrow_schema if field.name not in self._row_names.hidden)
        self._keys = [_find_key(name, exported, separator, rename) for name in partition_by]
        self._check_names([key.name for key in self._keys], [rename.get(name, name) for name in exported.names])
        self.file_columns = [name for name in exported.names if keeps_columns or name not in partition_by]
        if partition_by and not self.file_columns:
            raise OptionError("partition_by names every column, which leaves none for the files", option="partition_by")

    @property
    def directory_names(self) -> list[str]:
        """The keys of ``key=value`` directories, outermost first."""
        return [key.name for key in self._keys]

    def _check_names(self, names: Sequence[str], columns: Sequence[str]) -> None:
        virtual = [key.name for key in self._keys if key.is_virtual]
        taken = sorted({name for name in virtual if name in columns or names.count(name) > 1})
        if taken:
            raise OptionError(
                f"virtual_column_separator, rename: the directory {taken[0]}= would have the name of another column",
                option="virtual_column_separator",
            )

    def split(self, record_batches: Sequence[pa.RecordBatch]) -> tuple[list[str], np.ndarray]:
        """The hive partitions in ``record_batches``, and for each row the index of its own.

        Raises:
            ValueDoesNotFitError: a value that no directory name can carry.
        """
        if not self._keys:
            return [""], np.zeros(sum(record_batch.num_rows for record_batch in record_batches), dtype=np.int64)
        key_columns = list(dict.fromkeys(key.column for key in self._keys))
        try:
            # The other columns are copied once, into their order.
            return self._split(concat_batches([record_batch.select(key_columns) for record_batch in record_batches]))
        except HiveValueError as error:
            raise self._row_names.describe(error, concat_batches(record_batches)) from error

    def _split(self, record_batch: pa.RecordBatch) -> tuple[list[str], np.ndarray]:
        first, *others = self._keys
        partitions, numbers = first.encode(record_batch)
        for key in others:
            names, name_numbers = key.encode(record_batch)
            # Distinct pairs are numbered anew after each key: the product of all keys' counts could overflow.
            encoded = to_array(numbers * len(names) + name_numbers).dictionary_encode()
            numbers = to_numpy(encoded.indices, np.int32).astype(np.int64)
            partitions = [
                f"{partitions[pair // len(names)]}/{names[pair % len(names)]}"
                for pair in to_numpy(encoded.dictionary, np.int64).tolist()
            ]
        return partitions, numbers


def _find_key(name: str, arrow_schema: pa.Schema, separator: str, rename: Mapping[str, str]) -> _HiveKey:
    if name not in arrow_schema.names:
        virtual_column = find_virtual_column(name, arrow_schema)
        directory = rename.get(name, f"{virtual_column.column}{separator}{virtual_column.part}")
        return _HiveKey(directory, virtual_column.column, virtual_column.values, virtual_column.texts, is_virtual=True)
    data_type = arrow_schema.field(name).type
    texts = value_texts(data_type)
    if texts is None:
        raise OptionError(
            f"partition_by: {name!r} is {data_type}, whose values cannot be directory names; text, integers, boolean,"
            " decimal, uuid, date, time and timestamp can",
            option="partition_by",
        )
    return _HiveKey(rename.get(name, name), name, lambda record_batch: record_batch.column(name), texts)


def warn_of_guessed_keys(arrow_schema: pa.Schema, partition_by: Sequence[str]) -> None:
    """Say that readers take the texts of directories for what they look like."""
    texts = [
        name
        for name in partition_by
        if name in arrow_schema.names and pa.types.is_string(arrow_schema.field(name).type)
    ]
    if texts:
        logger.warning(
            "partition_by: %s of texts: pyarrow, pandas and Polars guess the types of directories and read 01234 as"
            " 1234, unless they are told the types (dataset_schema); an import of this package reads them by its table",
            ", ".join(texts),
        )
