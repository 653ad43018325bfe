"""The native encoder: encodes record batches to bound values in Rust, without the GIL.

Note: as in decoding, the compiled half never says why it cannot encode a value; the reference encoder then encodes the
same record batch, and raises the error or returns the rows after all (texts of numbers beyond 128 bits are left to it).
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from airflow_provider_cqlai._native import Encoder
from airflow_provider_cqlai.engine.cassandra.codec.arrow_capsules import CapsulePair
from airflow_provider_cqlai.engine.cassandra.codec.encoder import EncodedRows
from airflow_provider_cqlai.engine.cassandra.codec.native_plan import type_plan
from airflow_provider_cqlai.engine.cassandra.codec.python_encoder import (
    PythonRowEncoder,
    check_types,
)

logger = logging.getLogger(__name__)

_ABSENT = {"null": -1, "unset": -2}


class NativeRowEncoder:
    """A `encoder.RowEncoder`; it keeps nothing between record batches but a count."""

    def __init__(self, reference: PythonRowEncoder) -> None:
        """``reference`` is what it encodes like; it has checked that each Arrow type is one that has a plan."""
        self._reference = reference
        self._columns = reference.columns
        self._encoder = Encoder(
            [
                (
                    type_plan(column.cql_type, column.arrow_type),
                    None if column.is_primary_key else _ABSENT[column.null_handling],
                )
                for column in self._columns
            ],
            reference.partition_key,
            reference.row_prefix,
        )
        self.reference_record_batches = 0
        """Record batches that the reference encoder encoded, since the compiled half could not."""

    def encode(self, record_batch: Any, *, is_grouped: bool = False) -> EncodedRows:
        check_types(record_batch, self._columns)
        bound: pa.RecordBatch = record_batch.select([column.name for column in self._columns])
        schema, array = bound.__arrow_c_array__()
        encoded = self._encoder.encode(schema, array, is_grouped)
        if encoded is None:
            rows = self._reference.encode(record_batch, is_grouped=is_grouped)
            self.reference_record_batches += 1
            logger.debug("values beyond the native encoder; the reference encoder encoded them")
            return replace(rows, key_hashes=self._key_hashes(record_batch, rows))
        body, row_offsets, row_numbers, group_starts, routing_keys, key_hashes = encoded
        return EncodedRows(
            body=_bytes_of(body),
            row_offsets=np.frombuffer(row_offsets, np.int64),
            row_numbers=np.frombuffer(row_numbers, np.int64),
            key_hashes=np.frombuffer(key_hashes, np.uint64),
            group_starts=np.frombuffer(group_starts, np.int64) if is_grouped else None,
            routing_keys=routing_keys if is_grouped else None,
        )

    def _key_hashes(self, record_batch: Any, rows: EncodedRows) -> np.ndarray:
        """As of rows that the compiled half encodes: equal keys have equal hashes whichever half had them."""
        key = [column for column in self._columns if column.is_primary_key]
        if not key:
            return rows.key_hashes
        encoder = Encoder([(type_plan(column.cql_type, column.arrow_type), None) for column in key], [], b"")
        keys: pa.RecordBatch = record_batch.select([column.name for column in key])
        schema, array = keys.__arrow_c_array__()
        encoded = encoder.encode(schema, array, False)
        if encoded is None:
            # Keys that only the reference encoder can encode are in no other rows.
            return rows.key_hashes
        return np.frombuffer(encoded[5], np.uint64).take(rows.row_numbers)


def _bytes_of(capsule: Any) -> memoryview:
    """The bytes of one array, where they are."""
    array = pa.array(CapsulePair(pa.uint8().__arrow_c_schema__(), capsule))
    return memoryview(array.buffers()[1]).cast("B")
