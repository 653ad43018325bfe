"""Marks of tests that need a newer pyarrow than the oldest supported one."""

from __future__ import annotations

import pyarrow as pa
import pytest

from airflow_provider_cqlai.engine.pyarrow_versions import PYARROW_VERSION

# Note: 18 loses the metadata of a map's key and value where an array is handed over; files have it nevertheless.
PYARROW = PYARROW_VERSION


def _needs(version: int, what_for: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        version > PYARROW, reason=f"{what_for}: needs pyarrow {version}, this is {pa.__version__}"
    )


NEEDS_BLOOM_FILTERS = _needs(26, "bloom filters")
NEEDS_VIEWS_IN_PARQUET = _needs(25, "views in Parquet files")
NEEDS_UUIDS = _needs(21, "Parquet's UUID")
NEEDS_NULL_VECTORS = _needs(26, "vectors that are null")


def skip_without_newer_types() -> None:
    """For modules of tests about types that older ones do not have, or do not make of Python's values."""
    if PYARROW < 21:
        pytest.skip(f"json, decimal32, float16: need pyarrow 21, this is {pa.__version__}", allow_module_level=True)
