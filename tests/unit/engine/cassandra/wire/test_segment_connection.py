"""Messages of protocol 5, read by ours and by the driver's own connection from the same bytes."""

from __future__ import annotations

import io
import logging
import random
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from cassandra import connection as driver_connection
from cassandra.segment import Segment, SegmentCodec

from airflow_provider_cqlai.engine.cassandra.codec.decoder import has_native_codec
from airflow_provider_cqlai.engine.cassandra.wire import segment_connection, segment_reader
from airflow_provider_cqlai.engine.cassandra.wire.segment_connection import read_segments_leanly, write_segments_leanly

LZ4_CODEC = driver_connection.segment_codec_lz4


class _RecordingConnection(driver_connection.Connection):  # type: ignore[misc]
    """Keeps the messages; the first of an unsegmented stream switches to segments, as STARTUP's answer does."""

    codec: SegmentCodec = driver_connection.segment_codec_no_compression

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[tuple[int, int, int, int, bytes]] = []
        self.errors: list[BaseException] = []

    def process_msg(self, header: Any, body: bytes) -> None:
        self.messages.append((header.version, header.flags, header.stream, header.opcode, bytes(body)))
        if not self._is_checksumming_enabled:
            self._enable_checksumming()
            self._segment_codec = self.codec

    def defunct(self, exc: BaseException) -> None:
        self.is_defunct = True
        self.errors.append(exc)

    def receive(self, chunk: bytes) -> None:
        """As the driver's event loops do."""
        self._iobuf.write(chunk)
        if self._iobuf.tell():
            self.process_io_buffer()
        else:
            self.is_closed = True


def _message(stream: int, body: bytes) -> bytes:
    return bytes([0x85, 0]) + stream.to_bytes(2, "big", signed=True) + bytes([8]) + len(body).to_bytes(4, "big") + body


def _segments(codec: SegmentCodec, *payloads: bytes) -> bytes:
    stream = io.BytesIO()
    for payload in payloads:
        codec.encode(stream, payload)
    return stream.getvalue()


def _connection(codec: SegmentCodec, *, lean: bool = True) -> Any:
    base = type("WithCodec", (_RecordingConnection,), {"codec": codec})
    return (read_segments_leanly(base) if lean else base)()


def _cut(stream: bytes, source: random.Random, largest: int) -> list[bytes]:
    chunks, start = [], 0
    while start < len(stream):
        length = source.randint(1, largest)
        chunks.append(stream[start : start + length])
        start += length
    return chunks


@pytest.fixture(params=["plain", "lz4"])
def segment_codec(request: pytest.FixtureRequest) -> SegmentCodec:
    if request.param == "plain":
        return driver_connection.segment_codec_no_compression
    if LZ4_CODEC is None:
        pytest.skip("lz4 is not installed")
    return LZ4_CODEC


@pytest.fixture(params=["compiled", "zlib"])
def checksum(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes, int, int, int], int]:
    """What an installation with cargo and one without it check segments with."""
    if request.param == "zlib":
        monkeypatch.setattr(segment_reader, "crc32", segment_reader.crc32_of_zlib)
    elif not has_native_codec():
        pytest.skip("the native codec is not built: no cargo here")
    return segment_reader.crc32


@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 127, 128, 1_000, 131_071])
def test_checksums_are_those_of_zlib(checksum: Callable[[bytes, int, int, int], int], length: int) -> None:
    content = random.Random(length).randbytes(length + 3)
    for value in (0, 1, 0x1234_5678, 0xFFFF_FFFF):
        assert checksum(content, 0, len(content), value) == zlib.crc32(content, value)
        assert checksum(content, 2, length + 2, value) == zlib.crc32(content[2 : length + 2], value)


# A hundred thousand chunks of a few bytes take seconds.
@pytest.mark.parametrize(
    ("largest_chunk", "seed"),
    [
        pytest.param(largest, seed, marks=pytest.mark.slow if largest == 7 and seed else ())
        for largest in (7, 5_000, 300_000)
        for seed in range(8)
    ],
)
def test_messages_are_those_that_the_driver_reads(segment_codec: SegmentCodec, seed: int, largest_chunk: int) -> None:
    source = random.Random(seed)
    lengths = [0, 1, 20, 20, source.randint(0, 5_000), 20]
    # One to three segments each.
    lengths += [Segment.MAX_PAYLOAD_LENGTH - 9, Segment.MAX_PAYLOAD_LENGTH - 8, source.randint(0, 350_000)]
    source.shuffle(lengths)
    messages = [
        _message(number - 1, source.randbytes(length // 2) + bytes(length - length // 2))
        for number, length in enumerate(lengths)
    ]
    several_in_one = b"".join(message for message in messages if len(message) < 30)
    stream = _segments(segment_codec, *messages, several_in_one)
    ours, drivers = _connection(segment_codec), _connection(segment_codec, lean=False)
    # The server sends nothing more before the driver has answered it.
    for connection in ours, drivers:
        connection.receive(_message(0, b"ready"))
    for chunk in _cut(stream, source, largest_chunk):
        ours.receive(chunk)
    # All at once: the driver loses the beginning of a segment's header that comes without its rest.
    drivers.receive(stream)
    assert not drivers.errors
    assert len(drivers.messages) > len(lengths)
    assert ours.messages == drivers.messages
    assert not ours.errors
    assert ours._segment_reader is not None


@pytest.mark.parametrize("place", ["header", "checksum of the header", "payload", "checksum of the payload"])
@pytest.mark.usefixtures("checksum")
def test_a_changed_bit_ends_the_connection_before_its_message_is_seen(segment_codec: SegmentCodec, place: str) -> None:
    good = _segments(segment_codec, _message(1, b"first"))
    bad = bytearray(_segments(segment_codec, _message(2, random.Random(2).randbytes(500))))
    header = segment_codec.header_length
    position = {"header": 0, "checksum of the header": header, "payload": header + 30, "checksum of the payload": -1}
    bad[position[place]] ^= 1
    connection = _connection(segment_codec)
    connection.receive(_message(0, b"ready"))
    connection.receive(good + bytes(bad) + good)
    assert [message[2] for message in connection.messages] == [0, 1]
    assert [type(error) for error in connection.errors] == [driver_connection.CrcMismatchException]


@pytest.mark.parametrize(
    "header", [bytes([0x85, 0, 0, 1, 8, 0xFF, 0xFF, 0xFF, 0xFF]), bytes([0xFF, 0, 0, 1, 8, 0, 0, 0, 0])]
)
def test_a_message_header_without_sense_ends_the_connection(header: bytes) -> None:
    codec = driver_connection.segment_codec_no_compression
    connection = _connection(codec)
    connection.receive(_message(0, b"ready"))
    connection.receive(_segments(codec, header))
    assert [type(error) for error in connection.errors] == [driver_connection.ProtocolError]
    assert len(connection.messages) == 1


def test_a_connection_that_ends_inside_of_a_message_is_seen_as_closed() -> None:
    codec = driver_connection.segment_codec_no_compression
    stream = _segments(codec, _message(1, bytes(1_000)))
    connection = _connection(codec)
    connection.receive(_message(0, b"ready"))
    connection.receive(stream[:500])
    assert not connection.is_closed
    connection.receive(b"")
    assert connection.is_closed


def test_a_message_that_ends_the_connection_is_the_last_one_seen() -> None:
    codec = driver_connection.segment_codec_no_compression

    class Ending(_RecordingConnection):
        def process_msg(self, header: Any, body: bytes) -> None:
            super().process_msg(header, body)
            self.is_defunct = header.stream == 1

    connection = read_segments_leanly(Ending)()
    connection.receive(_message(0, b"ready"))
    connection.receive(_segments(codec, _message(1, b""), _message(2, b"")))
    assert [message[2] for message in connection.messages] == [0, 1]


def test_buffered_rows_stay_out_of_the_drivers_log() -> None:
    codec = driver_connection.segment_codec_no_compression
    connection = _connection(codec)
    connection.receive(_message(0, b"ready"))
    connection.receive(_segments(codec, _message(1, b"secret" * 100))[:500])
    assert connection._iobuf.getvalue() == b""


@pytest.mark.parametrize(
    ("owner", "part"),
    [(driver_connection, "_Frame"), (driver_connection._ConnectionIOBuffer, "cql_frame_buffer")],
)
def test_an_unknown_driver_keeps_its_own_way_of_reading(
    owner: Any, part: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delattr(owner, part)
    with caplog.at_level(logging.INFO, segment_connection.logger.name):
        assert read_segments_leanly(_RecordingConnection) is _RecordingConnection
    assert "not known" in caplog.text


def test_the_installed_driver_is_known() -> None:
    assert segment_connection.is_driver_known(driver_connection.Connection)


@pytest.mark.parametrize("length", [500, 300_000])
def test_what_came_with_the_answer_that_switches_to_segments_is_read_too(length: int) -> None:
    codec = driver_connection.segment_codec_no_compression
    body = random.Random(5).randbytes(length)
    stream = _segments(codec, _message(1, b"first"), _message(2, body), _message(3, b"third"))
    connection = _connection(codec)
    for chunk in (_message(0, b"ready") + stream[: length // 2], stream[length // 2 :]):
        connection.receive(chunk)
    assert [message[4] for message in connection.messages] == [b"ready", b"first", body, b"third"]
    assert (connection._segment_reader is not None) == (length == 500)


@pytest.mark.parametrize("length", [0, 1, 500, 131_062, 131_063, 131_064, 400_000])
def test_messages_are_written_as_the_driver_writes_them(length: int) -> None:
    if not has_native_codec():
        pytest.skip("the native codec is not built: no cargo here")
    codec = driver_connection.segment_codec_no_compression
    ours = write_segments_leanly(codec)
    assert ours is not codec
    message = _message(7, random.Random(length).randbytes(length))
    assert _segments(ours, message) == _segments(codec, message)


def test_compressed_segments_are_written_by_the_driver(segment_codec: SegmentCodec) -> None:
    assert (write_segments_leanly(segment_codec) is segment_codec) == bool(segment_codec.compression)


def test_without_the_native_codec_the_driver_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment_connection, "encode_segments", None)
    codec = driver_connection.segment_codec_no_compression
    assert write_segments_leanly(codec) is codec


def test_a_connection_writes_leanly_once_it_is_in_segments() -> None:
    connection = read_segments_leanly(driver_connection.Connection)("127.0.0.1")
    connection._enable_checksumming()
    assert connection._segment_codec is write_segments_leanly(driver_connection.segment_codec_no_compression)
