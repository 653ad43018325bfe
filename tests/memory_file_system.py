"""A file system in memory of a test's own."""

from __future__ import annotations

from typing import Any

from fsspec.implementations.memory import MemoryFileSystem


def make_memory_file_system() -> Any:
    """An empty one; those that fsspec makes share what is in them."""
    own = type("OwnMemoryFileSystem", (MemoryFileSystem,), {"store": {}, "pseudo_dirs": [""]})
    return own(skip_instance_cache=True)
