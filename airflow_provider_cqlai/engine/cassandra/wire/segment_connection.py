"""Extends a connection class of the driver so that it reads and writes protocol 5 with less work.

It reads with `segment_reader` and writes with the native codec (native protocol 5, section 2). Event loop, requests and
everything below protocol 5 stay the driver's. Note: a driver that lacks one of the parts that are replaced or called
here keeps its own way, which is only slower.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

from cassandra import connection as driver_connection

try:
    from airflow_provider_cqlai._native import encode_segments
except ImportError:
    # Installed without cargo.
    encode_segments = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)

# What of the driver is replaced (the first two) or relied on.
_CONNECTION_PARTS = (
    "process_io_buffer", "_enable_checksumming", "process_msg", "defunct", "_iobuf", "_current_frame",
)  # fmt: skip
_MODULE_PARTS = ("_Frame", "_ConnectionIOBuffer", "CrcMismatchException", "segment_codec_no_compression")
_BUFFER_PARTS = ("io_buffer", "cql_frame_buffer")
_CODEC_PARTS = ("decode_header", "header_length_with_crc", "compression", "decompress")


def read_segments_leanly(connection_class: type) -> type:
    """A subclass of ``connection_class``, or that class itself where the driver is not as expected."""
    if not is_driver_known(connection_class):
        logger.info("this version of the Cassandra driver is not known: protocol 5 is read by its own, slower code")
        return connection_class
    from cassandra.segment import CrcException

    from airflow_provider_cqlai.engine.cassandra.wire.segment_reader import ReceivedBytes, SegmentReader

    class SegmentConnection(connection_class):  # type: ignore[misc]
        _segment_reader: SegmentReader | None = None
        _io_buffer: Any
        _segment_codec: Any

        def _enable_checksumming(self) -> None:
            super()._enable_checksumming()
            self._segment_codec = write_segments_leanly(self._segment_codec)

        def process_io_buffer(self) -> None:
            if self._segment_reader is None:
                is_inside_message = self._current_frame or self._io_buffer.cql_frame_buffer.tell()
                if not self._is_checksumming_enabled or is_inside_message:
                    super().process_io_buffer()
                    return
                self._take_over()
            self._read_messages()

        def _take_over(self) -> None:
            """From here on the event loop writes into `ReceivedBytes`; what it has read already goes there as well."""
            received = ReceivedBytes()
            unread = self._iobuf
            received.write(unread.getvalue()[: unread.tell()])
            self._io_buffer = _Buffers(received)
            self._segment_reader = SegmentReader(received, self._segment_codec, driver_connection._Frame)

        def _read_messages(self) -> None:
            self._iobuf.mark_seen()
            assert self._segment_reader is not None
            try:
                for frame, body in self._segment_reader.read_messages():
                    self.process_msg(frame, body)
                    if self.is_defunct or self.is_closed:
                        return
            except CrcException as error:
                self.defunct(driver_connection.CrcMismatchException(str(error), self.endpoint))
            except driver_connection.ProtocolError as error:
                self.defunct(error)

    return SegmentConnection


def is_driver_known(connection_class: type) -> bool:
    """Whether ``connection_class`` and its module have all that reading leanly needs."""
    return (
        _has(connection_class, _CONNECTION_PARTS)
        and _has(driver_connection, _MODULE_PARTS)
        and _has(driver_connection._ConnectionIOBuffer, _BUFFER_PARTS)
        and _has(driver_connection.segment_codec_no_compression, _CODEC_PARTS)
    )


class _Buffers:
    """In the place of the driver's pair of buffers."""

    def __init__(self, io_buffer: Any) -> None:
        self.io_buffer = io_buffer


def _has(owner: Any, names: tuple[str, ...]) -> bool:
    return all(hasattr(owner, name) for name in names)


def write_segments_leanly(codec: Any) -> Any:
    """The `SegmentCodec` to use in the place of the driver's ``codec``, or that one.

    The driver computes the checksum of each segment's header bit by bit in Python, which takes as long as sending the
    segment. With compression, or without the native codec, segments stay the driver's.
    """
    return codec if encode_segments is None or codec.compression else _open_native_codec()


@cache
def _open_native_codec() -> Any:
    # With the first segment: a driver that is not known may have no such module.
    from cassandra.segment import SegmentCodec

    class NativeSegmentCodec(SegmentCodec):  # type: ignore[misc]
        """The driver's codec without compression, but for writing."""

        def encode(self, buffer: Any, msg: bytes) -> None:
            buffer.write(encode_segments(msg))

    return NativeSegmentCodec()
