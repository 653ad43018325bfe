"""What versions of pyarrow before the newest lack.

pyarrow 18 is enough for everything but bloom filters and vectors that are null: these need 26.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

# Words of pyarrow before 26 on a null in a list of fixed size.
NULL_VECTOR_REFUSAL = "Lists with non-zero length null components"


def concat_batches(record_batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """`pyarrow.concat_batches`, which pyarrow 18 does not have; at least one."""
    if hasattr(pa, "concat_batches"):
        return pa.concat_batches(record_batches)
    joined = pa.Table.from_batches(record_batches).combine_chunks().to_batches()
    return joined[0] if joined else record_batches[0]
