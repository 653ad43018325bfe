"""Reads protocol 5 with fewer copies: joins received chunks into whole messages (native protocol 5, section 2).

The driver's own buffers copy every byte about six times, a third of what receiving costs; here a byte is checked where
it lies and copied once, into its message. Note: a segment's header may come in two pieces, and the driver loses the
first where it has fewer than 6 bytes.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections import deque
from collections.abc import Iterator
from typing import Any

from cassandra import ProtocolVersion
from cassandra.connection import ProtocolError
from cassandra.segment import CRC32_INITIAL, CRC32_LENGTH, CrcException


def crc32_of_zlib(data: bytes, begin: int, end: int, value: int) -> int:
    """What checks where the native codec is missing."""
    return zlib.crc32(memoryview(data)[begin:end], value)


try:
    from airflow_provider_cqlai._native import crc32
except ImportError:
    # Installed without cargo.
    crc32 = crc32_of_zlib

# Version, flags, stream, opcode, length of the body.
_MESSAGE_HEADER = struct.Struct(">BBhBi")
_VERSION_MASK = 0x7F


class ReceivedBytes:
    """Chunks in the order they came; stands in for the `io.BytesIO` that the driver's event loops write to."""

    def __init__(self) -> None:
        self._chunks: deque[bytes | memoryview] = deque()
        # Bytes of the first chunk that were taken.
        self._begin = 0
        self._unseen_bytes = 0
        self.byte_count = 0

    def write(self, chunk: bytes | memoryview) -> None:
        """Append ``chunk``, which must not change; an event loop writes no bytes at the end of the stream."""
        if chunk:
            self._chunks.append(chunk)
            self.byte_count += len(chunk)
            self._unseen_bytes += len(chunk)

    def tell(self) -> int:
        """Bytes written since `mark_seen`: where an event loop finds none, the server has closed the connection."""
        return self._unseen_bytes

    def mark_seen(self) -> None:
        """What was written has been looked at."""
        self._unseen_bytes = 0

    def getvalue(self) -> bytes:
        """Nothing: the driver logs it with some errors, and it would hold values of rows."""
        return b""

    def take(self, byte_count: int) -> list[bytes | memoryview]:
        """The next ``byte_count`` bytes, which must be there, in the parts that they came in."""
        return self.take_checked(byte_count, None)[0]

    def take_checked(self, byte_count: int, checksum: int | None) -> tuple[list[bytes | memoryview], int | None]:
        """The same and their CRC-32, which begins with ``checksum``; without one it is not computed.

        Chunks must have been written as bytes for it.
        """
        chunks, begin = self._chunks, self._begin
        self.byte_count -= byte_count
        parts = []
        while byte_count:
            chunk = chunks[0]
            length = len(chunk)
            end = begin + byte_count
            if end < length:
                self._begin = end
            else:
                end = length
                chunks.popleft()
                self._begin = 0
            if checksum is not None:
                checksum = crc32(chunk, begin, end, checksum)  # type: ignore[arg-type]
            parts.append(chunk if end - begin == length else memoryview(chunk)[begin:end])
            byte_count -= end - begin
            begin = 0
        return parts, checksum


class SegmentReader:
    """Checks segments and cuts their payload into messages.

    Args:
        received: what the event loop writes to.
        codec: the driver's `SegmentCodec`, which knows headers and compression.
        frame: the driver's class for the header of a message.
    """

    def __init__(self, received: ReceivedBytes, codec: Any, frame: type) -> None:
        self._received = received
        self._codec = codec
        self._frame = frame
        self._raw_header = b""
        # Of the segment, and of the message, that is not complete yet.
        self._header: Any = None
        self._message: Any = None
        self._last_header: Any = None
        self._payload = ReceivedBytes()

    def read_messages(self) -> Iterator[tuple[Any, bytes]]:
        """The header, as the driver has it, and the body of each message that is complete.

        Raises:
            CrcException: a checksum does not agree with its bytes.
            ProtocolError: a message's header makes no sense.
        """
        while self._read_segment():
            yield from self._cut_messages()

    def _read_segment(self) -> bool:
        received = self._received
        if self._header is None:
            if received.byte_count < self._codec.header_length_with_crc:
                return False
            self._header = self._decode_header(b"".join(received.take(self._codec.header_length_with_crc)))
        header = self._header
        if received.byte_count < header.payload_length + CRC32_LENGTH:
            return False
        parts, checksum = received.take_checked(header.payload_length, CRC32_INITIAL)
        expected = int.from_bytes(b"".join(received.take(CRC32_LENGTH)), "little")
        if checksum != expected:
            raise CrcException(f"CRC mismatch on payload. Received {expected:x}, computed {checksum:x}.")
        self._header = None
        if self._codec.compression and header.uncompressed_payload_length > 0:
            parts = [self._codec.decompress(b"".join(parts), header.uncompressed_payload_length)]
        for part in parts:
            self._payload.write(part)
        return True

    def _decode_header(self, raw_header: bytes) -> Any:
        # Inside of a long message all are the same, and a checksum in Python costs more than to compare them.
        if raw_header != self._raw_header:
            self._last_header = self._codec.decode_header(io.BytesIO(raw_header))
            self._raw_header = raw_header
        return self._last_header

    def _cut_messages(self) -> Iterator[tuple[Any, bytes]]:
        payload = self._payload
        while True:
            if self._message is None:
                if payload.byte_count < _MESSAGE_HEADER.size:
                    return
                self._message = self._read_message_header(b"".join(payload.take(_MESSAGE_HEADER.size)))
            message = self._message
            body_length = message.end_pos - message.body_offset
            if payload.byte_count < body_length:
                return
            self._message = None
            yield message, b"".join(payload.take(body_length))

    def _read_message_header(self, raw_header: bytes) -> Any:
        version, flags, stream, opcode, body_length = _MESSAGE_HEADER.unpack(raw_header)
        version &= _VERSION_MASK
        if version not in ProtocolVersion.SUPPORTED_VERSIONS or body_length < 0:
            raise ProtocolError(f"a message of protocol version {version} with a body of {body_length} bytes")
        size = _MESSAGE_HEADER.size
        return self._frame(version, flags, stream, opcode, size, size + body_length)
