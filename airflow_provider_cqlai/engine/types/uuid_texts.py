"""Texts of uuids looked at as a matrix of characters: all rows at once, at a tenth of what a pattern costs."""

from __future__ import annotations

from typing import Any

import numpy as np

_CHARACTERS = 36
_HYPHENS = (8, 13, 18, 23)
# The version is the high half of the seventh byte.
_VERSION = 14
_DIGITS = [place for place in range(_CHARACTERS) if place not in _HYPHENS]
_IS_HEX = np.isin(np.arange(256), np.frombuffer(b"0123456789abcdef", np.uint8))


def canonical_characters(texts: Any) -> np.ndarray | None:
    """The characters of the texts that are not null, one text a line; None unless all are lower-case and hyphenated."""
    plain = texts.drop_null() if texts.null_count else texts
    _, offsets_buffer, characters = plain.buffers()
    if not len(plain) or offsets_buffer is None or characters is None:
        return np.zeros((0, _CHARACTERS), np.uint8) if not len(plain) else None
    offsets = np.frombuffer(offsets_buffer, np.int32)[plain.offset : plain.offset + len(plain) + 1]
    if (np.diff(offsets) != _CHARACTERS).any():
        return None
    lines = np.frombuffer(characters, np.uint8)[offsets[0] : offsets[-1]].reshape(-1, _CHARACTERS)
    if (lines[:, _HYPHENS] != ord("-")).any() or not _IS_HEX[lines[:, _DIGITS]].all():
        return None
    return lines


def are_version_1(lines: np.ndarray) -> bool:
    """Whether every uuid of `canonical_characters` is one of time."""
    return bool((lines[:, _VERSION] == ord("1")).all())
