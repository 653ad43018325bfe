"""Temporary directories in memory, where the machine has such a place.

Publishing makes files durable at every step. Its unit tests run thousands of steps and would wait for a disk for four
fifths of their time; integration and fault tests do use the disk.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

_MEMORY = Path("/dev/shm")
_NEEDED_BYTES = 1024**3


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    """pytest's own directory, or one in memory."""
    if not (_MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _NEEDED_BYTES):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix=f"{tmp_path.name}-", dir=_MEMORY, ignore_cleanup_errors=True) as directory:
        yield Path(directory)
