"""Counting of repeated keys: the same number in memory and on disk, and nothing left behind."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_cqlai.engine.importing.prepare import duplicate_keys
from airflow_provider_cqlai.engine.importing.prepare.duplicate_keys import DuplicateKeys


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 5) | st.integers(2**64 - 5, 2**64 - 1))))
def test_count_is_exact_over_any_number_of_spills(pieces: list[list[int]]) -> None:
    expected = sum(map(len, pieces)) - len({found for piece in pieces for found in piece})
    for buffered in (3, 10**6):
        with pytest.MonkeyPatch.context() as patch, DuplicateKeys() as keys:
            patch.setattr(duplicate_keys, "_BUFFERED", buffered)
            for piece in pieces:
                keys.add(np.array(piece, np.uint64))
            assert keys.count() == expected


def test_temporary_files_are_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicate_keys, "_BUFFERED", 2)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with DuplicateKeys() as keys:
        keys.add(np.arange(10, dtype=np.uint64))
        assert list(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())


def test_no_keys_are_no_duplicates() -> None:
    with DuplicateKeys() as keys:
        assert keys.count() == 0
