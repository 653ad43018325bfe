"""The compiled half of the native codec, made from ``rust/``; missing where it was installed without cargo."""

from collections.abc import Sequence
from typing import Any

class Decoder:
    """Decodes the pages of one result; ``rust/src/python.rs`` has the plans."""

    def __new__(cls, columns: Sequence[tuple[tuple[Any, ...], bool]]) -> Decoder: ...
    def decode(self, body: bytes, rows_offset: int, row_count: int) -> tuple[Any, list[int]] | None:
        """A capsule of one struct array and, by column, the cells of zero bytes read as null; None on failure."""

class Encoder:
    """Encodes the rows of one statement, by the same plans."""

    def __new__(
        cls,
        columns: Sequence[tuple[tuple[Any, ...], int | None]],
        partition_key: Sequence[int],
        row_prefix: bytes,
    ) -> Encoder: ...
    def encode(
        self, schema: Any, array: Any, is_grouped: bool
    ) -> tuple[Any, bytes, bytes, bytes, list[bytes], bytes] | None:
        """Values as a capsule of one array of bytes, where rows begin, their numbers, where groups begin, routing keys,
        key hashes; None on failure.
        """

def crc32(data: bytes, begin: int, end: int, value: int) -> int:
    """`zlib.crc32` of ``data[begin:end]``, with vector instructions and without giving the interpreter away."""

def encode_segments(message: bytes) -> bytes:
    """A message as protocol 5 sends it where nothing is compressed: in segments with checksums."""
