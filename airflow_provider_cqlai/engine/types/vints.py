"""Cassandra's integers of variable length: the leading one bits of the first byte count the bytes that follow.

The format is that of the native protocol, version 5, section 3 ([unsigned vint] and [vint]).
"""

from __future__ import annotations


def read_unsigned_vint(cell: bytes, offset: int) -> tuple[int, int]:
    """The number at ``offset`` and the offset behind it.

    Raises:
        IndexError: the cell ends first.
    """
    first = cell[offset]
    extra_bytes = 8 - (first ^ 0xFF).bit_length()
    stop = offset + 1 + extra_bytes
    if stop > len(cell):
        raise IndexError("the number ends beyond the cell")
    value = first & (0xFF >> extra_bytes)
    for byte in cell[offset + 1 : stop]:
        value = value << 8 | byte
    return value, stop


def read_vint(cell: bytes, offset: int) -> tuple[int, int]:
    """The signed number at ``offset`` (zig-zag: 0, -1, 1, -2...) and the offset behind it.

    Raises:
        IndexError: the cell ends first.
    """
    value, stop = read_unsigned_vint(cell, offset)
    return (value >> 1) ^ -(value & 1), stop
