"""Protocol 5 with less work: messages in, segments out (native protocol 5, section 2).

The driver computes the checksum of each segment's header bit by bit in Python, which takes as long as sending the
segment. With compression, or without the native codec, segments stay the driver's.
"""

from __future__ import annotations

from typing import Any

from cassandra.segment import SegmentCodec

try:
    from airflow_provider_cqlai._native import encode_segments
except ImportError:
    # Installed without cargo.
    encode_segments = None  # type: ignore[assignment]


class _NativeSegmentCodec(SegmentCodec):  # type: ignore[misc]
    """The driver's codec without compression, but for writing."""

    def encode(self, buffer: Any, msg: bytes) -> None:
        buffer.write(encode_segments(msg))


_NATIVE = _NativeSegmentCodec()


def write_segments_leanly(codec: Any) -> Any:
    """The `SegmentCodec` to use in the place of the driver's ``codec``, or that one."""
    return codec if encode_segments is None or codec.compression else _NATIVE
