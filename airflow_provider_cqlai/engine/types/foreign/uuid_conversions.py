"""Converts 16 bytes or texts of foreign files to uuid and timeuuid.

Note: a timeuuid is of version 1, and the server refuses any other without telling the row, so it is checked here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from airflow_provider_cqlai.engine.types.families.uuids import are_version_1
from airflow_provider_cqlai.engine.types.foreign.conversion_steps import Conversion, ConversionTarget, Convert
from airflow_provider_cqlai.engine.types.foreign.text_conversions import canonical_uuids

_BYTES = pa.binary(16)


def plan_uuid(target: ConversionTarget, arrow_type: Any) -> Conversion | None:
    is_time_based = target.name == "timeuuid"
    if pa.types.is_string(arrow_type):
        return Conversion(pa.string(), _then(canonical_uuids, are_version_1 if is_time_based else None))
    if arrow_type == pa.uuid():
        return Conversion(arrow_type, _then(_same, _check_bytes)) if is_time_based else None
    if arrow_type in (pa.binary(), _BYTES):
        return Conversion(pa.uuid(), _then(_from_bytes, _check_bytes if is_time_based else None))
    return None


def _then(convert: Convert, check: Convert | None) -> Convert:
    def both(array: Any) -> Any:
        converted = convert(array)
        if check is not None and not check(converted):
            raise ValueError("a uuid that is not of version 1 is not a timeuuid")
        return converted

    return both


def _same(array: Any) -> Any:
    return array


def _from_bytes(array: Any) -> Any:
    return pa.ExtensionArray.from_storage(pa.uuid(), array.cast(_BYTES))


def _check_bytes(array: Any) -> bool:
    storage = array.storage.drop_null()
    values = np.frombuffer(storage.buffers()[1] or b"", np.uint8)[storage.offset * 16 :].reshape(-1, 16)
    return bool(np.all(values[: len(storage), 6] >> 4 == 1))
