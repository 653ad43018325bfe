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


def write_unsigned_vint(value: int) -> bytes:
    """The number in as few bytes as it takes."""
    extra_bytes = min(8, max(0, value.bit_length() - 1) // 7)
    number = value.to_bytes(9, "big")[-extra_bytes - 1 :] if extra_bytes < 8 else value.to_bytes(9, "big")
    return bytes([number[0] | 0xFF & ~(0xFF >> extra_bytes)]) + number[1:]


def write_vint(value: int) -> bytes:
    """A signed number of 64 bits."""
    return write_unsigned_vint(value << 1 if value >= 0 else (-value << 1) - 1)
