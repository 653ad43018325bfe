"""Texts of uuids looked at all at once, at a small part of what a pattern costs."""

from __future__ import annotations

from typing import Any

import numpy as np

_CHARACTERS = 36
_HYPHENS = (8, 13, 18, 23)
# The version is the high half of the seventh byte.
_VERSION = 14
# What each character is (a digit, a hyphen or neither), and what a text must have.
_DIGIT, _HYPHEN, _OTHER = b"dho"
_KINDS = bytes(
    _DIGIT if character in b"0123456789abcdef" else _HYPHEN if character == ord("-") else _OTHER
    for character in range(256)
)
_WANTED = bytes(_HYPHEN if place in _HYPHENS else _DIGIT for place in range(_CHARACTERS))


def are_canonical(texts: Any) -> bool:
    """Whether all texts that are not null are lower-case and hyphenated uuids."""
    lines = _lines(texts)
    # Bytes, since numpy takes five times as long to look characters up.
    return lines is not None and lines.tobytes().translate(_KINDS) == _WANTED * len(lines)


def are_version_1(texts: Any) -> bool:
    """Whether all uuids of canonical texts are of time."""
    lines = _lines(texts)
    assert lines is not None, "the texts are canonical"
    return bool((lines[:, _VERSION] == ord("1")).all())


def _lines(texts: Any) -> np.ndarray | None:
    """The characters of the texts that are not null, one text a line; None where one has another length."""
    plain = texts.drop_null() if texts.null_count else texts
    if not len(plain):
        return np.zeros((0, _CHARACTERS), np.uint8)
    _, offsets_buffer, characters = plain.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int32)[plain.offset : plain.offset + len(plain) + 1]
    if characters is None or (offsets[1:] - offsets[:-1] != _CHARACTERS).any():
        return None
    return np.frombuffer(characters, np.uint8)[offsets[0] : offsets[-1]].reshape(-1, _CHARACTERS)
